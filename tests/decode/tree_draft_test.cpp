// Trees of a draft model: every shape under every rule that takes it, what each shape promises of its rows, and lies
// about the law of siblings, which the same instruments must find.
#include <gtest/gtest.h>

#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "framework/certify/decode_law.h"
#include "framework/core/files.h"
#include "framework/decode/tree_draft.h"
#include "tests/decode/composition.h"
#include "tests/decode/counting_model.h"

namespace specula::testing {
namespace {

constexpr double kExact = 5e-6, kRefuted = 1e-3;  // float32 rows, 2^-31 of each bisection; what a lie must exceed
const std::string kWarm = "temperature(0.9)";

std::string tree_file(const std::string& json) {
  const auto path = std::filesystem::temp_directory_path() / cat("specula_tree_", sha256(json).substr(0, 8), ".json");
  write_file_atomically(path, json);
  return path.string();
}

std::string fixed(const std::string& json) { return cat("fixed, tree_file = ", quoted(tree_file(json))); }
std::string drafter_with(const std::string& tree) { return cat("draft_model(tree = ", tree, ")"); }

struct Case {
  std::string name, small, large;  // as the option `tree`: few rows for enumeration, and many
};
const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"iid", "iid(2x1)", "iid(3x2x1)"},
      {"without_replacement", "without_replacement(2x1)", "without_replacement(3x2x1)"},
      {"fixed", fixed("[[0],[1],[1,0]]"), fixed("[[0],[1],[2],[0,0],[0,1],[1,0],[0,0,0],[0,0,0,0]]")},
      {"dynamic", "dynamic(top_k = 2, depth = 2, nodes = 4)", "dynamic(top_k = 4, depth = 4, nodes = 12)"},
      {"branch_split", "branch_split(p_split = 0.1, branches = 2, depth = 2)", "branch_split"},
      {"best_first", "best_first(nodes = 4, depth = 2)", "best_first(nodes = 12, depth = 5)"}};
  return all;
}

struct Composition {
  std::string name, drafter, verifier;
};
void PrintTo(const Composition& c, std::ostream* out) { *out << c.drafter << " under " << c.verifier; }

// Every shape, drawn and as points, under every rule that takes it.
std::vector<Composition> compositions(const std::string& samplers, bool small,
                                      const std::function<bool(const Composed& composed)>& wanted) {
  std::vector<Composition> all;
  for (const Case& c : cases()) {
    for (const char* draw : {"auto", "greedy"}) {
      const std::string drafter = cat("draft_model(draw = ", draw, ", tree = ", small ? c.small : c.large, ")");
      for (const std::string& verifier : all_registries().verifiers.order) {
        const Composed composed = Pair{drafter, verifier}.composed(samplers);
        if (!composed.problems.empty() || !wanted(composed)) continue;
        all.push_back({cat(c.name, "_", draw, "_", verifier), drafter, verifier});
      }
    }
  }
  return all;
}
std::string name_of_test(const ::testing::TestParamInfo<Composition>& p) { return p.param.name; }

bool has_law(const Composed& c) {
  return (c.guarantee == Guarantee::kExact || c.guarantee == Guarantee::kMixture) &&
         c.verifier.policy != Policy::kCoupled;
}
bool is_coupled(const Composed& c) { return c.guarantee == Guarantee::kCoupled; }
bool is_greedy_exact(const Composed& c) {
  return c.guarantee == Guarantee::kExact || c.guarantee == Guarantee::kGreedyExact || is_coupled(c);
}

// ---- laws ----

class TreeLaws : public ::testing::TestWithParam<Composition> {};
INSTANTIATE_TEST_SUITE_P(Shapes, TreeLaws, ::testing::ValuesIn(compositions(kWarm, true, has_law)), name_of_test);

double error_of(const Bench& bench, int tokens, int rounds) {
  const Session session = bench.session(tokens);
  if (bench.facts.guarantee == Guarantee::kExact)
    return law_error(session, kRepeating, rounds, [&](const Prefix& text) { return bench.target_law(text); });
  Session plain = session;
  plain.keys = Keyring(17);
  return law_error(session, kRepeating, rounds,
                   [&](const Prefix& text) { return law_to_follow(plain, text, kRepeating.size()); });
}

TEST_P(TreeLaws, OneRoundFollowsItExactly) {
  const Bench bench({GetParam().drafter, GetParam().verifier}, "repetition_penalty(1.2),temperature(0.8)",
                    {.vocab = 3});
  EXPECT_LT(error_of(bench, 3, 1), kExact);
}

