// Faults that once went through every other test: rules that leave the contract of their chances, and lines whose
// change nothing else saw.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <set>

#include "framework/decode/coupled_draw.h"
#include "framework/decode/round_law.h"
#include "framework/decode/round_rows.h"
#include "tests/decode/composition.h"
#include "tests/decode/rule_support.h"

namespace specula::testing {
namespace {

using Judge = std::function<Verdict(const RoundRows& rows, Chance& chance)>;

class RuleOf final : public Verifier {
 public:
  explicit RuleOf(Judge judge) : judge_(std::move(judge)) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    return judge_(RoundRows(tree, evidence.p), evidence.chance);
  }

 private:
  const Judge judge_;
};

// Accepts the only draft and ends as told.
void expect_refused(const Judge& judge) {
  const DraftTree tree = DraftTree::chain_of_points(0, {1});
  const Tensor p = tensor_of({{0.2, 0.5, 0.3}, {0.1, 0.2, 0.7}});
  EXPECT_THROW(law_of_round(RuleOf(judge), tree, p), std::logic_error);
}

TEST(LawOfRound, ARuleThatDoesNotEndWithWhatItDrewIsRefused) {
  expect_refused([](const RoundRows& rows, Chance& chance) {
    chance.emit({rows.p(1), rows.vocab()}, 1, 1);
    return Verdict{.path = {1}, .next = 2};
  });
  expect_refused([](const RoundRows& rows, Chance& chance) {
    chance.draw_target(rows.p(1), rows.vocab(), 1);
    return Verdict{.path = {1}, .next = 2};
  });
}

TEST(LawOfRound, ARuleThatDrawsItsEndForAnotherRowOrDepthIsRefused) {
  expect_refused([](const RoundRows& rows, Chance& chance) {
    return Verdict{.path = {1}, .next = chance.emit({rows.p(1), rows.vocab()}, 0, 1)};
  });
  expect_refused([](const RoundRows& rows, Chance& chance) {
    return Verdict{.path = {1}, .next = chance.emit({rows.p(1), rows.vocab()}, 1, 0)};
  });
  expect_refused([](const RoundRows& rows, Chance& chance) {
    return Verdict{.path = {1}, .next = chance.draw_target(rows.p(1), rows.vocab(), 0)};
  });
}

// ---- keys ----

const Row kLaw = {0.1, 0.2, 0.3, 0.4};

TEST(KeyedChance, TheTargetsOwnDrawKnowsItsPositionAlone) {
  const Keyring keys(3);
  const Tensor p = tensor_of({kLaw});
  const float* law = p.const_data_ptr<float>();
  for (int64_t start = 1; start < 8; ++start) {
    for (int depth = 0; depth < 6; ++depth) {
      KeyedChance chance(keys, 5, start);
      const Token own = pick(law, 4, keys.uniform(Use::kTarget, 5, start + depth, 0));
      EXPECT_EQ(chance.draw_target(law, 4, depth), own);
      EXPECT_EQ(chance.emit({law, 4}, 2, depth), own);
      EXPECT_EQ(chance.draw_coupled(law, 4, depth), coupled_draw(law, 4, keys, 5, start + depth));
    }
  }
}

// Of every draw of a decode: its key.
class KeysSeen final : public KeyTap {
 public:
  double uniform(uint64_t seed, Use use, int64_t request, int64_t position, uint32_t, double value) override {
    const std::lock_guard lock(mutex_);
    seen.insert({seed, use, request, position});
    return value;
  }
  std::set<std::tuple<uint64_t, Use, int64_t, int64_t>> seen;

 private:
  std::mutex mutex_;
};

struct Starts final : RoundLog {
  std::set<std::pair<int64_t, int64_t>> of_request;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    of_request.insert({kRequests[static_cast<size_t>(record.sequence)], record.start});
  }
};

class KeysOfPairs : public ::testing::TestWithParam<Pair> {};
INSTANTIATE_TEST_SUITE_P(Registered, KeysOfPairs,
                         ::testing::ValuesIn(pairs("temperature(0.9)",
                                                   [](const Composed& /*composed*/) { return true; })),
                         [](const auto& pair) { return pair.param.name(); });

