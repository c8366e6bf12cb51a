// check: the verdict is the first rule's own, the notes are what the two rules' laws say, and names are checked.
#include <gtest/gtest.h>

#include "tests/decode/rule_bench.h"

namespace specula::testing {
namespace {

const Prefix kPrompt = {0, 1, 0};

std::optional<double> note_of(const Verdict& verdict, const std::string& name) {
  for (const auto& [key, value] : verdict.notes) {
    if (key == name) return value;
  }
  return std::nullopt;
}

struct Judged {
  Verdict alone, checked;
  DraftTree tree;
  Tensor p;
};

// Every drafted tree of the shape, judged by `rule` alone and by `rule` under check, with the same keys.
std::vector<Judged> judge_all(const std::string& rule, const std::string& against, const Shape& shape) {
  static const Sampler sampler = sampler_by_call("temperature(0.9)");
  const Toy toy(6, 4, sampler);
  const RuleByCall alone(rule), both(cat("check(rule=\"", rule, "\", against=\"", against, "\")"));
  std::vector<Judged> all;
  for (const WeightedTree& w : draw_trees(toy, kPrompt, shape)) {
    const Tensor p = p_rows(toy, kPrompt, w.tree);
    const auto request = static_cast<int64_t>(all.size());
    all.push_back({verdict_of(*alone.verifier, w.tree, p, 8, request),
                   verdict_of(*both.verifier, w.tree, p, 8, request), w.tree, p});
  }
  return all;
}

const Shape kChain2 = {"chain2", {0, 1}, {Draw::kIid, Draw::kIid}};
const Shape kPoints = {"points", {0, 0, 1}, {Draw::kPoint, Draw::kPoint, Draw::kPoint}};

TEST(Check, TheVerdictIsTheRulesOwn) {
  for (const char* against : {"lenience", "agreement"}) {
    for (const Judged& j : judge_all("rejection", against, kChain2)) {
      EXPECT_EQ(j.checked.path, j.alone.path);
      EXPECT_EQ(j.checked.next, j.alone.next);
    }
  }
}

TEST(Check, NotesSayWhatTheLawsSay) {
  const RuleByCall rejection("rejection"), lenience("lenience(l=0.5)");
  double most = 0, accepted_by_other = 0;
  for (const Judged& j : judge_all("rejection", "lenience(l=0.5)", kChain2)) {
    EXPECT_DOUBLE_EQ(*note_of(j.checked, "rule_expected_accepted"),
                     expected_accepted(*rejection.verifier, j.tree, j.p));
    EXPECT_DOUBLE_EQ(*note_of(j.checked, "against_expected_accepted"),
                     expected_accepted(*lenience.verifier, j.tree, j.p));
    EXPECT_GE(*note_of(j.checked, "rule_us"), 0);
    EXPECT_GE(*note_of(j.checked, "against_us"), 0);
    most = std::max(most, *note_of(j.checked, "law_tv"));
    accepted_by_other += *note_of(j.checked, "against_accepted");
  }
  EXPECT_GT(most, 1e-3) << "a lenient coin accepts other drafts";
  EXPECT_GT(accepted_by_other, 0);
}

TEST(Check, EqualLawsHaveNoDistance) {
  for (const Judged& j : judge_all("rejection", "rejection", kChain2)) EXPECT_EQ(*note_of(j.checked, "law_tv"), 0);
  for (const Judged& j : judge_all("threshold", "rejection", kPoints)) EXPECT_LT(*note_of(j.checked, "law_tv"), 1e-7);
}

// Of the first token, wherever the round ends: the lenient rule always begins with 1, the ratio test in half the
// rounds.
TEST(Check, TheDistanceIsOfTheFirstToken) {
  const RuleByCall both("check(rule=rejection, against=\"lenience(l=0.5)\")");
  const DraftTree tree = DraftTree::chain_of_points(0, {1, 2});
  const Tensor p = tensor_of({{0.2, 0.5, 0.3}, {0.1, 0.2, 0.7}, {1, 0, 0}});
  EXPECT_NEAR(*note_of(verdict_of(*both.verifier, tree, p, 8, 0), "law_tv"), 0.5, 1e-6);
}

TEST(Check, ARaceHasNoLawToCompare) {
  for (const Judged& j : judge_all("rejection", "gumbel_coupled", {"coupled", {0}, {Draw::kCoupled}})) {
    EXPECT_FALSE(note_of(j.checked, "law_tv").has_value());
    EXPECT_TRUE(note_of(j.checked, "against_expected_accepted").has_value());
  }
}

// The fault this guards against: the second rule judged with the first one's coins, which an audit refuses.
TEST(Check, TheSecondRuleTossesCoinsOfItsOwn) {
  int differ = 0;
  for (const Judged& j :
       judge_all("rejection", "rejection", {"chain3", {0, 1, 2}, {Draw::kIid, Draw::kIid, Draw::kIid}}))
    differ += *note_of(j.checked, "against_accepted") != static_cast<double>(j.alone.path.size()) ? 1 : 0;
  EXPECT_GT(differ, 0);
}

TEST(Check, FactsAreWhatBothRulesTake) {
  const Facts tree = RuleByCall("check(rule=threshold, against=rejection)").facts;
  EXPECT_EQ(tree.laws, std::vector<Draw>{Draw::kPoint});
  EXPECT_TRUE(tree.trees);
  EXPECT_EQ(tree.guarantee, Guarantee::kExact);
  const Facts chain = RuleByCall("check(rule=lenience, against=ensemble)").facts;
  EXPECT_FALSE(chain.trees);
  EXPECT_TRUE(chain.q_next);
  EXPECT_EQ(chain.guarantee, Guarantee::kLossy);
  EXPECT_TRUE(RuleByCall("check(rule=rejection, against=greedy_match)").facts.one_hot);
}

std::string error_of_call(const std::string& call) {
  try {
    RuleByCall{call};
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(Check, WrongNamesAndOptionsAreConfigurationErrors) {
  EXPECT_NE(error_of_call("check(rule=blok)").find("test rule: unknown verifier 'blok'; did you mean 'block'?"),
            std::string::npos)
      << error_of_call("check(rule=blok)");
  EXPECT_NE(error_of_call("check(against=\"lenience(l=7)\")").find("out of range"), std::string::npos);
  EXPECT_NE(error_of_call("check(rule=check)").find("unknown verifier 'check'"), std::string::npos);
  EXPECT_NE(error_of_call("check(rule=threshold, against=kseq)").find("no draw law in common"), std::string::npos);
}

}  // namespace
}  // namespace specula::testing