TEST_P(TreeLaws, WholeTextsFollowItExactly) {
  EXPECT_LT(error_of(Bench({GetParam().drafter, GetParam().verifier}, "temperature(0.8)", {.vocab = 2}), 3, 3), kExact);
}

// ---- texts ----

class CoupledTrees : public ::testing::TestWithParam<Composition> {};
INSTANTIATE_TEST_SUITE_P(Shapes, CoupledTrees, ::testing::ValuesIn(compositions(kWarm, false, is_coupled)),
                         name_of_test);

TEST_P(CoupledTrees, TheTextIsTheBaselinesSeedBySeed) {
  for (const char* policy : {"temperature(1)", "repetition_penalty(1.5),temperature(1.4),top_k(3)"}) {
    for (uint64_t seed = 0; seed < 3; ++seed) {
      const auto baseline = Bench({"none", GetParam().verifier}, policy).run(kPrompts, kRequests, 40, seed);
      const auto text = Bench({GetParam().drafter, GetParam().verifier}, policy).run(kPrompts, kRequests, 40, seed);
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << policy << " seed " << seed;
    }
  }
}

class GreedyTrees : public ::testing::TestWithParam<Composition> {};
INSTANTIATE_TEST_SUITE_P(Shapes, GreedyTrees,
                         ::testing::ValuesIn(compositions("temperature(0)", false, is_greedy_exact)), name_of_test);

TEST_P(GreedyTrees, TheTextAtTemperatureZeroIsTheBaselines) {
  for (const char* policy : {"temperature(0)", "repetition_penalty(1.3),temperature(0)"}) {
    const auto baseline = Bench({"none", "greedy_match"}, policy).run(kPrompts, kRequests, 40);
    const auto text = Bench({GetParam().drafter, GetParam().verifier}, policy).run(kPrompts, kRequests, 40);
    for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << policy << " sequence " << b;
  }
}

TEST(TreeDrafts, ARequestDrawsTheSameTextAloneAndInABatch) {
  for (const Case& c : cases()) {
    const Bench bench({drafter_with(c.large), "rejection"}, kWarm);
    const auto together = bench.run(kPrompts, kRequests, 30);
    for (size_t b = 0; b < 3; ++b)
      EXPECT_EQ(bench.run({kPrompts[b]}, {kRequests[b]}, 30)[0].tokens, together[b].tokens) << c.name << " " << b;
  }
}

// ---- rows ----

// Hears every tree of a run.
struct Trees final : RoundLog {
  std::vector<DraftTree> all;
  int cut_short = 0;  // rounds in which less than the deepest path was accepted
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    all.push_back(record.tree);
    if (record.accepted < record.draft_depth) ++cut_short;
  }
};

Trees trees_of(const Bench& bench, int64_t tokens) {
  Trees trees;
  Session s = bench.session(tokens);
  s.log = &trees;
  decode(s, {kPrompts[0]}, std::vector<int64_t>{101});
  return trees;
}

TEST(TreeDrafts, ADraftDrawnFromTheTargetIsAcceptedToItsEnd) {
  for (const char* tree : {"iid(3x2x1)", "without_replacement(2x2x2)"}) {
    const Trees trees = trees_of(Bench({drafter_with(tree), "rejection"}, kWarm, {.draft_is_target = true}), 21);
    EXPECT_EQ(trees.cut_short, 0) << tree;
    EXPECT_LT(trees.all.size(), 9U) << tree;
  }
}

TEST(TreeDrafts, HaveTheirShape) {
  const auto parents = [](const std::string& tree, const std::string& samplers) {
    return trees_of(Bench({drafter_with(tree), "rejection"}, samplers), 12).all[0].parent;
  };
  EXPECT_EQ(parents("iid(3x1x2)", kWarm), (std::vector<int>{-1, 0, 0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6}));
  EXPECT_EQ(parents("without_replacement(2x1)", kWarm), (std::vector<int>{-1, 0, 0, 1, 2}));
  EXPECT_EQ(parents(fixed("[[0],[1],[1,0],[1,1],[1,0,0]]"), kWarm), (std::vector<int>{-1, 0, 0, 2, 2, 3}));
  // No more siblings than q has tokens.
  EXPECT_EQ(parents("without_replacement(4x1)", "temperature(1),top_k(2)"), (std::vector<int>{-1, 0, 0, 1, 2}));
  EXPECT_EQ(parents("without_replacement(4x3)", "temperature(0)"), (std::vector<int>{-1, 0, 1}));
  EXPECT_EQ(parents(fixed("[[0],[1],[2],[2,0],[0,0]]"), "temperature(1),top_k(2)"), (std::vector<int>{-1, 0, 0, 1}));
  EXPECT_EQ(parents("best_first(nodes = 9, depth = 1)", "temperature(1),top_k(3)"), (std::vector<int>{-1, 0, 0, 0}));
  EXPECT_EQ(parents("branch_split(p_split = 1, depth = 3)", kWarm), (std::vector<int>{-1, 0, 1, 2}));
}