TEST_P(KeysOfPairs, AreTheRequestsOwnAtItsRoundsAndItsTokens) {
  constexpr int64_t kTokens = 12;
  constexpr uint64_t kSeed = 17;
  const Bench bench(GetParam(), "temperature(0.9)");
  const auto keys = std::make_shared<KeysSeen>();
  Starts starts;
  Session session = bench.session(kTokens, kSeed);
  session.keys.tap(keys);
  session.log = &starts;
  decode(session, kPrompts, kRequests);
  EXPECT_FALSE(keys->seen.empty());
  for (const auto& [seed, use, request, position] : keys->seen) {
    const auto b = std::find(kRequests.begin(), kRequests.end(), request) - kRequests.begin();
    ASSERT_LT(b, static_cast<int64_t>(kRequests.size())) << "a draw for request " << request;
    const auto first = static_cast<int64_t>(kPrompts[static_cast<size_t>(b)].size());
    // On keys of its own a loop inside a drafter has rounds of its own.
    if (use == Use::kTarget || use == Use::kCoupled || seed != kSeed) {
      EXPECT_TRUE(position >= first && position < first + kTokens) << "position " << position;
    } else {
      EXPECT_TRUE(starts.of_request.contains({request, position})) << "no round of it starts at " << position;
    }
  }
}

// ---- trees and rounds ----

TEST(CheckTree, OnlyIidRowsAndProbesMayRepeatASibling) {
  const auto siblings = [](Draw first, Draw second) {
    DraftTree tree = DraftTree::root_only(0);
    for (const Draw draw : {first, second}) {
      tree.add(1, 0, draw, draw == Draw::kPoint || draw == Draw::kProbe ? -1 : 0);
    }
    tree.q = tensor_of({kLaw});
    return tree;
  };
  for (const Draw second : {Draw::kPoint, Draw::kWithoutReplacement, Draw::kCoupled})
    EXPECT_THROW(check_tree(siblings(Draw::kIid, second), 0, 4, TreeCheck::kStructure), std::logic_error);
  for (const Draw second : {Draw::kIid, Draw::kProbe})
    EXPECT_NO_THROW(check_tree(siblings(Draw::kPoint, second), 0, 4, TreeCheck::kStructure));
}

class ProbesUnder : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Registered, ProbesUnder, ::testing::ValuesIn(all_registries().verifiers.order),
                         [](const auto& rule) { return rule.param; });

// Probes of every token stand below the root: whatever the rule wants, it is none of them.
TEST_P(ProbesUnder, AreNeverAccepted) {
  const auto rule = rule_named(GetParam());
  DraftTree tree = DraftTree::root_only(0);
  for (Token x = 0; x < 4; ++x) tree.add(x, 0, Draw::kProbe);
  const std::vector<Row> rows(5, Row{0, 1, 0, 0});
  tree.q = tensor_of(rows);
  tree.q_next = {0, 1, 2, 3, 4};
  const Tensor p = tensor_of(rows);
  const Keyring keys(1);
  KeyedChance chance(keys, 0, 1);
  const Verdict verdict = rule->verify(tree, {.p = p, .chance = chance});
  EXPECT_TRUE(verdict.path.empty());
  EXPECT_EQ(verdict.next, 1);
  EXPECT_EQ(rule->expected_accepted(tree, p).value_or(0), 0);
}

TEST(Rounds, ThatAStopTokenShortensSayThatTheyWereCut) {
  struct Cuts final : RoundLog {
    int cut = 0;
    void round(const RoundRecord& r, const PhaseClock& /*clock*/) override {
      EXPECT_EQ(r.cut, r.new_tokens.size() < r.verdict.path.size() + 1);
      cut += r.cut ? 1 : 0;
    }
  };
  const Bench bench({"draft_model", "greedy_match"}, "temperature(0)", {.draft_is_target = true});
  Cuts cuts;
  for (Token stop = 0; stop < 7; ++stop) {
    Session session = bench.session(20);
    session.log = &cuts;
    session.stop = {stop};
    decode(session, {kPrompts[0]}, std::vector<int64_t>{101});
  }
  EXPECT_GT(cuts.cut, 0);
}

}  // namespace
}  // namespace specula::testing
