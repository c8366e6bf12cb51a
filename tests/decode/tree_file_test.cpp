// Trees from files in both forms, what is refused of them, and the tree that Sequoia's programme chooses.
#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/decode/rank_acceptance.h"
#include "framework/decode/sequoia.h"
#include "framework/decode/tree_shape.h"

namespace specula::testing {
namespace {

std::string refusal(const std::string& json) {
  try {
    parse_tree(json, "a.json");
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(TreeFile, PathsInAnyOrderGiveOneTree) {
  const TreeTemplate tree = parse_tree("[[1],[0,0],[0],[1,0],[0,1],[0,0,0]]", "a.json");
  EXPECT_EQ(tree.parent, (std::vector<int>{-1, 0, 0, 1, 1, 2, 3}));
  EXPECT_EQ(tree.rank, (std::vector<int>{0, 0, 1, 0, 1, 0, 0}));
  EXPECT_EQ(tree.deepest(), 3);
  EXPECT_EQ(hash_of(tree), hash_of(parse_tree("[[0],[1],[0,0],[0,1],[1,0],[0,0,0]]", "b.json")));
}

TEST(TreeFile, BothFormsConvertIntoEachOther) {
  const TreeTemplate tree = parse_tree("[[0],[1],[0,0],[0,1],[1,0],[0,0,0]]", "a.json");
  for (const std::string& text : {paths_json(tree), parents_json(tree)}) {
    const TreeTemplate again = parse_tree(text, "again");
    EXPECT_EQ(paths_of(again), paths_of(tree)) << text;
    EXPECT_EQ(hash_of(again), hash_of(tree)) << text;
  }
  for (const char* same : {"[-1,0,0,1,1,2,3]", "{\"parents\":[-1,0,0,1,1,2,3]}",
                           "{\"Successors\":[[1,2],[3,4],[5],[6],[],[],[]],\"size\":7}",
                           "{\"paths\":[[0],[1],[0,0],[0,1],[1,0],[0,0,0]]}", "[-1,0,1,1,2,0,5]"}) {
    EXPECT_EQ(hash_of(parse_tree(same, "a.json")), hash_of(tree)) << same;
  }
}

TEST(TreeFile, ANameIsTheHashOfTheCanonicalPaths) {
  EXPECT_EQ(hash_of(parse_tree("[[0,0],[0]]", "a.json")), sha256("[[0],[0,0]]"));
  EXPECT_NE(hash_of(parse_tree("[[0],[1]]", "a.json")), hash_of(parse_tree("[[0],[0,0]]", "a.json")));
  EXPECT_NE(hash_of(parse_tree("[[0],[2]]", "a.json")), hash_of(parse_tree("[[0],[1]]", "a.json"))) << "a gap counts";
}

TEST(TreeFile, RefusesWhatIsNoTreeAndNamesTheEntry) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"[[0],[0,0],[0]]", "a.json: path [0] is there twice"},
      {"[[0],[1,0]]", "a.json: path [1,0] hangs from [1], which is not in the tree"},
      {"[]", "no node below its root"},
      {"[[]]", "path 0 is empty"},
      {"[[0],[-1]]", "path 1 = [-1]: ranks count from 0"},
      {"[[0],[0.5]]", "path 1[0] is 0.5"},
      {"[-1,2,0]", "node 1 has parent 2, which does not stand before it: a cycle, or a child before its parent"},
      {"[-1,1]", "node 1 has parent 1"},
      {"[-1,0,-1]", "node 2 has no parent: a second root"},
      {"[0,0]", "parents[0] is 0"},
      {"[-1,0,9]", "node 2 has parent 9"},
      {"[-1]", "no node below its root"},
      {"{\"Successors\":[[1],[2],[1]]}", "node 1 has two parents, 0 and 2"},
      {"{\"Successors\":[[1],[0]]}", "names the root: a cycle"},
      {"{\"Successors\":[[1],[5]]}", "Successors[1] names node 5; valid: 1..1"},
      {"{\"Successors\":[[],[2],[1]]}", "node 1 has parent 2"},
      {"{\"depth\":3}", "is no tree; expected paths"},
      {"[[0],", "is no JSON"},
      {"[[0],\"x\"]", "path 1 is no array"},
      {"[[99999999999999]]", "expected a whole number"},
  };
  for (const auto& [json, expected] : cases)
    EXPECT_NE(refusal(json).find(expected), std::string::npos) << json << ": " << refusal(json);
}

std::string chain_json(int nodes) {
  std::string text = "[-1";
  for (int i = 0; i < nodes; ++i) text += cat(",", i);
  return text + "]";
}

TEST(TreeFile, RefusesTreesTooDeepOrTooLarge) {
  EXPECT_EQ(parse_tree(chain_json(kMaxTreeDepth), "a.json").deepest(), kMaxTreeDepth);
  EXPECT_NE(refusal(chain_json(kMaxTreeDepth + 1)).find("node 65 is 65 deep; valid: at most 64"), std::string::npos);
  std::string wide = "[-1";
  for (int i = 1; i < kMaxTreeRows; ++i) wide += ",0";
  EXPECT_EQ(parse_tree(wide + "]", "a.json").size(), kMaxTreeRows);
  EXPECT_NE(refusal(wide + ",0]").find("513 rows, root included; valid: at most 512"), std::string::npos);
}

TEST(TreeFile, AGapInTheRanksCannotBeSaidByParents) {
  const TreeTemplate tree = parse_tree("[[0],[2]]", "a.json");
  EXPECT_EQ(tree.rank, (std::vector<int>{0, 0, 2}));
  EXPECT_THROW(parents_json(tree), ConfigError);
}

// ---- Sequoia ----

// Chen et al. 2024's demo: the entries that decide, the costs of its configuration.
const std::vector<double> kDemo = {.634183, .107946, .056972};
const SequoiaCosts kDemoCosts = {
    .budgets = {1, 2, 4, 8, 16, 32}, .target_time = {10, 10, 10, 12, 14, 18}, .draft_time = 0.3, .max_depth = 10};

TEST(Sequoia, ThePublishedCaseIsAChainOfFourNodes) {
  const TreeTemplate chain = parse_tree("[-1,0,1,2]", "chain");
  EXPECT_EQ(hash_of(choose_tree(kDemo, kDemoCosts).tree), hash_of(chain));
  EXPECT_NEAR(choose_tree(kDemo, kDemoCosts).expected_tokens, 1 + .634183 * (1 + .634183 * (1 + .634183)), 1e-12);
  // Neither the ranks that the paper's text leaves out nor the depth allowed decide it.
  std::vector<double> longer = kDemo;
  for (double rest = .034; longer.size() < 32; rest *= 0.8) longer.push_back(rest);
  ASSERT_LT(std::accumulate(longer.begin(), longer.end(), 0.0), 1);
  for (const int depth : {3, 9, 10, 31}) {
    SequoiaCosts costs = kDemoCosts;
    costs.max_depth = depth;
    EXPECT_EQ(hash_of(choose_tree(longer, costs).tree), hash_of(chain)) << "depth " << depth;
  }
}

TEST(Sequoia, CostsDecide) {
  SequoiaCosts flat = kDemoCosts;
  flat.target_time.assign(6, 10);
  EXPECT_EQ(choose_tree(kDemo, flat).tree.size(), 32) << "rows that cost nothing";
  SequoiaCosts steep = kDemoCosts;
  steep.target_time = {10, 20, 40, 80, 160, 320};
  EXPECT_EQ(choose_tree(kDemo, steep).tree.size(), 1) << "no draft pays";
  SequoiaCosts slow = kDemoCosts;
  slow.draft_time = 8;
  EXPECT_LT(choose_tree(kDemo, slow).tree.deepest(), 3);
}

// Expected tokens of a tree under the programme's model of acceptance: a child of rank r is accepted with
// acceptance[r].
double expected_tokens(const TreeTemplate& tree, const std::vector<double>& acceptance) {
  std::vector<double> reached(tree.parent.size(), 1);
  double sum = 1;
  for (size_t row = 1; row < reached.size(); ++row) {
    reached[row] = reached[static_cast<size_t>(tree.parent[row])] * acceptance[static_cast<size_t>(tree.rank[row])];
    sum += reached[row];
  }
  return sum;
}

// Calls `look` with every tree of so many rows whose siblings have ranks 0, 1, ...: row by row each parent that is not
// before the last one's.
void each_tree(std::vector<int>& parents, int rows, const std::function<void(const TreeTemplate&)>& look) {
  if (static_cast<int>(parents.size()) == rows) return look(tree_of_parents(parents, "enumerated"));
  for (int parent = std::max(parents.back(), 0); parent < static_cast<int>(parents.size()); ++parent) {
    parents.push_back(parent);
    each_tree(parents, rows, look);
    parents.pop_back();
  }
}

TEST(Sequoia, TheProgrammeFindsTheBestOfAllTrees) {
  const std::vector<std::vector<double>> vectors = {kDemo, {.3, .3, .3}, {.5, .05, .4}, {.9, .1}};
  for (const auto& acceptance : vectors) {
    for (int rows = 2; rows <= 8; ++rows) {
      for (const int depth : {2, 3, 7}) {
        double best = 0;
        std::vector<int> parents{-1};
        each_tree(parents, rows, [&](const TreeTemplate& tree) {
          if (tree.deepest() > depth) return;
          if (*std::max_element(tree.rank.begin(), tree.rank.end()) >= static_cast<int>(acceptance.size())) return;
          best = std::max(best, expected_tokens(tree, acceptance));
        });
        if (best == 0) continue;
        const SequoiaTree found = best_tree(acceptance, rows, depth);
        EXPECT_NEAR(found.expected_tokens, best, 1e-12) << rows << " rows, depth " << depth;
        EXPECT_NEAR(expected_tokens(found.tree, acceptance), best, 1e-12);
        EXPECT_EQ(found.tree.size(), rows);
        EXPECT_LE(found.tree.deepest(), depth);
      }
    }
  }
}

TEST(Sequoia, ABudgetOf128IsSolvedWithinASecond) {
  std::vector<double> acceptance;
  for (double rest = .5; acceptance.size() < 32; rest *= 0.5) acceptance.push_back(rest);
  const auto start = std::chrono::steady_clock::now();
  const SequoiaTree found = best_tree(acceptance, 128, 16);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 1);
  EXPECT_EQ(found.tree.size(), 128);
}

