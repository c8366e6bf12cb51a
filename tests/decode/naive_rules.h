// Acceptance rules as their papers state them, in plain loops over doubles and without a thought for speed: what the
// rules of verifiers/ are compared with, and where faults are planted.
#pragma once

#include "framework/decode/verifier.h"

namespace specula::testing {

enum class BlockFault { kNone, kCoinOfTheLast, kResidualOfTheRatioTest };
class NaiveBlock final : public Verifier {  // Sun et al. 2024, alg. 2; chains drawn i.i.d.
 public:
  explicit NaiveBlock(BlockFault fault = BlockFault::kNone) : fault_(fault) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  BlockFault fault_;
};

enum class TraversalFault { kNone, kKeepsRatesBelow, kOwnRateFromParent };
class NaiveTraversal final : public Verifier {  // Weng et al. 2025: every live node keeps its rate, P and Q
 public:
  explicit NaiveTraversal(TraversalFault fault = TraversalFault::kNone) : fault_(fault) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  TraversalFault fault_;
};

class NaiveKSeq final : public Verifier {  // Sun et al. 2023, alg. 3, with `factor` times the rho that solves it
 public:
  explicit NaiveKSeq(double factor = 1) : factor_(factor) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  double factor_;
};

}  // namespace specula::testing