TEST(TreeDrafts, KeepTheRowBudgetAndWhatRemains) {
  for (const Case& c : cases()) {
    const Bench bench({drafter_with(c.large), "rejection"}, kWarm);
    for (const int budget : {1, 2, 3, 5}) {
      Trees trees;
      Session s = bench.session(9);
      s.row_budget = budget;
      s.log = &trees;
      decode(s, kPrompts, kRequests);
      for (const DraftTree& tree : trees.all) EXPECT_LE(tree.size(), budget) << c.name;
    }
  }
}

// Path probabilities of the draft model, without a policy, for every path down to a depth.
struct Path {
  std::vector<Token> tokens;
  double mass;
};
std::vector<double> softmax_of(const HashModel& model, const Prefix& text) {
  const std::vector<float> logits = model.logits(text);
  std::vector<double> mass;
  double sum = 0;
  for (const float x : logits) sum += mass.emplace_back(std::exp(static_cast<double>(x)));
  for (double& m : mass) m /= sum;
  return mass;
}
std::vector<Path> children_of(const HashModel& model, const Prefix& prefix, const Path& path, size_t most) {
  Prefix text = prefix;
  text.insert(text.end(), path.tokens.begin(), path.tokens.end());
  const std::vector<double> mass = softmax_of(model, text);
  std::vector<Path> children;
  for (Token x = 0; x < static_cast<Token>(mass.size()); ++x) {
    children.push_back({path.tokens, path.mass * mass[static_cast<size_t>(x)]});
    children.back().tokens.push_back(x);
  }
  std::stable_sort(children.begin(), children.end(), [](const Path& a, const Path& b) { return a.mass > b.mass; });
  children.resize(std::min(most, children.size()));
  return children;
}
void keep_best(std::vector<Path>& paths, size_t most) {
  std::stable_sort(paths.begin(), paths.end(), [](const Path& a, const Path& b) { return a.mass > b.mass; });
  paths.resize(std::min(most, paths.size()));
}
std::set<std::vector<Token>> set_of(const std::vector<Path>& paths) {
  std::set<std::vector<Token>> tokens;
  for (const Path& path : paths) tokens.insert(path.tokens);
  return tokens;
}
std::set<std::vector<Token>> set_of(const DraftTree& tree) {
  std::set<std::vector<Token>> tokens;
  for (int row = 1; row < tree.size(); ++row) tokens.insert(tree.path_tokens(row));
  return tokens;
}

TEST(TreeDrafts, DynamicIsTheRerankedBeam) {
  const Bench bench({drafter_with("dynamic(top_k = 3, depth = 3, nodes = 8)"), "greedy_match"}, "temperature(0)");
  std::vector<Path> beam{{{}, 1}}, all;
  for (int depth = 0; depth < 3; ++depth) {
    std::vector<Path> found;
    for (const Path& path : beam) {
      for (Path& child : children_of(bench.draft, kPrompts[0], path, 3)) found.push_back(std::move(child));
    }
    all.insert(all.end(), found.begin(), found.end());
    keep_best(found, 3);
    beam = found;
  }
  keep_best(all, 7);
  EXPECT_EQ(set_of(trees_of(bench, 9).all[0]), set_of(all));
}

TEST(TreeDrafts, BestFirstPointsAreTheLikeliestOfAllPaths) {
  const Bench bench({drafter_with("best_first(nodes = 10, depth = 4)"), "greedy_match"}, "temperature(0)");
  std::vector<Path> level{{{}, 1}}, all;
  for (int depth = 0; depth < 4; ++depth) {
    std::vector<Path> next;
    for (const Path& path : level) {
      for (Path& child : children_of(bench.draft, kPrompts[0], path, 7)) next.push_back(std::move(child));
    }
    all.insert(all.end(), next.begin(), next.end());
    level = next;
  }
  keep_best(all, 9);
  EXPECT_EQ(set_of(trees_of(bench, 9).all[0]), set_of(all));
}

