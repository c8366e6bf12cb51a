// ensemble and cascade: their laws by hand, their texts by enumeration, and the two faults that such rules are known
// for.
#include <gtest/gtest.h>

#include "framework/decode/ratio_test.h"
#include "tests/decode/rule_bench.h"

namespace specula::testing {
namespace {

const Prefix kPrompt = {0, 1, 0};
const Shape kChain2 = {"chain2", {0, 1}, {Draw::kIid, Draw::kIid}};
const Shape kNothing = {"nothing"};

// The law of `rule` after the root, with p and q by hand.
Row law_after_root(const std::string& rule, const Row& p, const Row& q) {
  DraftTree tree = DraftTree::root_only(0);
  tree.q = tensor_of({q});
  tree.q_next[0] = 0;
  const Tensor law = RuleByCall(rule).verifier->law(tree, tensor_of({p}));
  return {law.const_data_ptr<float>(), law.const_data_ptr<float>() + law.numel()};
}

struct HandCase {
  const char* call;
  Row expected;
};

TEST(Cascade, LawsByHand) {
  const Row p = {.6, .3, .1}, q = {.2, .5, .3};  // TV .4
  const HandCase cases[] = {
      {"cascade(rule=chow, alpha=0.4)", p},  // .5 < .6
      {"cascade(rule=chow, alpha=0.6)", q},
      {"cascade(rule=diff, alpha=0.05)", p},  // .5 < .55
      {"cascade(rule=diff, alpha=0.2)", q},
      {"cascade(rule=opt, alpha=0.2)", p},  // .5 < .6 - .08
      {"cascade(rule=opt, alpha=0.5)", q},
      {"cascade(rule=token, alpha=0.35)", {.2 + .6 * .3, .5 + .3 * .3, .1 * .3}},  // p < .25 is refused: token 2
      {"cascade(rule=token, alpha=0.2)", {.2 + .6 * .8, .3 * .8, .1 * .8}},
  };
  for (const HandCase& c : cases) EXPECT_LT(distance_of_rows(law_after_root(c.call, p, q), c.expected), 1e-6) << c.call;
}

TEST(Ensemble, LawByHandAndItsEnds) {
  const Row p = {.6, .3, .1}, q = {.2, .5, .3};
  EXPECT_LT(distance_of_rows(law_after_root("ensemble(weight=0.25)", p, q), {.3, .45, .25}), 1e-6);
  EXPECT_LT(distance_of_rows(law_after_root("ensemble(weight=1)", p, q), p), 1e-7);
  EXPECT_LT(distance_of_rows(law_after_root("ensemble(weight=0)", p, q), q), 1e-7);
}

TEST(MixtureRules, TextsFollowTheirLawWithEveryOption) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(3, 3, sampler);
  for (const char* call :
       {"ensemble(weight=0.3)", "ensemble(weight=1)", "cascade(rule=chow, alpha=0.4)", "cascade(rule=diff, alpha=0.05)",
        "cascade(rule=opt, alpha=0.3)", "cascade(rule=token, alpha=0.2)"}) {
    const RuleByCall rule(call);
    EXPECT_EQ(rule.facts.guarantee, Guarantee::kMixture);
    EXPECT_TRUE(rule.facts.q_next);
    for (const Shape& shape :
         {kNothing, kChain2,
          Shape{"tree", {0, 0, 1}, {Draw::kWithoutReplacement, Draw::kWithoutReplacement, Draw::kPoint}}})
      EXPECT_LT(error_of(toy, *rule.verifier, shape, 4), kExactLaw) << call << " " << shape.name;
  }
}

// w = 1 is the target itself; less is not, so that the law above is no empty word.
TEST(MixtureRules, OnlyAWholeWeightGivesTheTarget) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(3, 3, sampler);
  const auto distance_from_p = [&](const char* call) {
    return distance_of_rows(law_of_first_token(toy, *RuleByCall(call).verifier, kPrompt, kChain2), toy.p(kPrompt));
  };
  EXPECT_LT(distance_from_p("ensemble(weight=1)"), kExactLaw);
  EXPECT_GT(distance_from_p("ensemble(weight=0.5)"), kRefutedLaw);
  EXPECT_GT(distance_from_p("cascade(rule=token, alpha=0.3)"), kRefutedLaw);
}

