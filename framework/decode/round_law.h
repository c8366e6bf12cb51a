// What a rule does with a given round, exactly: every branch of its chances is taken with its probability, so that a
// law of 4096 tokens costs a few runs of the rule and no sampling.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <vector>

#include "framework/decode/verifier.h"

namespace specula {

struct RoundLaw {
  std::vector<double> ends;               // [R] probability that the accepted path ends at the row
  std::vector<std::vector<double>> next;  // [R][V] of that, the part with each next token; empty where ends is 0
};

// Given the tree and p.  No value for rules that race with coupled noise (draw_coupled): they have no coins.
std::optional<RoundLaw> law_of_round(const Verifier& rule, const DraftTree& tree, const Tensor& p);
std::optional<std::vector<double>> ends_of_round(const Verifier& rule, const DraftTree& tree, const Tensor& p);

// [vocab] of the first token that the round emits: the first of the path, or where that is empty the next token.
std::vector<double> law_of_first_token(const RoundLaw& law, const DraftTree& tree, int64_t vocab);
double mean_length(const std::vector<double>& ends, const DraftTree& tree);  // of the accepted path

// The rule's closed form where it has one, else from the ends, else - for coupled rules without a form - from
// `draws` keyed runs of the rule.
double expected_accepted(const Verifier& rule, const DraftTree& tree, const Tensor& p, int draws = 1000);

}  // namespace specula