TEST(TreeDrafts, FixedTakesTheRanksOfTheFileWhereItDraftsPoints) {
  const Bench bench({drafter_with(fixed("[[0],[2],[2,1]]")), "greedy_match"}, "temperature(0)");
  const std::vector<Path> ranked = children_of(bench.draft, kPrompts[0], {{}, 1}, 7);
  const std::vector<Path> below = children_of(bench.draft, kPrompts[0], ranked[2], 7);
  EXPECT_EQ(trees_of(bench, 9).all[0].token,
            (std::vector<Token>{2, ranked[0].tokens[0], ranked[2].tokens[0], below[1].tokens[1]}));
}

TEST(TreeDrafts, BranchSplitFollowsLikelyTokens) {
  const Bench bench({drafter_with("branch_split(p_split = 0.15, branches = 3, depth = 2)"), "greedy_match"},
                    "temperature(0)");
  std::set<std::vector<Token>> expected;
  int branches = 1;
  std::vector<Path> tips{{{}, 1}};
  for (int depth = 0; depth < 2; ++depth) {
    std::vector<Path> next;
    for (const Path& tip : tips) {
      const std::vector<Path> children = children_of(bench.draft, kPrompts[0], tip, 7);
      for (size_t rank = 0; rank < children.size(); ++rank) {
        if (rank > 0 && (branches == 3 || children[rank].mass <= 0.15 * tip.mass)) break;
        if (rank > 0) ++branches;
        next.push_back(children[rank]);
        expected.insert(children[rank].tokens);
      }
    }
    tips = next;
  }
  EXPECT_EQ(branches, 3);
  EXPECT_EQ(set_of(trees_of(bench, 9).all[0]), expected);
}

// ---- passes ----

// The tree of one round after kPrompts[0], and the passes that it took.
struct Drafted {
  DraftTree tree;
  int passes;
};
Drafted draft_once(const std::string& call, bool q_next) {
  const HashModel model({.seed = 6, .vocab = 7});
  const CountingModel counting(model);
  const auto drafter =
      all_registries()
          .drafters.at("draft_model", "test")
          .make(call_of(call),
                {.model = [&](const std::string&) -> const LanguageModel& { return counting; }, .vocab = 7});
  const Sampler sampler;
  const Keyring keys(3);
  const auto cache = model.new_cache(1, 0);
  PhaseClock clock;
  const std::vector<Prefix> prefixes{kPrompts[0]};
  const std::vector<int64_t> requests{1}, starts{5}, left{100};
  const std::vector<char> done{0};
  drafter->begin(prefixes, requests, {});
  counting.passes = 0;
  DraftTree tree = drafter->draft({.prefixes = prefixes,
                                   .requests = requests,
                                   .starts = starts,
                                   .remaining = left,
                                   .done = done,
                                   .row_budget = 64,
                                   .policy = Policy::kSampled,
                                   .q_next = q_next,
                                   .sampler = sampler,
                                   .keys = keys,
                                   .target = model,
                                   .target_cache = *cache,
                                   .clock = clock})[0];
  return {std::move(tree), counting.passes};
}

TEST(TreeDrafts, APassADepth) {
  EXPECT_EQ(draft_once(drafter_with("iid(4x2x1)"), false).passes, 3);
  EXPECT_EQ(draft_once(drafter_with("without_replacement(4x2x1)"), true).passes, 4) << "one more for q of the leaves";
  EXPECT_EQ(draft_once(drafter_with("dynamic(top_k = 3, depth = 5)"), false).passes, 5);
  EXPECT_EQ(draft_once(drafter_with(fixed("[[0],[0,0],[1],[1,0],[0,0,0]]")), false).passes, 3);
  const Drafted best = draft_once(drafter_with("best_first(nodes = 32, depth = 16)"), false);
  EXPECT_EQ(best.tree.size(), 32);
  EXPECT_LE(best.passes, 12) << "rows are fed together, not one by one";
}

