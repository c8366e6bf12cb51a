// The law that a drafted row was drawn from, given its earlier siblings: what rules that judge siblings one after the
// other share.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/decode/probability.h"
#include "framework/decode/round_rows.h"

namespace specula {

class RowLaw {
 public:
  // `earlier`: tokens of the siblings judged before.  Drawn without replacement, q gives them no mass and is
  // renormalised; a point is all on its token.  Throws std::logic_error if q gives the row's own token none.
  RowLaw(const DraftTree& tree, const RoundRows& rows, int row, const std::vector<Token>& earlier);

  double at_token() const { return at_token_; }  // Q(x) of the row's own token

  // P <- norm((weight P - Q)+) for 0 <= weight <= 1; returns the mass before it was normalised.  Where nothing is left,
  // or weight is below what a uniform resolves, P stays and 0 is returned.
  double reject(Residual& left, double weight) const;
  // The mass alone, of p [vocab] as it is and of a law without removed tokens.
  double rest(const float* p, int64_t vocab, double weight) const;

 private:
  const float* q_ = nullptr;  // [V]; null: a point
  Token token_;
  double scale_ = 1, at_token_ = 1;
  std::vector<Token> removed_{};
};

// The probability with which a block of that weight is kept once it was found that it does not go on, `rest` being what
// is left of the law after it: rest / (rest + 1 - weight); 0 where nothing is (Sun et al. 2024, alg. 2).
double kept_of(double rest, double weight);

// The expected accepted length of a chain under block verification (Sun et al. 2024, alg. 2): the sum over i of P_i =
// min(1, P_{i-1} p(d_i)/q(d_i)), each over its own token where that was drawn: sum of min(q, P_{i-1} p).
double expected_accepted_by_block(const DraftTree& tree, const RoundRows& rows);

}  // namespace specula