TEST(Sequoia, RefusesWhatIsNoVectorAndNoBudget) {
  EXPECT_THROW(best_tree({}, 4, 4), ConfigError);
  EXPECT_THROW(best_tree({.7, .4}, 4, 4), ConfigError);
  EXPECT_THROW(best_tree({1.5}, 4, 4), ConfigError);
  EXPECT_THROW(best_tree({-.1}, 4, 4), ConfigError);
  EXPECT_THROW(best_tree({.5}, 0, 4), ConfigError);
  EXPECT_THROW(best_tree({.5}, 513, 4), ConfigError);
  EXPECT_THROW(best_tree({.5}, 4, 0), ConfigError);
  EXPECT_THROW(best_tree({.5}, 6, 3), ConfigError) << "a chain of six nodes is five deep";
  SequoiaCosts costs = kDemoCosts;
  costs.target_time.pop_back();
  EXPECT_THROW(choose_tree(kDemo, costs), ConfigError);
  costs = kDemoCosts;
  costs.target_time[0] = 0;
  EXPECT_THROW(choose_tree(kDemo, costs), ConfigError);
}

// ---- acceptance vectors ----

// The probability that sibling r is the first accepted, over every ordered draw without replacement.
std::vector<double> enumerated(const std::vector<float>& p, const std::vector<float>& q) {
  std::vector<double> first(3);
  const auto visit = [&](const auto& self, std::vector<double> left, std::vector<double> rest, double reached,
                         size_t rank) -> void {
    const double mass = std::accumulate(rest.begin(), rest.end(), 0.0);
    if (rank == 3 || !(mass > 0)) return;
    for (size_t x = 0; x < 3; ++x) {
      if (rest[x] == 0) continue;
      const double h = std::min(1.0, left[x] * mass / rest[x]), drawn = reached * rest[x] / mass;
      first[rank] += drawn * h;
      std::vector<double> next(3), others = rest;
      double sum = 0;
      for (size_t y = 0; y < 3; ++y) sum += next[y] = std::max(0.0, left[y] - rest[y] / mass);
      if (h == 1 || !(sum > 0)) continue;
      for (double& y : next) y /= sum;
      others[x] = 0;
      self(self, next, others, drawn * (1 - h), rank + 1);
    }
  };
  visit(visit, {p.begin(), p.end()}, {q.begin(), q.end()}, 1, 0);
  return first;
}

