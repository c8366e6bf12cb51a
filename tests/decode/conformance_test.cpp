// What every pair of drafter and verifier that fit must keep, asserted of each without being named: adding a plug-in
// adds its tests.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "framework/certify/decode_law.h"
#include "framework/model/wrapped_model.h"
#include "tests/decode/composition.h"

namespace specula::testing {
namespace {

constexpr double kExact = 5e-6;  // float32 rows, 2^-31 of each bisection
const std::string kGreedy = "temperature(0)", kWarm = "temperature(0.9)";

bool is_any(const Composed& /*composed*/) { return true; }
bool is_coupled(const Composed& c) { return c.guarantee == Guarantee::kCoupled; }
bool is_lossless(const Composed& c) { return is_coupled(c) || c.guarantee == Guarantee::kExact; }
bool is_greedy_exact(const Composed& c) { return is_lossless(c) || c.guarantee == Guarantee::kGreedyExact; }
// One that the test chooses; online_draft reads its own from a folder.
bool uses_a_model(const Composed& c) {
  const auto& models = c.drafter.models;
  return std::find(models.begin(), models.end(), "draft") != models.end();
}

// What it drafts is what its model says, and nothing beside it.
bool drafts_a_chain_of_a_model(const Pair& pair, const Composed& c) {
  const auto& options = all_registries().drafters.at(plugin_name(call_of(pair.drafter)), "test").options;
  const bool is_composed =
      std::any_of(options.begin(), options.end(), [](const Option& o) { return o.type.starts_with("drafter"); });
  return uses_a_model(c) && !c.drafter.trees && !is_composed;
}
// Bisection finds the pieces of coins and draws, and not the regions of a race.
bool has_law(const Composed& c) {
  return (c.guarantee == Guarantee::kExact || c.guarantee == Guarantee::kMixture) &&
         c.verifier.policy != Policy::kCoupled;
}
bool is_drawn_from_q(const Composed& c) {
  return is_lossless(c) && !c.drafter.laws.empty() && c.drafter.laws[0] != Draw::kPoint;
}
std::vector<Pair> chains_of_models(const std::string& samplers, bool (*wanted)(const Composed& composed)) {
  std::vector<Pair> found = pairs(samplers, wanted);
  std::erase_if(found, [&](const Pair& pair) { return !drafts_a_chain_of_a_model(pair, pair.composed(samplers)); });
  for (Pair& pair : found) {
    // What it names behind its first token is no law of a text.
    if (plugin_name(call_of(pair.drafter)) == "parallel_draft") pair = with_length(pair, 1);
  }
  return found;
}

class Pairs : public ::testing::TestWithParam<Pair> {};
std::string name_of_test(const ::testing::TestParamInfo<Pair>& p) { return p.param.name(); }

// ---- greedy text ----

using GreedyPairs = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, GreedyPairs, ::testing::ValuesIn(pairs(kGreedy, is_greedy_exact)), name_of_test);

TEST_P(GreedyPairs, TheTextAtTemperatureZeroIsTheBaselines) {
  for (const char* policy :
       {"temperature(0)", "repetition_penalty(1.3),temperature(0)", "no_repeat_ngram(2),temperature(0)"}) {
    const auto baseline = Bench({"none", "greedy_match"}, policy).run(kPrompts, kRequests, 40);
    const auto text = Bench(GetParam(), policy).run(kPrompts, kRequests, 40);
    for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << policy << " sequence " << b;
  }
}

TEST_P(GreedyPairs, LimitsAreKept) {
  const auto whole = Bench({"none", "greedy_match"}, kGreedy).run({kPrompts[0]}, {101}, 6)[0].tokens;
  for (const int64_t limit : {0, 1, 2, 3, 5}) {
    const auto text = Bench(GetParam(), kGreedy).run({kPrompts[0]}, {101}, limit)[0];
    EXPECT_EQ(text.tokens, Prefix(whole.begin(), whole.begin() + 5 + limit));
    EXPECT_EQ(text.stop, Stop::kLimit);
  }
}

using GreedyPairsOfModels = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, GreedyPairsOfModels,
                         ::testing::ValuesIn(chains_of_models(kGreedy, is_greedy_exact)), name_of_test);

