// The rules that follow no stated law: cases by hand, the options at which each is exact after all, and what all of
// them keep - the same keys give the same verdict, no token of zero probability, a distance from p that is there.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/decode/composition.h"
#include "tests/decode/rule_bench.h"

namespace specula::testing {
namespace {

const Draw P = Draw::kPoint, I = Draw::kIid, W = Draw::kWithoutReplacement;
const Prefix kPrompt = {0, 1, 0};

// The path that a rule without coins keeps below the root.
std::vector<int> path_of(const std::string& call, const DraftTree& tree, const std::vector<Row>& p) {
  return verdict_of(*RuleByCall(call).verifier, tree, p, [](Use, uint32_t) { return 0.5; }).path;
}
bool passes(const std::string& call, const Row& p, Token d) {
  return !path_of(call, DraftTree::chain_of_points(0, {d}), {p, p}).empty();
}
Row mostly(double each, size_t count, const Row& rest) {
  Row row(count, each);
  row.insert(row.end(), rest.begin(), rest.end());
  return row;
}

// ---- typical ----

TEST(Typical, ThresholdsByHand) {
  EXPECT_TRUE(passes("typical", {.5, .3, .2}, 2));  // .2 > min(.09, .3 e^-1.03 = .107)
  EXPECT_FALSE(passes("typical", {.92, .08}, 1));   // .08 < min(.09, .3 e^-.279 = .227)
  EXPECT_TRUE(passes("typical", {.9, .1}, 1));      // .1 > .09
  const Row flat = mostly(.095, 10, {.05});         // .05 > .3 e^-2.386 = .0276
  EXPECT_TRUE(passes("typical", flat, 10));
  const Row flatter = mostly(.098, 10, {.02});  // .02 < .3 e^-2.354 = .0285
  EXPECT_FALSE(passes("typical", flatter, 10));
  EXPECT_TRUE(passes("typical(alpha=0.2)", flatter, 10));  // .02 > .0190
}

TEST(Typical, TheThresholdItselfDoesNotPass) {
  EXPECT_FALSE(passes("typical(epsilon=0.25, alpha=1)", {.75, .25}, 1));
  EXPECT_TRUE(passes("typical(epsilon=0.24, alpha=1)", {.75, .25}, 1));
  EXPECT_FALSE(passes("typical(epsilon=0, alpha=0)", {1, 0}, 1)) << "a token of zero probability";
}

// Rows 1 and 2 below the root, 3 below 1, 4 below 2, 5 below 2.
DraftTree fork() {
  DraftTree tree = DraftTree::root_only(0);
  for (const auto& [token, parent] : std::vector<std::pair<Token, int>>{{0, 0}, {1, 0}, {2, 1}, {1, 2}, {0, 2}})
    tree.add(token, parent, P);
  return tree;
}

TEST(LongestPath, LongestFirstThenLikeliest) {
  const Row even = {.5, .3, .2}, sharp = {.98, .02, 0};
  for (const char* call : {"typical", "relaxed_top_k(k=3, delta=2)"}) {
    // Below row 1 nothing passes, so the less likely sibling wins; of its children the likelier one.
    EXPECT_EQ(path_of(call, fork(), {even, sharp, even, even, even, even}), (std::vector<int>{2, 5})) << call;
    // All pass: .5 * .2 = .1 against .3 * .3 = .09 and .3 * .5 = .15.
    EXPECT_EQ(path_of(call, fork(), {even, even, even, even, even, even}), (std::vector<int>{2, 5})) << call;
    // The probe is no candidate.
    DraftTree probed = fork();
    probed.draw[5] = Draw::kProbe;
    EXPECT_EQ(path_of(call, probed, {even, even, even, even, even, even}), (std::vector<int>{1, 3})) << call;
  }
}

TEST(LongestPath, OnOneHotRowsItIsGreedyMatch) {
  const Sampler sampler = sampler_by_call("temperature(0)");
  const Toy toy(5, 3, sampler);
  const RuleByCall greedy("greedy_match");
  for (const char* call : {"typical", "relaxed_top_k", "relaxed_top_k(k=1, delta=0)"}) {
    int accepted = 0;
    for (const Shape& shape : shapes_of({P, W}, true)) {
      for (const WeightedTree& w : draw_trees(toy, kPrompt, shape)) {
        const Tensor p = p_rows(toy, kPrompt, w.tree);
        const Verdict ours = verdict_of(*RuleByCall(call).verifier, w.tree, p, 1, 1);
        const Verdict theirs = verdict_of(*greedy.verifier, w.tree, p, 1, 1);
        EXPECT_EQ(ours.path, theirs.path) << call << " " << shape.name;
        EXPECT_EQ(ours.next, theirs.next) << call << " " << shape.name;
        accepted += static_cast<int>(ours.path.size());
      }
    }
    EXPECT_GT(accepted, 0) << "a test of rejections alone";
  }
}

// ---- relaxed_top_k ----

TEST(RelaxedTopK, RankAndDistanceByHand) {
  const Row p = {.2, .4, .2, .15, .05};
  EXPECT_TRUE(passes("relaxed_top_k(k=1, delta=0)", p, 1));
  EXPECT_FALSE(passes("relaxed_top_k(k=1, delta=5)", p, 0));
  EXPECT_TRUE(passes("relaxed_top_k(k=2, delta=0.7)", p, 0));  // ln 2 = .693; equal ranks go by id
  EXPECT_FALSE(passes("relaxed_top_k(k=2, delta=0.7)", p, 2));
  EXPECT_TRUE(passes("relaxed_top_k(k=3, delta=0.7)", p, 2));
  EXPECT_FALSE(passes("relaxed_top_k(k=3, delta=0.69)", p, 2));
  EXPECT_TRUE(passes("relaxed_top_k(k=4, delta=0.99)", p, 3));  // ln(.4/.15) = .981
  EXPECT_FALSE(passes("relaxed_top_k(k=4, delta=0.97)", p, 3));
  EXPECT_FALSE(passes("relaxed_top_k(k=5, delta=100)", {1, 0}, 1)) << "a token of zero probability";
}

// ---- threshold ----

DraftTree points(const std::vector<Token>& tokens) {  // siblings
  DraftTree tree = DraftTree::root_only(0);
  for (const Token x : tokens) tree.add(x, 0, P);
  return tree;
}

void expect_ends(const std::string& call, const DraftTree& tree, const Row& p, const Row& ends) {
  const std::vector<Row> rows(tree.token.size(), p);
  const auto found = *ends_of_round(*RuleByCall(call).verifier, tree, tensor_of(rows));
  EXPECT_LT(distance_of_rows(found, ends), 1e-7) << call;
}

TEST(Threshold, PartsOfTheCoinByHand) {
  const Row p = {.5, .3, .2};
  expect_ends("threshold", points({2, 0}), p, {.3, .2, .5});
  expect_ends("threshold(acc=0.8)", points({2, 0}), p, {.125, .25, .625});
  expect_ends("threshold(acc=0.4)", points({2, 0}), p, {0, .5, .5});
  expect_ends("threshold(single=0.3)", points({1, 0}), p, {0, 1, 0});
  expect_ends("threshold(single=0.3, acc=0.8)", points({2, 1, 0}), p, {0, .25, .75, 0});
  expect_ends("threshold(single=0, acc=0)", points({2, 0}), {1, 0, 0}, {0, 0, 1});  // never token 2
}

TEST(Threshold, AfterARejectionTheChildrenAreGone) {
  const std::vector<Row> p(3, {.5, .3, .2});
  const RoundLaw law = *law_of_round(*RuleByCall("threshold(acc=0.8)").verifier, points({2, 0}), tensor_of(p));
  EXPECT_NEAR(law.next[0][1], .125, 1e-7);
  EXPECT_EQ(law.next[0][0] + law.next[0][2], 0);
}

TEST(Threshold, BothOneIsTheRatioTestOnPoints) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(5, 4, sampler);
  const RuleByCall exact("threshold"), loose("threshold(acc=0.9)"), rejection("rejection");
  EXPECT_EQ(exact.facts.guarantee, Guarantee::kExact);
  EXPECT_EQ(loose.facts.guarantee, Guarantee::kLossy);
  for (const Shape& shape : shapes_of({P}, true)) {
    for (const WeightedTree& w : draw_trees(toy, kPrompt, shape)) {
      const Tensor p = p_rows(toy, kPrompt, w.tree);
      EXPECT_LT(distance_of_rounds(*exact.verifier, *rejection.verifier, w.tree, p), 1e-6) << shape.name;
      if (w.tree.size() > 1) {
        EXPECT_GT(distance_of_rounds(*loose.verifier, *rejection.verifier, w.tree, p), 1e-3) << shape.name;
      }
    }
  }
}

// ---- lenience ----

// min(q, p/l) + (1 - beta) norm((p - scale q)+).
Row lenient_law(const Row& p, const Row& q, double l, double scale) {
  Row law, residual;
  double beta = 0, left = 0;
  for (size_t x = 0; x < p.size(); ++x) {
    beta += law.emplace_back(std::min(q[x], p[x] / l));
    left += residual.emplace_back(std::max(p[x] - scale * q[x], 0.0));
  }
  for (size_t x = 0; x < p.size(); ++x) law[x] += (1 - beta) * residual[x] / left;
  return law;
}

TEST(Lenience, OneStepHasTheAnalyticLaw) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(4, 5, sampler);
  const Row p = toy.p(kPrompt), q = toy.q(kPrompt);
  double nearer = 1;
  for (const double l : {0.1, 0.3, 0.5, 0.8, 1.0}) {
    const RuleByCall rule(cat("lenience(l=", l, ")"));
    const Row law = law_of_first_token(toy, *rule.verifier, kPrompt, {"chain1", {0}, {I}});
    EXPECT_LT(distance_of_rows(law, lenient_law(p, q, l, 1)), 1e-6) << l;
    EXPECT_LE(distance_of_rows(law, p), nearer + 1e-9) << "less lenience is nearer to p";
    nearer = distance_of_rows(law, p);
    EXPECT_EQ(rule.facts.guarantee, l == 1 ? Guarantee::kExact : Guarantee::kLossy);
  }
  EXPECT_LT(nearer, 1e-6) << "p at l = 1";
  const Row half = law_of_first_token(toy, *RuleByCall("lenience(l=0.5)").verifier, kPrompt, {"chain1", {0}, {I}});
  EXPECT_GT(distance_of_rows(half, p), kRefutedLaw);
  EXPECT_GT(distance_of_rows(half, lenient_law(p, q, 0.5, 0.5)), 1e-3) << "the other residual is another law";
}

