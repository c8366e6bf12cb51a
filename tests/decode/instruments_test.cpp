// Trees that are merged, and drafters that are instruments: adversary, random_tree, check, replay.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "drafters/register.h"
#include "framework/certify/decode_law.h"
#include "framework/decode/merge_trees.h"
#include "framework/decode/rows.h"
#include "tests/decode/composition.h"
#include "tests/decode/toy_corpus.h"
#include "tests/decode/toy_trace.h"

namespace specula::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kExact = 5e-6;    // float32 rows, 2^-31 of each bisection
constexpr double kRefuted = 1e-3;  // what a lie must exceed

double error_of(const Bench& bench, int tokens, int rounds) {
  return law_error(bench.session(tokens), kRepeating, rounds,
                   [&](const Prefix& text) { return bench.target_law(text); });
}

DraftTree tree_of(const std::string& drafter, const Prefix& text, int64_t request = 7, int64_t vocab = 7) {
  return play_round(Bench({drafter, "rejection"}, "temperature(1)", {.vocab = vocab}).session(12), text, request).tree;
}

std::string refusal(const std::string& call) {
  try {
    all_drafters().at(plugin_name(call_of(call)), "test").facts(call_of(call), Policy::kSampled);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

// ---- merge_trees, union ----

DraftTree drawn_pair() {
  DraftTree tree = DraftTree::root_only(9);
  tree.add(3, 0, Draw::kIid, 0);
  tree.add(4, 1, Draw::kIid, 1);
  return tree;
}

TEST(MergeTrees, DrawnRowsStayAndPointsJoinBehindThem) {
  const DraftTree points[] = {DraftTree::chain_of_points(9, {3, 5, 6}), DraftTree::chain_of_points(9, {7, 8})};
  const DraftTree merged = merge_trees(drawn_pair(), points, 100);
  EXPECT_THAT(merged.token, ElementsAre(9, 3, 4, 7, 5, 8, 6)) << "level by level, the same token once";
  EXPECT_THAT(merged.parent, ElementsAre(-1, 0, 1, 0, 1, 3, 4));
  EXPECT_THAT(merged.q_row, ElementsAre(-1, 0, 1, -1, -1, -1, -1));
  EXPECT_EQ(merged.draw[1], Draw::kIid);
  EXPECT_EQ(merged.draw[4], Draw::kPoint);
}

TEST(MergeTrees, WhatDoesNotFitIsTheDeepestAndLast) {
  const DraftTree points[] = {DraftTree::chain_of_points(9, {3, 5, 6}), DraftTree::chain_of_points(9, {7, 8})};
  EXPECT_THAT(merge_trees(drawn_pair(), points, 6).token, ElementsAre(9, 3, 4, 7, 5, 8));
  EXPECT_THAT(merge_trees(drawn_pair(), points, 4).token, ElementsAre(9, 3, 4, 7));
  EXPECT_THAT(merge_trees(drawn_pair(), points, 3).token, ElementsAre(9, 3, 4));
  EXPECT_THROW(merge_trees(drawn_pair(), points, 2), std::logic_error) << "drawn rows are never dropped";
}

TEST(MergeTrees, ProbesStandBehindAllCandidatesOrNotAtAll) {
  DraftTree probing = DraftTree::chain_of_points(9, {5});
  probing.add(1, 0, Draw::kProbe);
  probing.add(2, 2, Draw::kProbe);
  const DraftTree first = probing;
  const DraftTree others[] = {DraftTree::chain_of_points(9, {7}), probing};
  const DraftTree merged = merge_trees(first, others, 7);
  EXPECT_THAT(merged.token, ElementsAre(9, 5, 7, 1, 2, 1, 2));
  EXPECT_THAT(merged.parent, ElementsAre(-1, 0, 0, 0, 3, 0, 5));
  EXPECT_NO_THROW(check_tree(merged, 9, 10, TreeCheck::kAll));
  EXPECT_THAT(merge_trees(first, others, 5).token, ElementsAre(9, 5, 7, 1, 2)) << "no room for the second two";
}

TEST(Union, ItsNodesAreKeptBeforeAnythingIsDrawn) {
  const DraftTree tree = tree_of("union(nodes=2, drafters=[draft_model(length=4), echo(length=4)])", kPrompts[0]);
  EXPECT_EQ(tree.size(), 3);
  EXPECT_THAT(tree.draw, ElementsAre(Draw::kPoint, Draw::kIid, Draw::kIid));
}

TEST(Union, LawsOfOneThatDrawsAreKeptAndOfTwoAreNot) {
  const auto laws = [](const std::string& drafters) {
    const Params call = call_of(cat("union(drafters=", drafters, ")"));
    return all_drafters().at("union", "test").facts(call, Policy::kSampled).laws;
  };
  EXPECT_THAT(laws("[prompt_lookup, draft_model]"), ElementsAre(Draw::kPoint, Draw::kIid));
  EXPECT_THAT(laws("[oracle, draft_model]"), ElementsAre(Draw::kPoint));
  const DraftTree tree = tree_of("union(drafters=[oracle, draft_model])", kPrompts[0]);
  EXPECT_GT(tree.size(), 4);
  for (const Draw draw : tree.draw) EXPECT_EQ(draw, Draw::kPoint);
}

TEST(Union, IsExactForEveryMixtureOfLaws) {
  for (const char* rule : {"rejection", "traversal"}) {
    for (const char* drafters : {"[echo(length=2), draft_model(length=1)]", "[draft_model(length=1), oracle(length=1)]",
                                 "[echo(length=1), random_tree(nodes=2,law=without_replacement)]",
                                 "[random_tree(nodes=2,law=iid), echo(length=1)]"}) {
      const Bench bench({cat("union(drafters=", drafters, ")"), rule}, "temperature(0.8)", {.vocab = 3});
      EXPECT_LT(error_of(bench, 3, 1), kExact) << drafters << " under " << rule;
    }
  }
}

// The planted fault: points first, and behind them what was drawn from the whole q.
class PointFirst final : public Drafter {
 public:
  PointFirst(std::unique_ptr<Drafter> drafter, bool is_first) : drafter_(std::move(drafter)), is_first_(is_first) {}
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    drafter_->begin(prefixes, requests, prefill);
  }
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees = drafter_->draft(round);
    for (DraftTree& tree : trees) {
      if (tree.size() < 2) continue;
      const Token other = tree.token[1] == 0 ? 1 : 0, point = is_first_ ? 0 : other;
      if (point == tree.token[1]) {  // falls together with the point, as a union by tokens would have it
        tree.draw[1] = Draw::kPoint;
        tree.q_row[1] = -1;
        continue;
      }
      DraftTree with = DraftTree::root_only(tree.token[0]);
      if (is_first_) with.add(point, 0, Draw::kPoint);
      with.add(tree.token[1], 0, Draw::kIid, 0);
      if (!is_first_) with.add(point, 0, Draw::kPoint);
      with.q = tree.q;
      tree = with;
    }
    return trees;
  }

 private:
  std::unique_ptr<Drafter> drafter_;
  bool is_first_;
};

