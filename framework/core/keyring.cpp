#include "framework/core/keyring.h"

#include <mutex>
#include <set>
#include <tuple>
#include <utility>

#include "framework/core/error.h"

namespace specula {

namespace {

class KeyAudit final : public KeyTap {
 public:
  double uniform(uint64_t seed, Use use, int64_t request, int64_t position, uint32_t index, double value) override {
    if (use == Use::kTarget || is_shared(use)) return value;
    const std::lock_guard lock(mutex_);
    const bool fresh = seen_.emplace(seed, static_cast<uint32_t>(use), request, position, index).second;
    SPECULA_CHECK(fresh, "key drawn twice: use ", static_cast<uint32_t>(use), ", request ", request, ", position ",
                  position, ", index ", index);
    return value;
  }

 private:
  std::mutex mutex_;
  std::set<std::tuple<uint64_t, uint32_t, int64_t, int64_t, uint32_t>> seen_;
};

}  // namespace

PhiloxCounter philox4x32_10(PhiloxCounter c, PhiloxKey k) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = uint64_t{0xD2511F53} * c[0];
    const uint64_t product1 = uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<uint32_t>(product1 >> 32) ^ c[1] ^ k[0], static_cast<uint32_t>(product1),
         static_cast<uint32_t>(product0 >> 32) ^ c[3] ^ k[1], static_cast<uint32_t>(product0)};
    k = {k[0] + 0x9E3779B9, k[1] + 0xBB67AE85};
  }
  return c;
}

namespace {

constexpr uint32_t kForkLabel = 0x666f726b;   // keeps the derivation of forks apart from the derivation of use keys
constexpr uint32_t kNestLabel = 0x6e657374;   // and of nested drafters from that of forks
constexpr uint32_t kOuterLabel = 0x6f757465;  // and that of rounds inside a round

PhiloxCounter derive(uint64_t seed, uint32_t label, uint32_t which) {
  return philox4x32_10({which, label, 0, 0}, {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

uint64_t word(const PhiloxCounter& d) { return uint64_t{d[0]} << 32 | d[1]; }

// `mark` and one number more.
uint64_t mixed(uint64_t mark, int64_t number) {
  const auto wide = static_cast<uint64_t>(number);
  return word(philox4x32_10({static_cast<uint32_t>(wide), static_cast<uint32_t>(wide >> 32), kOuterLabel, 0},
                            {static_cast<uint32_t>(mark), static_cast<uint32_t>(mark >> 32)}));
}

}  // namespace

Keyring::Keyring(uint64_t seed) : seed_(seed), shared_seed_(seed) {
  for (uint32_t use = 0; use < kNumUses; ++use) {
    const PhiloxCounter d = derive(seed, 0, use);
    keys_[use] = {d[0], d[1]};
  }
}

double Keyring::uniform(Use use, int64_t request, int64_t position, uint32_t index) const {
  SPECULA_DCHECK(position >= 0 && position <= UINT32_MAX, position);
  const auto wide = static_cast<uint64_t>(request);
  PhiloxKey key = keys_[static_cast<uint32_t>(use)];
  uint64_t seed = is_shared(use) ? shared_seed_ : seed_;
  if (outer_ != nullptr && !is_shared(use)) {
    const auto round = outer_->find(request);
    SPECULA_CHECK(round != outer_->end(), "request ", request, " is not in the outer round");
    seed = mixed(seed, static_cast<int64_t>(round->second));
    const uint64_t own = mixed(uint64_t{key[1]} << 32 | key[0], static_cast<int64_t>(round->second));
    key = {static_cast<uint32_t>(own), static_cast<uint32_t>(own >> 32)};
  }
  const PhiloxCounter r = philox4x32_10(
      {static_cast<uint32_t>(position), index, static_cast<uint32_t>(wide), static_cast<uint32_t>(wide >> 32)}, key);
  const uint64_t bits = (uint64_t{r[0]} << 32 | r[1]) >> 11;
  const double value = static_cast<double>(bits) * 0x1p-53;
  return tap_ == nullptr ? value : tap_->uniform(seed, use, request, position, index, value);
}

Keyring Keyring::fork(uint32_t stream) const {
  Keyring child(word(derive(seed_, kForkLabel, stream)));
  child.tap_ = tap_;
  child.outer_ = outer_;
  return child;
}

Keyring Keyring::nest(uint32_t stream) const {
  Keyring child(word(derive(seed_, kNestLabel, stream)));
  child.tap_ = tap_;
  child.outer_ = outer_;
  for (const Use use : {Use::kCoupled, Use::kProcessor}) {
    const auto which = static_cast<size_t>(use);
    child.keys_[which] = keys_[which];
  }
  child.shared_seed_ = shared_seed_;
  return child;
}

Keyring Keyring::within(std::span<const int64_t> requests, std::span<const int64_t> starts) const {
  SPECULA_CHECK(requests.size() == starts.size(), requests.size(), " requests, ", starts.size(), " starts");
  auto outer = std::make_shared<std::map<int64_t, uint64_t>>();
  for (size_t b = 0; b < requests.size(); ++b) {
    const uint64_t above = outer_ == nullptr ? 0 : outer_->at(requests[b]);
    outer->emplace(requests[b], mixed(above, starts[b]));
  }
  Keyring child = *this;
  child.outer_ = std::move(outer);
  return child;
}

void Keyring::audit() { tap_ = std::make_shared<KeyAudit>(); }

void Keyring::tap(std::shared_ptr<KeyTap> tap) { tap_ = std::move(tap); }

}  // namespace specula
