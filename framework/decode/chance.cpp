#include "framework/decode/chance.h"

#include "framework/decode/coupled_draw.h"
#include "framework/decode/sampler.h"

namespace specula {

int KeyedChance::choose(std::span<const double> h, int row) {
  double u = keys_.uniform(Use::kAccept, request_, start_, static_cast<uint32_t>(row));
  for (size_t j = 0; j < h.size(); ++j) {
    if (u < h[j]) return static_cast<int>(j);
    u -= h[j];
  }
  return -1;
}

Token KeyedChance::draw_target(const float* p, int64_t vocab, int depth) {
  return pick(p, vocab, keys_.uniform(Use::kTarget, request_, start_ + depth, 0));
}

Token KeyedChance::draw_coupled(const float* p, int64_t vocab, int depth) {
  return coupled_draw(p, vocab, keys_, request_, start_ + depth);
}

Token KeyedChance::emit(const Residual& left, int node, int depth) {
  const double u = left.untouched() ? keys_.uniform(Use::kTarget, request_, start_ + depth, 0)
                                    : keys_.uniform(Use::kResidual, request_, start_, static_cast<uint32_t>(node));
  return left.draw(u);
}

namespace {

// Keyed chances that own their keys.
class ForkedChance final : public Chance {
 public:
  ForkedChance(const Keyring& keys, int64_t request, int64_t start) : keys_(keys), chance_(keys_, request, start) {}
  int choose(std::span<const double> h, int row) override { return chance_.choose(h, row); }
  Token draw_target(const float* p, int64_t vocab, int depth) override { return chance_.draw_target(p, vocab, depth); }
  Token draw_coupled(const float* p, int64_t vocab, int depth) override {
    return chance_.draw_coupled(p, vocab, depth);
  }
  Token emit(const Residual& left, int node, int depth) override { return chance_.emit(left, node, depth); }

 private:
  const Keyring keys_;
  KeyedChance chance_;
};

}  // namespace

std::unique_ptr<Chance> KeyedChance::fork(uint32_t stream) const {
  return std::make_unique<ForkedChance>(keys_.fork(stream), request_, start_);
}

}  // namespace specula
