// What the tests of single rules share: a rule by its call text, rows and trees by hand, laws by name.
#pragma once

#include <gtest/gtest.h>

#include "framework/certify/toy.h"
#include "framework/decode/compose.h"
#include "framework/decode/round_law.h"

namespace specula::testing {

struct RuleByCall {
  explicit RuleByCall(const std::string& call);  // "lenience(l=0.5)"
  Facts facts;
  std::unique_ptr<Verifier> verifier;
};

Sampler sampler_by_call(const std::string& calls);

// p [R][V] under `tree`, with uniforms by use and index.
using Uniforms = std::function<double(Use use, uint32_t index)>;
Verdict verdict_of(const Verifier& rule, const DraftTree& tree, const std::vector<Row>& p, const Uniforms& uniforms);
Verdict verdict_of(const Verifier& rule, const DraftTree& tree, const Tensor& p, uint64_t seed, int64_t request);

// Total variation between what two rules do with the same round: where the path ends and the token after it.
double distance_of_rounds(const Verifier& a, const Verifier& b, const DraftTree& tree, const Tensor& p);

// The law of the first token that a round emits, over all drafts of the shape.
Row law_of_first_token(const Toy& toy, const Verifier& rule, const Prefix& prefix, const Shape& shape);
double distance_of_rows(const Row& a, const Row& b);

constexpr double kExactLaw = 2e-6;  // p and q are float32
constexpr double kRefutedLaw = 5e-3;

}  // namespace specula::testing