// Where the draft model is the target itself its most likely tokens are the target's.
TEST_P(GreedyPairsOfModels, ADraftEqualToTheTargetIsAcceptedWhole) {
  const Bench bench(GetParam(), kGreedy, {.draft_is_target = true});
  Counts counts;
  Session s = bench.session(24);
  s.log = &counts;
  decode(s, kPrompts, kRequests);
  EXPECT_GT(counts.drafted, 30);
  EXPECT_EQ(counts.accepted, counts.drafted);
}

// ---- every pair that fits ----

using FittingPairs = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, FittingPairs, ::testing::ValuesIn(pairs(kWarm, is_any)), name_of_test);

TEST_P(FittingPairs, SameRequestSameTextAloneInABatchAndAgain) {
  const Bench bench(GetParam(), kWarm);
  const auto together = bench.run(kPrompts, kRequests, 30);
  const auto again = bench.run(kPrompts, kRequests, 30);
  for (size_t b = 0; b < 3; ++b) {
    EXPECT_EQ(bench.run({kPrompts[b]}, {kRequests[b]}, 30)[0].tokens, together[b].tokens) << "sequence " << b;
    EXPECT_EQ(again[b].tokens, together[b].tokens) << "sequence " << b;
    EXPECT_EQ(together[b].tokens.size(), kPrompts[b].size() + 30);
  }
}

// A stop token ends the text where it first stands, also inside an accepted run, and changes nothing before it.
TEST_P(FittingPairs, StopsAtTheFirstStopToken) {
  const Bench bench(GetParam(), kWarm, {.draft_is_target = true});  // long accepted runs
  const auto whole = bench.run({kPrompts[0]}, {101}, 30)[0].tokens;
  for (const Token stop : std::set<Token>(whole.begin() + 5, whole.end())) {
    const auto first = std::find(whole.begin() + 5, whole.end(), stop);
    const auto text = bench.run({kPrompts[0]}, {101}, 30, 17, {stop})[0];
    EXPECT_EQ(text.tokens, Prefix(whole.begin(), first + 1)) << "stop token " << stop;
    EXPECT_EQ(text.stop, Stop::kStopToken);
  }
}

// Another model's logits, with NaN in every row of one sequence once its cache holds `from` tokens.
class BrokenModel final : public WrappedModel {
 public:
  BrokenModel(const LanguageModel& model, int sequence, int64_t from)
      : WrappedModel(model), sequence_(sequence), from_(from) {}
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    Pass pass = model_.forward(rows, cache, ask);
    if (!pass.logits.defined() || cache.size(sequence_) < from_) return pass;
    const int64_t each = pass.logits.numel() / pass.logits.size(0);
    std::fill_n(pass.logits.mutable_data_ptr<float>() + sequence_ * each, each,
                std::numeric_limits<float>::quiet_NaN());
    return pass;
  }

 private:
  int sequence_;
  int64_t from_;
};

void expect_refused(const Pair& pair, const BenchOptions& options) {
  const Bench bench(pair, kWarm, options);
  try {
    bench.run(kPrompts, kRequests, 12);
    FAIL() << "NaN was decoded";
  } catch (const NumericError& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("of request 102"), std::string::npos) << text;
    EXPECT_NE(text.find("NaN"), std::string::npos) << text;
    const size_t at = text.find("at position ");
    ASSERT_NE(at, std::string::npos) << text;
    EXPECT_GE(std::stoi(text.substr(at + 12)), 4) << text;  // the prompt has one token, and three were sound
  }
}

TEST_P(FittingPairs, NanFromTheTargetIsRefusedWithRequestAndPosition) {
  const HashModel sound({.seed = 5, .vocab = 7});
  const BrokenModel broken(sound, 1, 3);
  expect_refused(GetParam(), {.target = &broken});
}

using DraftingModels = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, DraftingModels, ::testing::ValuesIn(pairs(kWarm, uses_a_model)), name_of_test);

