// Every random number of the program: a pure function of (seed, use, request, position, index), so that nothing is
// seeded, saved or shared, and a request draws the same numbers alone, in a batch, after a resume and on another shard.
// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), checked against Random123's
// known-answer vectors.  Licence: Apache-2.0.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>

namespace specula {

// kDraft, kAccept, kResidual, kSearch: position = start of the round (the absolute position of the first token it
// emits), index = tree row and draw.  kTarget, kCoupled and kProcessor: position of the token itself, so that plain
// sampling and `agreement` give the same text whatever was drafted, and p and q of one position see one coin of a
// logits processor.  No key is drawn twice, except those three, which are meant to be.
enum class Use : uint32_t { kDraft, kAccept, kResidual, kSearch, kProcessor, kTarget, kCoupled };
inline constexpr int kNumUses = 7;
// Whether a drafter inside another, and a round inside a round, draws the outer numbers.
constexpr bool is_shared(Use use) { return use == Use::kCoupled || use == Use::kProcessor; }

using PhiloxCounter = std::array<uint32_t, 4>;
using PhiloxKey = std::array<uint32_t, 2>;
PhiloxCounter philox4x32_10(PhiloxCounter counter, PhiloxKey key);

// Sees every draw of a keyring and may replace it: the audit of debug runs, and the tests' enumeration of every
// outcome.
class KeyTap {
 public:
  virtual ~KeyTap() = default;
  // `value` is what the generator gave; returns what the caller gets.
  virtual double uniform(uint64_t seed, Use use, int64_t request, int64_t position, uint32_t index, double value) = 0;
  virtual void told(int64_t /*decided*/) {}
};

class Keyring {
 public:
  explicit Keyring(uint64_t seed);
  // Uniform in [0,1) with 53 bits: accept iff u < h, never <=.
  double uniform(Use use, int64_t request, int64_t position, uint32_t index) const;
  // Independent keys for a loop inside a loop (reusing the outer keys is biased: the planted fault
  // outer_keys_reused_in_inner_loop).
  Keyring fork(uint32_t stream) const;
  // For a drafter inside another: a fork whose shared uses stay this one's, since a coupled draft must race with the
  // noise that the verifier races with, and a policy must be the target's at each position.
  Keyring nest(uint32_t stream) const;
  // For rounds inside a round: keys that differ from one start[b] of requests[b] to another, since inner rounds come
  // to the same position again when the outer round dropped what they wrote.  Shared uses stay.  Other requests
  // throw std::logic_error.
  Keyring within(std::span<const int64_t> requests, std::span<const int64_t> starts) const;
  // What a draw decided where neither the draft nor the path shows it (which drafter was chosen, a token that was
  // dropped again), so that an enumeration can cut there.  Costs nothing without a tap.
  void tell(int64_t decided) const {
    if (tap_ != nullptr) tap_->told(decided);
  }
  // Debug mode: this keyring, its copies and its forks throw std::logic_error when a key that must be fresh is drawn
  // twice.
  void audit();
  void tap(std::shared_ptr<KeyTap> tap);  // null: none
  // For whoever makes many draws at once: the key of a use, and whether each draw must be shown to a tap instead.
  PhiloxKey key(Use use) const { return keys_[static_cast<uint32_t>(use)]; }
  bool is_tapped() const { return tap_ != nullptr; }

 private:
  uint64_t seed_, shared_seed_;
  std::array<PhiloxKey, kNumUses> keys_;  // one key per use, derived once
  // By request, what sets the keys of one outer round apart; null: no outer round.  Shared: it never changes.
  std::shared_ptr<const std::map<int64_t, uint64_t>> outer_{};
  std::shared_ptr<KeyTap> tap_;  // shared: a copy or a fork must be watched together with its origin
};

}  // namespace specula