TEST(Lenience, OneIsExactForWholeTexts) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(3, 3, sampler);
  for (const Shape& shape : shapes_of({P, I}, false))
    EXPECT_LT(error_of(toy, *RuleByCall("lenience(l=1)").verifier, shape, 3), kExactLaw) << shape.name;
}

// ---- fly ----

// A chain of points with token 1 at each row; `u` are the coins of rows 1, 2, ...
std::vector<int> flown(const std::string& call, std::vector<Row> p, const std::vector<double>& u) {
  const DraftTree tree = DraftTree::chain_of_points(0, std::vector<Token>(u.size(), 1));
  p.resize(tree.token.size());
  return verdict_of(*RuleByCall(call).verifier, tree, p,
                    [&](Use use, uint32_t row) { return use == Use::kAccept ? u[row - 1] : 0.5; })
      .path;
}

TEST(Fly, DefersARejectionWhereTheTargetIsUnsureAndTheWindowPasses) {
  const Row unsure = {.4, .3, .3}, sure = {.97, .03, 0}, never = {.5, 0, .5};
  const std::vector<Row> p(5, unsure);
  const double yes = .1, no = .9;
  const std::string fly = "fly(window=2)";
  using Path = std::vector<int>;
  EXPECT_EQ(flown(fly, p, {no, yes, yes, yes}), (Path{1, 2, 3, 4}));
  EXPECT_EQ(flown(fly, p, {no, yes, yes, no}), (Path{1, 2, 3})) << "the last two stand by their own coins";
  EXPECT_EQ(flown(fly, p, {yes, no, yes, yes}), (Path{1, 2, 3, 4}));
  EXPECT_EQ(flown(fly, p, {yes, yes, no, yes}), (Path{1, 2})) << "one draft is no window of two";
  EXPECT_EQ(flown(fly, p, {no, yes, no, yes}), Path{});
  EXPECT_EQ(flown(fly, p, {no, no, yes, yes}), Path{});
  EXPECT_EQ(flown(fly, {sure, unsure, unsure, unsure, unsure}, {no, yes, yes, yes}), Path{}) << "the target is sure";
  EXPECT_EQ(flown(fly, {never, unsure, unsure, unsure, unsure}, {no, yes, yes, yes}), Path{}) << "p(d) = 0";
  EXPECT_EQ(flown("fly(window=6)", p, {no, yes, yes, yes}), (Path{1, 2, 3, 4})) << "the window is all that follows";
  EXPECT_EQ(flown("fly(window=6)", p, {yes, no, yes, yes}), Path{1});
  EXPECT_EQ(flown(fly, p, {no}), Path{}) << "a single draft has no window";
}

