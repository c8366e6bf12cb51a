// The ratio test written a second time, slowly, from the papers' statements, with switches that break it.  Without a
// fault it is the oracle of verifiers/rejection; with one it shows that the enumeration tests can fail.
#pragma once

#include "framework/decode/verifier.h"

namespace specula::testing {

enum class Fault {
  kNone,
  kResidualNotNormalised,  // P <- (P-q)+ and the next sibling is judged by it as it is
};

class NaiveRejection final : public Verifier {
 public:
  explicit NaiveRejection(Fault fault = Fault::kNone) : fault_(fault) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  Fault fault_;
};

// Keyed chances with a fault of their own.
enum class KeyFault {
  kReusedUniform,    // the residual is drawn with the uniform that rejected last
  kAcceptAtEquality  // u <= h: with u = 0 a token of no probability passes
};

class FaultyChance final : public Chance {
 public:
  FaultyChance(const Keyring& keys, KeyFault fault) : keys_(keys), sound_(keys, 0, 1), fault_(fault) {}
  int choose(std::span<const double> h, int row) override;
  Token draw_target(const float* p, int64_t vocab, int depth) override { return sound_.draw_target(p, vocab, depth); }
  Token draw_coupled(const float* p, int64_t vocab, int depth) override { return sound_.draw_coupled(p, vocab, depth); }
  Token emit(const Residual& left, int node, int depth) override;

 private:
  const Keyring& keys_;
  KeyedChance sound_;
  KeyFault fault_;
  double last_u_ = 0;
};

}  // namespace specula::testing