TEST(Ensemble, AcceptsOneMinusWeightTimesTotalVariation) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(4, 5, sampler);
  const double tv = distance_of_rows(toy.p(kPrompt), toy.q(kPrompt));
  for (const double w : {0.0, 0.4, 1.0}) {
    const RuleByCall rule(cat("ensemble(weight=", w, ")"));
    double mean = 0;
    for (const WeightedTree& t : draw_trees(toy, kPrompt, {"chain1", {0}, {Draw::kIid}}))
      mean += t.mass * expected_accepted(*rule.verifier, t.tree, p_rows(toy, kPrompt, t.tree));
    EXPECT_NEAR(mean, 1 - w * tv, 1e-6) << w;
  }
}

// ---- planted faults ----

// Says that it follows `honest`'s law, and runs the ratio test towards another.
class Faulty final : public Verifier {
 public:
  enum class Fault { kBonusFromP, kMaskAndRenormalise };
  Faulty(const std::string& honest, Fault fault) : honest_(honest), fault_(fault) {}
  Tensor law(const DraftTree& tree, const Tensor& p) const override { return honest_.verifier->law(tree, p); }
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const Tensor law = honest_.verifier->law(tree, evidence.p);
    std::vector<std::vector<float>> followed;
    for (int row = 0; row < tree.size(); ++row) {
      const float* own = law.const_data_ptr<float>() + row * rows.vocab();
      const bool from_p = fault_ == Fault::kBonusFromP && tree.children(row).empty();
      followed.push_back(
          fault_ == Fault::kMaskAndRenormalise
              ? masked(rows.p(row), rows.q_next(row), rows.vocab())
              : std::vector<float>(from_p ? rows.p(row) : own, (from_p ? rows.p(row) : own) + rows.vocab()));
    }
    return ratio_test(
        tree, rows, [&](int row) { return followed[row].data(); }, evidence.chance);
  }

 private:
  // q without the tokens that cascade(rule=token, alpha=0.3) refuses.
  static std::vector<float> masked(const float* p, const float* q, int64_t vocab) {
    const float bar = *std::max_element(p, p + vocab) - 0.3F;
    std::vector<float> left(q, q + vocab);
    for (int64_t x = 0; x < vocab; ++x) left[x] = p[x] < bar ? 0 : left[x];
    const auto sum = static_cast<float>(total(left.data(), vocab));
    for (float& mass : left) mass /= sum;
    return left;
  }
  RuleByCall honest_;
  Fault fault_;
};

TEST(MixtureFaults, ABonusDrawnFromTheTargetIsRefuted) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(3, 3, sampler);
  for (const char* call : {"ensemble", "cascade(rule=diff, alpha=0.2)"}) {
    const Faulty faulty(call, Faulty::Fault::kBonusFromP);
    EXPECT_GT(error_of(toy, faulty, kChain2, 4), kRefutedLaw) << call;
    EXPECT_GT(error_of(toy, faulty, kNothing, 2), kRefutedLaw) << call << ", empty drafts";
  }
}

TEST(MixtureFaults, MaskingAndRenormalisingIsRefuted) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(3, 3, sampler);
  const std::string call = "cascade(rule=token, alpha=0.3)";
  EXPECT_LT(error_of(toy, *RuleByCall(call).verifier, kChain2, 3), kExactLaw);
  EXPECT_GT(error_of(toy, Faulty(call, Faulty::Fault::kMaskAndRenormalise), kChain2, 3), kRefutedLaw);
}

}  // namespace
}  // namespace specula::testing