TEST(Fly, EntropyOverTheLikeliestTokensNormalisedOrNot) {
  const std::vector<Row> p(3, {.6, .3, .1});  // -.6 ln .6 = .306
  const std::vector<double> u = {.9, .1};
  EXPECT_EQ(flown("fly(top_k=1)", p, u).size(), 2U);
  EXPECT_EQ(flown("fly(top_k=1, entropy_threshold=0.31)", p, u).size(), 0U);
  EXPECT_EQ(flown("fly(top_k=1, normalise=true)", p, u).size(), 0U);
  EXPECT_EQ(flown("fly(top_k=2, entropy_threshold=0.65)", p, u).size(), 2U);                  // .668
  EXPECT_EQ(flown("fly(top_k=2, entropy_threshold=0.65, normalise=true)", p, u).size(), 0U);  // .637
}

TEST(Fly, WithoutDeferralItIsTheRatioTest) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(5, 3, sampler);
  const RuleByCall never("fly(entropy_threshold=20)"), fly("fly(window=1, entropy_threshold=0)"),
      rejection("rejection");
  double most = 0;
  for (const Shape& shape : shapes_of({P, I}, false)) {
    for (const WeightedTree& w : draw_trees(toy, kPrompt, shape)) {
      const Tensor p = p_rows(toy, kPrompt, w.tree);
      EXPECT_LT(distance_of_rounds(*never.verifier, *rejection.verifier, w.tree, p), 1e-9) << shape.name;
      most = std::max(most, distance_of_rounds(*fly.verifier, *rejection.verifier, w.tree, p));
    }
  }
  EXPECT_GT(most, 0.01);
}