TEST(RankAcceptance, IsWhatEnumerationGives) {
  const std::vector<std::pair<std::vector<float>, std::vector<float>>> cases = {
      {{.5F, .3F, .2F}, {.2F, .2F, .6F}}, {{.1F, .1F, .8F}, {.7F, .2F, .1F}}, {{.5F, .5F, 0}, {.25F, 0, .75F}}};
  for (const auto& [p, q] : cases) {
    RankAcceptance found(3);
    const int grid = 200;  // the draws are cut where q ends, so a cell too many or few is the error
    for (int i = 0; i < grid; ++i) {
      for (int j = 0; j < grid; ++j) {
        const double u[] = {(i + .5) / grid, (j + .5) / grid, .5};
        found.add(p.data(), q.data(), 3, [&](int rank) { return u[rank]; });
      }
    }
    const std::vector<double> mean = found.mean(), expected = enumerated(p, q);
    for (size_t r = 0; r < 3; ++r) EXPECT_NEAR(mean[r], expected[r], 5e-3) << "rank " << r;
  }
}

TEST(RankAcceptance, OfPointsIsTheTargetsMass) {
  RankAcceptance found(4);
  const float p[] = {.5F, .2F, .3F}, q[] = {.1F, .6F, .3F};
  found.add_ranked(p, q, 3);
  EXPECT_EQ(found.mean(), (std::vector<double>{.2F, .3F, .5F, 0}));
  EXPECT_EQ(found.positions(), 1);
}

}  // namespace
}  // namespace specula::testing
