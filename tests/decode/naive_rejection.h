// The ratio test written a second time, slowly, from the papers' statements, with switches that break it.  Without a
// fault it is the oracle of verifiers/rejection; with one it shows that the enumeration tests can fail.
#pragma once

#include "framework/decode/verifier.h"

namespace specula::testing {

enum class Fault {
  kNone,
  kResidualNotNormalised,  // P <- (P-q)+ and the next sibling is judged by it as it is
  kReusedUniform,          // the residual is drawn with the uniform that rejected
  kAcceptAtEquality        // u <= h: with u = 0 a token of no probability passes
};

class NaiveRejection final : public Verifier {
 public:
  explicit NaiveRejection(Fault fault = Fault::kNone) : fault_(fault) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override;

 private:
  Fault fault_;
};

}  // namespace specula::testing
