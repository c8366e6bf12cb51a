// The random choices of an acceptance rule, by what they mean.  In a run each is a keyed uniform (KeyedChance); where a
// law is wanted, every branch is taken with its exact probability instead (round_law.h), so that what is certified is
// the rule that runs and not a second version of it.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "framework/core/keyring.h"
#include "framework/decode/probability.h"

namespace specula {

class Chance {
 public:
  virtual ~Chance() = default;

  // j with probability h[j], -1 with what is left of 1: the coin of tree row `row`.  A rule tosses it once in a round.
  virtual int choose(std::span<const double> h, int row) = 0;
  bool accept(double h, int row) { return choose({&h, 1}, row) == 0; }

  // The target's own draw after a row at `depth` (the root has 0): keyed by absolute position, so the same whatever was
  // drafted.  p [V] as the policy left it.
  virtual Token draw_target(const float* p, int64_t vocab, int depth) = 0;
  // The same draw as a race, argmin E(x)/p(x), whose exponential noise E a coupled draft was drawn with too.
  virtual Token draw_coupled(const float* p, int64_t vocab, int depth) = 0;

  // The token that ends the round after row `node`, whose depth is given: what is left of p there.  The last choice of
  // a rule; p untouched is the target's own draw.
  virtual Token emit(const Residual& left, int node, int depth) = 0;

  // Chances of the same round apart from these, for a second rule that is only watched.  Null where branches are being
  // enumerated: then nobody hears what is found.
  virtual std::unique_ptr<Chance> fork(uint32_t /*stream*/) const { return nullptr; }
};

// kAccept and kResidual are keyed by the round's start and the row, the target's own draws by absolute position.
class KeyedChance final : public Chance {
 public:
  // start: absolute position of the first token that this round emits
  KeyedChance(const Keyring& keys, int64_t request, int64_t start) : keys_(keys), request_(request), start_(start) {}
  int choose(std::span<const double> h, int row) override;
  Token draw_target(const float* p, int64_t vocab, int depth) override;
  Token draw_coupled(const float* p, int64_t vocab, int depth) override;
  Token emit(const Residual& left, int node, int depth) override;
  std::unique_ptr<Chance> fork(uint32_t stream) const override;

 private:
  const Keyring& keys_;
  int64_t request_, start_;
};

}  // namespace specula