TEST_P(DraftingModels, NanFromTheDraftIsRefusedWithRequestAndPosition) {
  const HashModel sound({.seed = 6, .vocab = 7});
  const BrokenModel broken(sound, 1, 3);
  expect_refused(GetParam(), {.draft = &broken});
}

// ---- rules that promise something of sampled text ----

using LosslessPairs = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, LosslessPairs, ::testing::ValuesIn(pairs(kWarm, is_lossless)), name_of_test);

TEST_P(LosslessPairs, NoMaskedTokenIsEmittedAndAnotherSeedGivesAnotherText) {
  for (const char* policy : {"temperature(1.3),top_k(2)", "temperature(2),top_p(0.5)", "temperature(1),min_p(0.6)"}) {
    const Bench bench(GetParam(), policy);
    std::set<Prefix> texts;
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const Prefix text = bench.run({kPrompts[0]}, {101}, 25, seed)[0].tokens;
      for (auto end = text.begin() + 5; end != text.end(); ++end)
        EXPECT_GT(bench.target_law({text.begin(), end})[static_cast<size_t>(*end)], 0) << policy;
      texts.insert(text);
    }
    EXPECT_GT(texts.size(), 1U) << policy;
  }
}

using DrawnPairs = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, DrawnPairs, ::testing::ValuesIn(chains_of_models(kWarm, is_drawn_from_q)),
                         name_of_test);

TEST_P(DrawnPairs, ADraftDrawnFromTheTargetIsAcceptedWhole) {
  const Bench bench(GetParam(), kWarm, {.draft_is_target = true});
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Counts counts;
    Session s = bench.session(24, seed);
    s.log = &counts;
    decode(s, kPrompts, kRequests);
    EXPECT_GT(counts.drafted, 30);
    EXPECT_EQ(counts.accepted, counts.drafted) << "seed " << seed;
  }
}

using CoupledPairs = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, CoupledPairs, ::testing::ValuesIn(pairs(kWarm, is_coupled)), name_of_test);

TEST_P(CoupledPairs, TheTextIsTheBaselinesSeedBySeed) {
  for (const char* policy :
       {"temperature(1)", "temperature(0.7),top_p(0.8)", "repetition_penalty(1.5),temperature(1.4),top_k(4)",
        "frequency_penalty(0.8),xtc(probability=0.5,threshold=0.2),mirostat(tau=1.5)"}) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const auto baseline = Bench({"none", GetParam().verifier}, policy).run(kPrompts, kRequests, 40, seed);
      const auto text = Bench(GetParam(), policy).run(kPrompts, kRequests, 40, seed);
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << policy << " seed " << seed;
    }
  }
}

// ---- exact laws ----

using PairsWithALaw = Pairs;
INSTANTIATE_TEST_SUITE_P(Registered, PairsWithALaw, ::testing::ValuesIn(pairs(kWarm, has_law)), name_of_test);

double error_of(const Bench& bench, int tokens, int rounds) {
  const Session session = bench.session(tokens);
  if (bench.facts.guarantee == Guarantee::kExact)
    return law_error(session, kRepeating, rounds, [&](const Prefix& text) { return bench.target_law(text); });
  Session plain = session;  // rounds after many texts: each is another run, and the audit remembers keys
  plain.keys = Keyring(17);
  return law_error(session, kRepeating, rounds,
                   [&](const Prefix& text) { return law_to_follow(plain, text, kRepeating.size()); });
}

TEST_P(PairsWithALaw, OneRoundFollowsItExactly) {
  for (const char* policy : {"temperature(0.8)", "repetition_penalty(1.5),temperature(1.2),top_k(2)"})
    EXPECT_LT(error_of(Bench(with_length(GetParam(), 2), policy, {.vocab = 3}), 3, 1), kExact) << policy;
}

TEST_P(PairsWithALaw, WholeTextsFollowItExactly) {
  EXPECT_LT(error_of(Bench(with_length(GetParam(), 1), "temperature(0.8)", {.vocab = 2}), 3, 3), kExact);
}

// ---- options ----