TEST(TreeDrafts, QStandsBehindEveryRowWhereItIsWanted) {
  const HashModel model({.seed = 6, .vocab = 7});
  for (const char* shape : {"iid(3x2)", "without_replacement(3x2)", "best_first(nodes = 9)"}) {
    const DraftTree tree = draft_once(drafter_with(shape), true).tree;
    check_tree(tree, 2, 7, TreeCheck::kAll);
    for (int row = 0; row < tree.size(); ++row) {
      Prefix text = kPrompts[0];
      const std::vector<Token> path = tree.path_tokens(row);
      text.insert(text.end(), path.begin(), path.end());
      const std::vector<double> expected = softmax_of(model, text);
      ASSERT_GE(tree.q_next[static_cast<size_t>(row)], 0) << shape << " row " << row;
      const float* q = tree.q.const_data_ptr<float>() + int64_t{tree.q_next[static_cast<size_t>(row)]} * 7;
      for (size_t x = 0; x < 7; ++x) EXPECT_NEAR(q[x], expected[x], 1e-6) << shape << " row " << row;
      if (row == 0) continue;
      const auto parent = static_cast<size_t>(tree.parent[static_cast<size_t>(row)]);
      EXPECT_EQ(tree.q_row[static_cast<size_t>(row)], tree.q_next[parent]);
    }
  }
}

// ---- options ----

std::string refusal(const std::string& drafter, const std::string& verifier = "rejection") {
  return join(Pair{drafter, verifier}.composed(kWarm).problems, "\n");
}

TEST(TreeDrafts, RefuseWhatDoesNotGoTogetherBeforeTheRun) {
  const std::vector<std::pair<std::string, const char*>> wrong = {
      {"draft_model(tree = bushy)", "tree: unknown tree shape 'bushy'"},
      {"draft_model(tree = dynamic(top = 3))", "unknown key 'top' in tree"},
      {"draft_model(tree = dynamic(top_k = 0))", "top_k = 0 is out of range 1..64"},
      {"draft_model(tree = iid(4y2))", "tree widths = \"4y2\": expected whole numbers"},
      {"draft_model(tree = iid(0x2))", "tree widths = \"0x2\": expected whole numbers"},
      {"draft_model(tree = iid(99x99))", "more than the 512 rows"},
      {"draft_model(tree = fixed)", "has no file; expected tree_file"},
      {"draft_model(tree = fixed, tree_file = \"/nowhere/t.json\")", "/nowhere/t.json"},
      {"draft_model(tree_file = \"t.json\")", "tree_file is given, but tree = \"chain\""},
      {drafter_with(fixed("[[0],[1,0]]")), "hangs from [1], which is not in the tree"},
      {"draft_model(draw = sample, tree = dynamic)", "its tokens are points"},
      {"draft_model(draw = coupled, tree = iid)", "siblings cannot share the target's noise"},
  };
  for (const auto& [drafter, expected] : wrong)
    EXPECT_NE(refusal(drafter).find(expected), std::string::npos) << drafter << ": " << refusal(drafter);
  EXPECT_NE(refusal("draft_model(tree = iid)", "gumbel_coupled").find("cannot share"), std::string::npos);
  EXPECT_NE(refusal("draft_model(tree = iid)", "block").find("it drafts trees"), std::string::npos);
  EXPECT_EQ(refusal("draft_model(tree = dynamic)", "gumbel_coupled"), "");
}

TEST(TreeDrafts, FactsNameTheTreeOfAFileByItsHash) {
  const Composed composed = Pair{drafter_with(fixed("[[0],[0,0]]")), "rejection"}.composed(kWarm);
  EXPECT_NE(composed.drafter.memory.find(sha256("[[0],[0,0]]").substr(0, 12)), std::string::npos);
  EXPECT_EQ(composed.drafter.files.size(), 1U);
}

// ---- lies ----

// Two siblings below the root, drawn without replacement, and one token below each; then what a lie makes of it.
struct Lie {
  std::function<uint32_t(const GrowingTree& tree, int parent, int row)> key;  // of the draw
  std::function<void(DraftTree& tree)> change;
};

class Liar final : public Drafter {
 public:
  Liar(const HashModel& model, int depth, Lie lie) : model_(model), depth_(depth), lie_(std::move(lie)) {}