// ---- synthetic ----

TEST(Synthetic, RatesByHandAndTheMark) {
  const Row p = {.5, .3, .2};
  const DraftTree chain = DraftTree::chain_of_points(0, {2, 2, 2});
  expect_ends("synthetic(rate=0.6)", chain, p, {.4, .24, .144, .216});
  expect_ends("synthetic(length=1.5)", chain, p, {0, .5, .5, 0});
  expect_ends("synthetic(length=2)", chain, p, {0, 0, 1, 0});
  expect_ends("synthetic(rate=0)", chain, p, {1, 0, 0, 0});
  const RuleByCall rule("synthetic(length=1.5)");
  const Verdict verdict = verdict_of(*rule.verifier, chain, tensor_of({p, p, p, p}), 1, 1);
  EXPECT_EQ(verdict.notes, (std::vector<std::pair<std::string, double>>{{"synthetic", 1}}));
  EXPECT_EQ(rule.facts.guarantee, Guarantee::kLossy);
  EXPECT_NE(all_registries().verifiers.at("synthetic", "test").summary.find("enchmarking only"), std::string::npos);
}

// ---- all of them ----

struct LossyCase {
  const char* call;
  Shape shape;
  bool emits_impossible = false;  // tokens of zero probability
};

const Shape kIidChain = {"chain", {0, 1, 2}, {I, I, I}};
const Shape kPointTree = {"tree", {0, 0, 1}, {P, P, P}};
const std::vector<LossyCase> kLossy = {
    {"typical", kIidChain},         {"relaxed_top_k", kIidChain}, {"threshold(single=0.5, acc=0.7)", kPointTree},
    {"lenience(l=0.5)", kIidChain}, {"fly(window=1)", kIidChain}, {"synthetic", kIidChain, true},
};