// Every call that sets one numeric option of the plug-in to an end of its range.
template <class T>
std::vector<std::string> calls_at_both_ends(const Registry<T>& registry, const std::string& call) {
  std::vector<std::string> calls;
  const Params plain = call_of(call);
  const auto& entry = registry.at(plugin_name(plain), "test");
  for (const Option& option : entry.options) {
    const size_t dots = option.range.find("..");
    if (dots == std::string::npos) continue;
    for (const std::string& value : {option.range.substr(0, dots), option.range.substr(dots + 2)}) {
      Params params = plain;
      params.values.set(option.name, *parse_call(cat("x(v=", value, ")"), "test").find("v"));
      try {
        entry.facts(params, Policy::kSampled);
      } catch (const ConfigError&) {
        continue;  // options that exclude each other
      }
      calls.push_back(call_text(params));
    }
  }
  return calls;
}

TEST(Options, OfDraftersAtBothEndsGiveTheBaselinesText) {
  const auto baseline = Bench({"none", "agreement"}, "temperature(1)").run(kPrompts, kRequests, 20);
  size_t calls = 0;
  for (const std::string& name : all_registries().drafters.order) {
    for (const std::string& call : calls_at_both_ends(all_registries().drafters, call_of_drafter(name))) {
      std::unique_ptr<Bench> bench;
      try {
        bench = std::make_unique<Bench>(Pair{call, "agreement"}, "temperature(1)");
      } catch (const ConfigError&) {
        continue;  // more layers than the toy target has
      }
      const auto text = bench->run(kPrompts, kRequests, 20);
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << call << ", sequence " << b;
      ++calls;
    }
  }
  EXPECT_GT(calls, 5U);
}

// A rule that keeps its promise there gives the greedy text; a lossy one at least ends.
TEST(Options, OfVerifiersAtBothEndsKeepTheirPromise) {
  const auto baseline = Bench({"none", "greedy_match"}, kGreedy).run(kPrompts, kRequests, 20);
  size_t calls = 0;
  for (const std::string& name : all_registries().verifiers.order) {
    for (const std::string& call : calls_at_both_ends(all_registries().verifiers, name)) {
      for (const std::string& drafter : all_registries().drafters.order) {
        const Pair pair{call_of_drafter(drafter), call};
        const Composed composed = pair.composed(kGreedy);
        if (!composed.problems.empty()) continue;
        const auto text = Bench(pair, kGreedy).run(kPrompts, kRequests, 20);
        for (size_t b = 0; b < 3; ++b) {
          EXPECT_EQ(text[b].tokens.size(), baseline[b].tokens.size());
          if (!is_greedy_exact(composed)) continue;
          EXPECT_EQ(text[b].tokens, baseline[b].tokens) << drafter << ", " << call;
        }
        ++calls;
      }
    }
  }
  EXPECT_GT(calls, 5U);
}

// ---- what the tests above rest on ----

// A drafter that never drafts would pass most of them.
TEST(Drafters, DraftSomethingUnlessTheySayThatTheyDraftNothing) {
  for (const std::string& name : all_registries().drafters.order) {
    const Pair pair{call_of_drafter(name), "rejection"};
    const Bench bench(pair, "temperature(0.8)", {.vocab = 3});
    Counts counts;
    Session s = bench.session(24);
    s.log = &counts;
    decode(s, {kRepeating}, std::vector<int64_t>{7});
    EXPECT_EQ(counts.drafted > 0, !pair.composed("temperature(0.8)").drafter.laws.empty()) << name;
  }
}

TEST(Compositions, AreManyAndEveryRuleHasOne) {
  EXPECT_GT(pairs(kWarm, is_lossless).size(), 10U);
  EXPECT_GT(pairs(kWarm, has_law).size(), 5U);
  EXPECT_GT(chains_of_models(kWarm, is_drawn_from_q).size(), 0U);
  std::set<std::string> rules;
  for (const Pair& pair : pairs(kGreedy, is_any)) rules.insert(pair.verifier);
  EXPECT_EQ(rules.size(), all_registries().verifiers.order.size());
}

}  // namespace
}  // namespace specula::testing