  std::vector<DraftTree> draft(const Round& round) override {
    int parent = 0;
    const GrowingTree* grown = nullptr;
    GrowingTree tree(round.prefixes[0].back(), Draw::kWithoutReplacement,
                     {.depth = round.depth_limit(0, depth_), .rows = 8, .width = 2}, [&](int row) {
                       return round.keys.uniform(Use::kDraft, round.requests[0], round.starts[0],
                                                 lie_.key(*grown, parent, row));
                     });
    grown = &tree;
    learn(tree, 0, round);
    for (int i = 0; i < 2; ++i) tree.add_child(0);
    for (parent = 1; parent < 3 && parent < tree.size(); ++parent) {
      learn(tree, parent, round);
      tree.add_child(parent);
    }
    DraftTree drafted = std::move(tree).finish();
    if (drafted.size() > 1) lie_.change(drafted);
    return {drafted};
  }

 private:
  void learn(GrowingTree& tree, int row, const Round& round) const {
    Prefix text = round.prefixes[0];
    const std::vector<Token> path = tree.tree().path_tokens(row);
    text.insert(text.end(), path.begin(), path.end());
    std::vector<float> logits = model_.logits(text);
    const int rows[] = {row};
    const Tensor view = at::from_blob(logits.data(), {1, model_.vocab()});
    tree.learn({row}, round.sampler.distribution(view, round.context(0, tree.tree(), rows)));
  }

  const HashModel& model_;
  int depth_;
  Lie lie_;
};

double error_of_lie(const std::string& verifier, int depth, const Lie& lie) {
  const Bench bench({"none", verifier}, "temperature(0.8)", {.vocab = 3});
  Liar liar(bench.draft, depth, lie);
  const Session honest = bench.session(3);
  const Session session{.target = honest.target,
                        .drafter = liar,
                        .verifier = honest.verifier,
                        .policy = honest.policy,
                        .sampler = honest.sampler,
                        .keys = Keyring(1),
                        .max_new_tokens = 3};
  return law_error(session, kRepeating, 1, [&](const Prefix& text) { return bench.target_law(text); });
}

uint32_t fresh(const GrowingTree& /*tree*/, int /*parent*/, int row) { return static_cast<uint32_t>(row); }
void nothing(DraftTree& /*tree*/) {}

TEST(LiesOfTrees, TheHonestTwinIsExact) {
  for (const char* verifier : {"rejection", "traversal"}) {
    EXPECT_LT(error_of_lie(verifier, 1, {fresh, nothing}), kExact) << verifier;
    EXPECT_LT(error_of_lie(verifier, 2, {fresh, nothing}), kExact) << verifier;
  }
}

double q_of(const DraftTree& tree, int row) {
  return tree.q.const_data_ptr<float>()[tree.q_row[static_cast<size_t>(row)] * tree.q.size(1) +
                                        tree.token[static_cast<size_t>(row)]];
}

TEST(LiesOfTrees, SiblingsSortedByProbabilityAreRefuted) {
  const Lie sorted{fresh, [](DraftTree& tree) {
                     if (q_of(tree, 1) < q_of(tree, 2)) std::swap(tree.token[1], tree.token[2]);
                   }};
  EXPECT_GT(error_of_lie("rejection", 1, sorted), kRefuted);
  EXPECT_GT(error_of_lie("traversal", 1, sorted), kRefuted);
}

TEST(LiesOfTrees, PrunedSiblingsAreRefuted) {
  const Lie pruned{fresh, [](DraftTree& tree) {
                     const int kept = q_of(tree, 1) < q_of(tree, 2) ? 2 : 1;
                     DraftTree one = DraftTree::root_only(tree.token[0]);
                     one.add(tree.token[static_cast<size_t>(kept)], 0, Draw::kWithoutReplacement, 0);
                     one.q = tree.q;
                     tree = one;
                   }};
  EXPECT_GT(error_of_lie("rejection", 1, pruned), kRefuted);
  EXPECT_GT(error_of_lie("traversal", 1, pruned), kRefuted);
}

TEST(LiesOfTrees, TheSameNoiseForTwoParentsIsRefuted) {
  const Lie shared{[](const GrowingTree& tree, int parent, int row) {
                     return static_cast<uint32_t>(parent == 0 ? row : 10 + tree.depth(parent));
                   },
                   nothing};
  EXPECT_GT(error_of_lie("traversal", 2, shared), kRefuted);
}

TEST(LiesOfTrees, DrawnRowsCannotBeTakenBack) {
  GrowingTree tree(0, Draw::kWithoutReplacement, {.depth = 1, .rows = 3, .width = 2}, [](int) { return 0.5; });
  EXPECT_THROW(std::move(tree).finish({0}), std::logic_error);
}

}  // namespace
}  // namespace specula::testing