TEST(LossyRules, DistanceFromTheTargetIsThereAndBounded) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(3, 3, sampler);
  for (const LossyCase& c : kLossy) {
    const RuleByCall rule(c.call);
    EXPECT_EQ(rule.facts.guarantee, Guarantee::kLossy) << c.call;
    const double tv = error_of(toy, *rule.verifier, c.shape, 2);
    EXPECT_GT(tv, kRefutedLaw) << c.call;
    EXPECT_LT(tv, 0.6) << c.call;
  }
}

TEST(LossyRules, SameKeysSameVerdict) {
  const Sampler sampler = sampler_by_call("temperature(0.8)");
  const Toy toy(3, 3, sampler);
  for (const LossyCase& c : kLossy) {
    const RuleByCall rule(c.call), again(c.call);
    int differ = 0;
    for (const WeightedTree& w : draw_trees(toy, kPrompt, c.shape)) {
      const Tensor p = p_rows(toy, kPrompt, w.tree);
      for (int64_t request = 0; request < 8; ++request) {
        const Verdict one = verdict_of(*rule.verifier, w.tree, p, 1, request);
        const Verdict two = verdict_of(*again.verifier, w.tree, p, 1, request);
        EXPECT_EQ(one.path, two.path) << c.call;
        EXPECT_EQ(one.next, two.next) << c.call;
        differ += verdict_of(*rule.verifier, w.tree, p, 2, request).next != one.next ? 1 : 0;
      }
    }
    EXPECT_GT(differ, 0) << c.call << ": another seed, another text";
  }
}

// The mass of what a round emits although the target gives it none.
double impossible_mass(const Verifier& rule, const DraftTree& tree, const Tensor& p) {
  const RoundLaw law = *law_of_round(rule, tree, p);
  const float* mass = p.const_data_ptr<float>();
  const int64_t vocab = p.size(1);
  double sum = 0;
  for (int row = 0; row < tree.size(); ++row) {
    bool possible = true;
    for (int at = row; at > 0; at = tree.parent[at]) possible &= mass[tree.parent[at] * vocab + tree.token[at]] > 0;
    if (!possible) sum += law.ends[row];
    for (size_t x = 0; possible && x < law.next[row].size(); ++x) {
      if (!(mass[row * vocab + static_cast<int64_t>(x)] > 0)) sum += law.next[row][x];
    }
  }
  return sum;
}

TEST(LossyRules, OnlySyntheticEmitsWhatTheTargetForbids) {
  const Sampler sampler = sampler_by_call("temperature(1.2),top_k(2)");
  const Toy toy(8, 4, sampler, 0.1);
  for (const LossyCase& c : kLossy) {
    double most = 0;
    for (const WeightedTree& w : draw_trees(toy, kPrompt, c.shape))
      most = std::max(most, impossible_mass(*RuleByCall(c.call).verifier, w.tree, p_rows(toy, kPrompt, w.tree)));
    if (c.emits_impossible) {
      EXPECT_GT(most, 0.1) << c.call;
    } else {
      EXPECT_EQ(most, 0) << c.call;
    }
  }
}

}  // namespace
}  // namespace specula::testing
