// What is particular to each drafter; what all share is in conformance_test.cpp.
#include <gtest/gtest.h>

#include <cmath>

#include "drafters/draft_model.h"
#include "drafters/echo.h"
#include "drafters/oracle.h"
#include "drafters/prompt_lookup.h"
#include "framework/certify/hash_model.h"
#include "framework/decode/compose.h"
#include "framework/decode/decode.h"
#include "verifiers/rejection.h"

namespace specula::testing {
namespace {

Params options(const std::string& call) { return {.place = "test", .values = parse_call(call, "test")}; }

// One round of one sequence for drafters that need no model.
DraftTree draft(Drafter& drafter, const Prefix& text, int64_t remaining = 100) {
  const HashModel model({.vocab = 50});
  const Sampler sampler;
  const Keyring keys(0);
  const auto cache = model.new_cache(1, 0);
  PhaseClock clock;
  const std::vector<Prefix> prefixes{text};
  const std::vector<int64_t> requests{1}, starts{static_cast<int64_t>(text.size())}, left{remaining};
  const std::vector<char> done{0};
  return drafter.draft({.prefixes = prefixes,
                        .requests = requests,
                        .starts = starts,
                        .remaining = left,
                        .done = done,
                        .row_budget = 64,
                        .policy = Policy::kSampled,
                        .sampler = sampler,
                        .keys = keys,
                        .target = model,
                        .target_cache = *cache,
                        .clock = clock})[0];
}

std::vector<Token> looked_up(const std::string& call, const Prefix& text, int64_t remaining = 100) {
  const auto drafter = prompt_lookup().make(options(call), {});
  const DraftTree tree = draft(*drafter, text, remaining);
  return {tree.token.begin() + 1, tree.token.end()};
}

TEST(Echo, RepeatsTheLastToken) {
  const auto drafter = echo().make(options("echo(length=3)"), {});
  EXPECT_EQ(draft(*drafter, {4, 9}).token, (std::vector<Token>{9, 9, 9, 9}));
  EXPECT_EQ(draft(*drafter, {4, 9}, 2).token, (std::vector<Token>{9, 9}));
  EXPECT_EQ(draft(*drafter, {4, 9}, 1).size(), 1);
}

TEST(PromptLookup, CopiesWhatFollowedTheLongestSuffix) {
  const Prefix text = {1, 2, 3, 4, 9, 2, 3, 5, 1, 2, 3};
  EXPECT_EQ(looked_up("prompt_lookup(length=2)", text), (std::vector<Token>{4, 9})) << "3-gram 1 2 3";
  EXPECT_EQ(looked_up("prompt_lookup(length=2,max_ngram=2)", text), (std::vector<Token>{5, 1}))
      << "2-gram 2 3, last occurrence";
  EXPECT_EQ(looked_up("prompt_lookup(length=2,max_ngram=2,match=first)", text), (std::vector<Token>{4, 9}));
  EXPECT_EQ(looked_up("prompt_lookup(length=9,max_ngram=2)", text), (std::vector<Token>{5, 1, 2, 3}))
      << "not beyond the text";
}

TEST(PromptLookup, DraftsNothingWithoutAMatch) {
  EXPECT_TRUE(looked_up("prompt_lookup", {1, 2, 3, 4}).empty());
  EXPECT_TRUE(looked_up("prompt_lookup", {7}).empty());
  EXPECT_TRUE(looked_up("prompt_lookup(min_ngram=2)", {1, 5, 1}).empty()) << "only a 1-gram matches";
  EXPECT_EQ(looked_up("prompt_lookup", {5, 5}), std::vector<Token>{5}) << "a match may touch the suffix";
}

// Counts what the ratio test made of drafts: accepted, and tested (accepted or rejected).
struct Counter final : RoundLog {
  int64_t accepted = 0, tested = 0;
  void round(const RoundRecord& r, const PhaseClock& /*clock*/) override {
    if (r.cut) return;
    accepted += r.accepted;
    tested += r.accepted + (r.accepted < r.drafted ? 1 : 0);
  }
};

Counter decoded_under_rejection(const HashModel& target, Drafter& drafter, int64_t tokens, PhaseClock& clock) {
  const auto verifier = rejection().make(options("rejection"), {});
  const Sampler sampler;
  Counter counter;
  decode({.target = target,
          .drafter = drafter,
          .verifier = *verifier,
          .policy = Policy::kSampled,
          .sampler = sampler,
          .keys = Keyring(8),
          .max_new_tokens = tokens,
          .log = &counter,
          .clock = &clock,
          .check_trees = true},
         {{1, 2, 3}}, std::vector<int64_t>{1});
  return counter;
}

class OracleRate : public ::testing::TestWithParam<double> {};

TEST_P(OracleRate, IsWhatTheRatioTestAccepts) {
  const double rate = GetParam();
  const HashModel target({.seed = 3, .vocab = 40});
  const auto drafter = oracle().make(options(cat("oracle(rate=", rate, ",length=4)")), {});
  PhaseClock clock;
  const Counter counter = decoded_under_rejection(target, *drafter, 3000, clock);
  const auto n = static_cast<double>(counter.tested);
  const double measured = static_cast<double>(counter.accepted) / n;
  EXPECT_NEAR(measured, rate, 4.5 * std::sqrt(rate * (1 - rate) / n) + 1e-9) << n << " tested";
  EXPECT_GT(clock.unbilled(), 0.0);
}

INSTANTIATE_TEST_SUITE_P(Rates, OracleRate, ::testing::Values(0.1, 0.5, 0.8, 1.0));

TEST(DraftModel, ADraftEqualToTheTargetIsAlwaysAccepted) {
  const HashModel target({.seed = 3, .vocab = 40});
  const Parts parts{.model = [&](const std::string& name) -> const LanguageModel& {
    EXPECT_EQ(name, "small");
    return target;
  }};
  const auto drafter = draft_model().make(options("draft_model(model=small,length=5)"), parts);
  PhaseClock clock;
  const Counter counter = decoded_under_rejection(target, *drafter, 600, clock);
  EXPECT_EQ(counter.accepted, counter.tested);
  EXPECT_GT(counter.tested, 400);
  EXPECT_EQ(clock.unbilled(), 0.0) << "a draft model is billed";
}

}  // namespace
}  // namespace specula::testing