TEST(Union, ADrawnSiblingBehindAPointIsRefuted) {
  const auto error = [](bool is_first) {
    Bench bench({"draft_model(length=1)", "rejection"}, "temperature(0.8)", {.vocab = 3});
    bench.drafter = std::make_unique<PointFirst>(std::move(bench.drafter), is_first);
    return error_of(bench, 2, 1);
  };
  EXPECT_GT(error(true), kRefuted);
  EXPECT_LT(error(false), kExact);
}

// ---- adversary ----

TEST(Adversary, HasTheShapeAndNoneOfTheTokens) {
  const DraftTree right = tree_of("prompt_lookup(length=3)", {1, 2, 3, 1, 2});
  const DraftTree wrong = tree_of("adversary(drafter=prompt_lookup(length=3))", {1, 2, 3, 1, 2});
  EXPECT_EQ(wrong.parent, right.parent);
  for (int row = 1; row < right.size(); ++row) EXPECT_NE(wrong.token[row], right.token[row]);
  const DraftTree siblings = tree_of("adversary(drafter=random_tree(nodes=9,children=9,depth=1,law=iid))", {1, 2});
  EXPECT_NO_THROW(check_tree(siblings, 2, 7, TreeCheck::kAll));
}

TEST(Adversary, IsAsGoodAsNeverAccepted) {
  // A draft equal to the target is right at temperature 0, so its adversary never is.
  const Bench bench({"adversary(drafter=draft_model)", "greedy_match"}, "temperature(0)", {.draft_is_target = true});
  Counts counts;
  Session s = bench.session(30);
  s.log = &counts;
  decode(s, kPrompts, kRequests);
  EXPECT_EQ(counts.accepted, 0);
  EXPECT_GT(counts.drafted, 100);
}

// ---- random_tree ----

