// The base of rules that are exact for a mixture of p and q: they differ in the mixture and share the rest.  The ratio
// test runs towards the mixture, and the token that ends a round follows it at every row - after a full accept and on
// an empty draft too, which is why q is needed after each row (drawn from p instead, the text follows neither law).
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {

class MixtureRule : public Verifier {
 public:
  Tensor law(const DraftTree& tree, const Tensor& p) const final;
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const final;
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const final;

 private:
  // The law of the token after a row, from p and q there; all [vocab], each sums to 1.
  virtual void mix(const float* p, const float* q, int64_t vocab, float* mixture) const = 0;
  class Rows;
};

Facts facts_of_mixture_rule();

}  // namespace specula