TEST(RandomTree, IsExactWithEveryLaw) {
  for (const auto& [law, rules] :
       std::map<std::string, std::vector<std::string>>{{"point", {"rejection", "traversal"}},
                                                       {"iid", {"rejection", "traversal", "kseq"}},
                                                       {"without_replacement", {"rejection", "traversal"}}}) {
    for (const std::string& rule : rules) {
      const Bench bench({cat("random_tree(nodes=2, law=", law, ")"), rule}, "temperature(0.8)", {.vocab = 3});
      EXPECT_LT(error_of(bench, 3, 1), kExact) << law << " under " << rule;
    }
  }
}

TEST(RandomTree, KeepsItsBounds) {
  std::set<std::vector<int>> shapes;
  for (int64_t request = 0; request < 30; ++request) {
    const DraftTree tree = tree_of("random_tree(nodes=12, children=2, depth=4)", {1, 2}, request);
    EXPECT_EQ(tree.size(), 13);
    EXPECT_LE(size_of(tree).deepest, 4);
    for (int row = 0; row < tree.size(); ++row) EXPECT_LE(tree.children(row).size(), 2u);
    shapes.insert(tree.parent);
  }
  EXPECT_GT(shapes.size(), 20u);
  EXPECT_EQ(tree_of("random_tree(nodes=12, children=12, depth=1)", {1, 2}).size(), 8) << "as many as there are tokens";
}

// ---- check ----

TEST(CheckDrafter, NotesHowFarTwoAgree) {
  const auto notes = [](const std::string& call) {
    struct Log final : RoundLog {
      std::map<std::string, double> of;
      void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
        for (const auto& [name, value] : record.notes) of.emplace(name, value);
      }
    } log;
    const Bench bench({call, "rejection"}, "temperature(1)");
    Session s = bench.session(12);
    s.log = &log;
    decode(s, {{1, 2, 3, 1, 2, 4, 1, 2}}, std::vector<int64_t>{7});
    return log.of;
  };
  EXPECT_EQ(notes("check(drafter=draft_model, other=draft_model)"),
            (std::map<std::string, double>{{"check_equal", 1}, {"check_rows", 1}}))
      << "drawn on the same keys";
  const auto half = notes(
      "check(drafter=union(drafters=[prompt_lookup(length=1), prompt_lookup(length=1,match=first)]), "
      "other=prompt_lookup(length=1))");
  EXPECT_EQ(half.at("check_equal"), 0);
  EXPECT_EQ(half.at("check_rows"), 0.5);
}

// ---- replay ----

TEST(Replay, DraftsWhatWasRecordedThereAndElsewhereNothing) {
  DraftTree drawn = DraftTree::root_only(2);
  drawn.add(5, 0, Draw::kPoint);
  drawn.add(6, 0, Draw::kPoint);
  drawn.add(4, 1, Draw::kPoint);
  const std::string path = trace_of({{7, 2, drawn}}, 7, "one.trace");
  const std::string call = cat("replay(file=", quoted(path), ")");
  EXPECT_EQ(tree_of(call, {1, 2}).token, drawn.token);
  EXPECT_EQ(tree_of(call, {1, 2}).parent, drawn.parent);
  EXPECT_EQ(tree_of(call, {1, 3}).size(), 1) << "another text";
  EXPECT_EQ(tree_of(call, {1, 2, 2}).size(), 1) << "another position";
  EXPECT_EQ(tree_of(call, {1, 2}, 8).size(), 1) << "another request";
  const Bench bench({call, "rejection"}, "temperature(1)");
  EXPECT_THAT(play_round(bench.session(2), {1, 2}, 7).tree.token, ElementsAre(2, 5, 6))
      << "cut where two tokens are left";
}

TEST(Replay, SaysWhatItCannotRead) {
  EXPECT_THAT(refusal("replay"), HasSubstr("replay file is not given"));
  EXPECT_THAT(refusal("replay(file=\"/nowhere.trace\")"), HasSubstr("/nowhere.trace"));
  const std::string no_trace = toy_folder() + "/no.trace";
  std::ofstream(no_trace) << "something else, long enough";
  EXPECT_THAT(refusal(cat("replay(file=", quoted(no_trace), ")")), HasSubstr("not a trace of this version"));
  const std::string wide = trace_of({}, 9, "wide.trace");
  EXPECT_THROW(Bench({cat("replay(file=", quoted(wide), ")"), "rejection"}, "temperature(1)"), Error);
  const Params call = call_of(cat("replay(file=", quoted(toy_trace()), ")"));
  const Facts facts = all_drafters().at("replay", "test").facts(call, Policy::kSampled);
  EXPECT_THAT(facts.files, ElementsAre(toy_trace()));
  EXPECT_EQ(facts.scope, Scope::kFile);
}

}  // namespace
}  // namespace specula::testing
