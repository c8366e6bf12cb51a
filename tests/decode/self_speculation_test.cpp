// Drafters that let the target draft for itself: what is left out, what is not computed twice, and what is found.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "drafters/early_exit.h"
#include "drafters/layer_skip.h"
#include "drafters/skip_search.h"
#include "drafters/sliding_window_self.h"
#include "drafters/swift.h"
#include "framework/certify/memo_model.h"
#include "framework/decode/rows.h"
#include "framework/model/load.h"
#include "framework/model/random_model.h"
#include "framework/model/wrapped_model.h"
#include "tests/decode/composition.h"
#include "verifiers/rejection.h"

namespace specula::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

// A model that counts what its passes compute: rows times blocks, two to a layer.
class Counting final : public WrappedModel {
 public:
  using WrappedModel::WrappedModel;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    int64_t count = 0, run = 0;
    for (int64_t i = 0; i < rows.token.numel(); ++i) count += rows.token.const_data_ptr<int64_t>()[i] >= 0 ? 1 : 0;
    for (auto l = static_cast<size_t>(ask.first_layer); l < static_cast<size_t>(layers()); ++l) {
      run += ask.skip_attention.empty() || ask.skip_attention[l] == 0 ? 1 : 0;
      run += ask.skip_mlp.empty() || ask.skip_mlp[l] == 0 ? 1 : 0;
    }
    blocks += count * run;
    if (!ask.skip_attention.empty()) {
      skipping += count;
      skipping_blocks += count * run;
    }
    resumed += ask.first_layer > 0 ? count : 0;
    narrow += ask.view.sinks >= 0 ? count : 0;
    return model_.forward(rows, cache, ask);
  }
  mutable int64_t blocks = 0, resumed = 0, narrow = 0, skipping = 0, skipping_blocks = 0;
};

// A llama of random weights, of six layers; bfloat16 so that ties of float32 are not what decides.
class RandomLlama {
 public:
  RandomLlama() : folder_(std::filesystem::temp_directory_path() / cat("specula-self-", ::getpid())) {
    DecoderConfig config;
    config.vocab = 97;
    config.hidden = 48;
    config.intermediate = 80;
    config.layers = 6;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 12;
    config.context = 256;
    config.norm_eps = 1e-5;
    write_random_llama(folder_, config, 3, Dtype::kFloat32);
    model = load_model(folder_, {.dtype = Dtype::kBfloat16});
  }
  ~RandomLlama() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::unique_ptr<LoadedModel> model;

 private:
  std::filesystem::path folder_;
};
const LanguageModel& random_llama() {
  static const RandomLlama llama;
  return *llama.model;
}

struct Result {
  std::vector<Decoded> texts;
  int drafted, accepted;
  int64_t blocks, resumed, narrow;
  double blocks_of_skipping;  // a row of a pass that may skip
};
Result decoded(const std::string& drafter, const std::string& verifier, const std::string& policy,
               const LanguageModel& model, int64_t tokens = 40) {
  const Counting target(model);
  const Bench bench({drafter, verifier}, policy, {.vocab = model.vocab(), .target = &target});
  Counts counts;
  Session s = bench.session(tokens);
  s.log = &counts;
  auto texts = decode(s, kPrompts, kRequests);
  return {std::move(texts),
          counts.drafted,
          counts.accepted,
          target.blocks,
          target.resumed,
          target.narrow,
          static_cast<double>(target.skipping_blocks) / static_cast<double>(std::max<int64_t>(target.skipping, 1))};
}

void expect_same(const Result& a, const Result& b, const std::string& what) {
  for (size_t i = 0; i < a.texts.size(); ++i) EXPECT_EQ(a.texts[i].tokens, b.texts[i].tokens) << what << " " << i;
}

// ---- on a real forward ----

class OnALlama : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(SelfDrafters, OnALlama,
                         ::testing::Values("layer_skip", "layer_skip(layers=1-4)",
                                           "layer_skip(attention=\"2\",mlp=\"3\")", "early_exit",
                                           "early_exit(exit_layer=1)", "early_exit(exit_layer=5)",
                                           "early_exit(reuse=false)", "swift(context_window=5)",
                                           "swift(context_window=3,scope=run)",
                                           "sliding_window_self(sinks=1,window=4)"));

TEST_P(OnALlama, TheGreedyTextIsTheBaselinesBitForBit) {
  const Result baseline = decoded("none", "greedy_match", "temperature(0)", random_llama(), 24);
  const Result text = decoded(GetParam(), "greedy_match", "temperature(0)", random_llama(), 24);
  expect_same(text, baseline, GetParam());
  EXPECT_GT(text.drafted, 30);
}

TEST_P(OnALlama, TheSampledTextIsTheBaselinesUnderAgreement) {
  const Result baseline = decoded("none", "agreement", "temperature(1)", random_llama(), 24);
  expect_same(decoded(GetParam(), "agreement", "temperature(1)", random_llama(), 24), baseline, GetParam());
}

// ---- layer_skip ----

TEST(LayerSkip, WithNothingSkippedEveryDraftIsAccepted) {
  for (const char* policy : {"temperature(0)", "temperature(0.9)"}) {
    const Result all = decoded("layer_skip(layers=\"\",length=3)", "rejection", policy, random_llama());
    EXPECT_GT(all.drafted, 60);
    EXPECT_EQ(all.accepted, all.drafted) << policy;
    const Result some = decoded("layer_skip(layers=\"1-4\",length=3)", "rejection", policy, random_llama());
    EXPECT_LT(some.accepted, some.drafted) << "the counter-example";
  }
}

TEST(LayerSkip, SkipsTheNamedBlocksAndNoOthers) {
  const auto blocks_of_a_draft = [](const std::string& options) {
    const std::string call = cat("layer_skip(length=2,", options, ")");
    return decoded(call, "greedy_match", "temperature(0)", random_llama(), 6).blocks_of_skipping;
  };
  EXPECT_EQ(blocks_of_a_draft("layers=\"3\""), 10);
  EXPECT_EQ(blocks_of_a_draft("layers=\"1 - 2, 4\""), 6);
  EXPECT_EQ(blocks_of_a_draft("attention=\"0-5\""), 6);
  EXPECT_EQ(blocks_of_a_draft("mlp=\"2\",attention=\"2,3\""), 9);
  EXPECT_EQ(blocks_of_a_draft("layers=\"2\",mlp=\"2,5\""), 9);
  EXPECT_EQ(blocks_of_a_draft("layers=auto"), 8) << "layers 1 and 3";
}

std::unique_ptr<Drafter> made(const std::string& call, int64_t layers) {
  const Params params = call_of(call);
  return all_registries().drafters.at(plugin_name(params), "test").make(params, {.layers = layers});
}

TEST(LayerSkip, NamesWhatIsWrongWithAListOfLayers) {
  const auto refused = [](const std::string& options, const std::string& why) {
    EXPECT_THAT([&] { made("layer_skip(" + options + ")", 6); }, ThrowsMessage<ConfigError>(HasSubstr(why))) << options;
  };
  refused("layers=\"3,x\"", "layer_skip layers = \"3,x\": \"x\" is no layer; valid: numbers 0..1023 and ranges");
  refused("mlp=\"5-3\"", "layer_skip mlp = \"5-3\": 5-3 is empty");
  refused("attention=\"-1\"", "\"\" is no layer");
  refused("attention=\"1,,2\"", "\"\" is no layer");
  refused("attention=\"99999999999\"", "is no layer");
  refused("layers=\"2-6\"", "layer_skip layers names layer 6; the target has 6 layers, 0..5");
  // Without weights: a configuration with such a list is refused before anything loads.
  EXPECT_THROW(all_registries().drafters.at("layer_skip", "test").facts(call_of("layer_skip(mlp=\"a\")"), {}),
               ConfigError);
  made("layer_skip(layers=\"2-5\")", 6);
}

// ---- early_exit ----

TEST(EarlyExit, WhatTheFirstLayersComputedIsNotComputedAgain) {
  for (const int exit : {1, 3, 5}) {
    const auto call = [&](const char* reuse) {
      return cat("early_exit(exit_layer=", exit, ",length=3,reuse=", reuse, ")");
    };
    for (const char* policy : {"temperature(0)", "temperature(1)"}) {
      const Result reused = decoded(call("true"), "rejection", policy, random_llama());
      const Result again = decoded(call("false"), "rejection", policy, random_llama());
      expect_same(reused, again, policy);
      EXPECT_EQ(reused.accepted, again.accepted);
      EXPECT_GT(reused.resumed, 3 * 10);
      EXPECT_EQ(again.resumed, 0);
      // Each verified row saves its first layers; one row of each tree, the last, had not been drafted from.
      EXPECT_LT(reused.blocks, again.blocks) << "exit " << exit;
      EXPECT_GT(again.blocks - reused.blocks, reused.resumed * exit) << "of " << reused.resumed * exit * 2;
    }
  }
}

TEST(EarlyExit, DraftsThatSeeMoreLayersAreAcceptedMore) {
  const HashModel target({.seed = 4, .vocab = 30, .layer_weight = {.2, .2, .2, .2, .1}});
  const auto accepted = [&](int exit) {
    const Result r = decoded(cat("early_exit(exit_layer=", exit, ")"), "rejection", "temperature(0.7)", target, 200);
    return static_cast<double>(r.accepted) / r.drafted;
  };
  EXPECT_GT(accepted(4), accepted(2) + 0.1);
  EXPECT_GT(accepted(2), accepted(1) - 0.05);
}

TEST(EarlyExit, RefusesAnExitThatLeavesNobodyToVerify) {
  EXPECT_THAT([] { made("early_exit(exit_layer=6)", 6); },
              ThrowsMessage<ConfigError>(HasSubstr("exit_layer = 6 is out of range 1..5: the target has 6 layers")));
  EXPECT_THAT([] { made("early_exit", 1); }, ThrowsMessage<ConfigError>(HasSubstr("at least 2 layers")));
  made("early_exit(exit_layer=5)", 6);
  const HashModel small({.vocab = 5});  // where the number of layers is heard of only with the first round
  const auto unknown = made("early_exit(exit_layer=4)", 0);
  const Bench bench({"none", "rejection"}, "temperature(1)");
  const Session s = bench.session(4);
  const Session with{.target = small,
                     .drafter = *unknown,
                     .verifier = s.verifier,
                     .policy = s.policy,
                     .sampler = s.sampler,
                     .keys = Keyring(1),
                     .max_new_tokens = 4};
  EXPECT_THROW(decode(with, {{1, 2}}, std::vector<int64_t>{1}), ConfigError);
}

// A stopper that ends the chain after the exit: Kangaroo's double early exit (Liu et al. 2024), untrained.
TEST(EarlyExit, TakesAStopper) {
  const HashModel target({.seed = 4, .vocab = 30});
  const Result free = decoded("early_exit(length=6)", "rejection", "temperature(0.7)", target, 100);
  const Result stopped =
      decoded("early_exit(length=6,stop=\"confidence(threshold=0.3)\")", "rejection", "temperature(0.7)", target, 100);
  EXPECT_LT(stopped.drafted, free.drafted);
  EXPECT_GT(stopped.drafted, 10);
}

// ---- sliding_window_self ----

TEST(SlidingWindowSelf, AWindowOverTheWholeTextDraftsWhatTheTargetSays) {
  const Result wide = decoded("sliding_window_self(window=500)", "rejection", "temperature(1)", random_llama());
  EXPECT_GT(wide.narrow, 60);
  EXPECT_EQ(wide.accepted, wide.drafted);
  const Result narrow = decoded("sliding_window_self(sinks=0,window=2)", "rejection", "temperature(1)", random_llama());
  EXPECT_LT(narrow.accepted, narrow.drafted);
  EXPECT_GT(narrow.accepted, 0);
}

// ---- swift ----

// Ten layers of which some cost nothing to leave out, so that one set of four layers' blocks is free.
HashOptions planted() { return {.seed = 9, .vocab = 30, .layer_weight = {.2, .15, 0, .15, 0, .15, .15, 0, .15, .2}}; }

TEST(Swift, FindsThePlantedBestSet) {
  const HashModel target(planted());
  const std::string call = "swift(skip_ratio=0.3,max_score=1,context_window=24,length=3)";  // six blocks of twenty
  const Result early = decoded(call, "greedy_match", "temperature(0)", target, 30);
  EXPECT_LT(early.accepted, early.drafted * 0.8) << "nothing was searched yet";

  const Bench bench({call, "greedy_match"}, "temperature(0)", {.vocab = 30, .target = &target});
  struct Late final : RoundLog {
    int rounds = 0, drafted = 0, accepted = 0;
    void round(const RoundRecord& r, const PhaseClock& /*clock*/) override {
      if (++rounds <= 400 || r.cut) return;
      drafted += r.drafted;
      accepted += r.accepted;
    }
  } late;
  Session s = bench.session(2500);
  s.log = &late;
  decode(s, {{1, 2, 3}}, std::vector<int64_t>{7});
  EXPECT_GT(late.drafted, 300);
  EXPECT_EQ(late.accepted, late.drafted);
  std::map<std::string, double> notes;
  for (const auto& [name, value] : bench.drafter->notes(0)) notes[name] = value;
  EXPECT_EQ(notes.at("search_score"), 1.0);
  EXPECT_LT(notes.at("search_trials"), 400);
}

// As above without a target: the score says how much of the set is free.
double found(int trials, int interval, uint64_t seed) {
  SkipSearch search(
      12, {.skip_ratio = 0.25, .model_interval = interval, .most_trials = trials, .patience = trials, .max_score = 1});
  const Keyring keys(seed);
  for (int64_t trial = 0; !search.is_over(); ++trial) {
    uint32_t index = 0;
    const auto uniform = [&] { return keys.uniform(Use::kSearch, 1, trial, index++); };
    const SkipSearch::Set set = search.propose(uniform);
    double good = 0;
    for (size_t i = 0; i < set.size(); ++i) good += set[i] != 0 && i % 3 == 1 ? 1 : 0;
    search.learn(set, std::clamp(good / 6 + 0.1 * (uniform() - 0.5), 0.0, 1.0));
  }
  double good = 0;
  for (size_t i = 0; i < search.best().size(); ++i) good += search.best()[i] != 0 && i % 3 == 1 ? 1 : 0;
  return good / 6;
}

TEST(Swift, TheSearchIsBetterThanChanceAndThanNoModel) {
  double with_model = 0, without = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    with_model += found(200, 8, seed) / 20;
    without += found(200, 10000, seed) / 20;  // random sets alone
  }
  EXPECT_GT(with_model, 0.9);
  EXPECT_GT(with_model, without + 0.1) << without;
}

TEST(Swift, KeepsItsBudgetAndTheFirstAndLastLayer) {
  const Keyring keys(2);
  for (const double ratio : {0.05, 0.45, 0.95}) {
    SkipSearch search(8, {.skip_ratio = ratio, .model_interval = 5});
    const int wanted = std::min(static_cast<int>(std::lround(ratio * 16)), 12);
    for (int64_t trial = 0; trial < 60; ++trial) {
      uint32_t index = 0;
      const SkipSearch::Set set = search.propose([&] { return keys.uniform(Use::kSearch, 1, trial, index++); });
      const Ask ask = search.ask(set, Logits::kLast);
      ASSERT_EQ(ask.skip_attention.size(), 8U);
      const auto count = [](const std::vector<char>& all) { return std::count(all.begin(), all.end(), 1); };
      EXPECT_EQ(count(ask.skip_attention) + count(ask.skip_mlp), wanted);
      EXPECT_EQ(ask.skip_attention.front() + ask.skip_attention.back() + ask.skip_mlp.front() + ask.skip_mlp.back(), 0);
      search.learn(set, 0.3 + 0.01 * static_cast<double>(trial % 7));
    }
  }
}

TEST(Swift, EndsItsSearch) {
  const auto trials = [](const SkipSearchOptions& options, double score) {
    SkipSearch search(6, options);
    const Keyring keys(3);
    for (int64_t trial = 0; !search.is_over() && trial < 5000; ++trial) {
      uint32_t index = 0;
      search.learn(search.propose([&] { return keys.uniform(Use::kSearch, 1, trial, index++); }), score);
    }
    return search.trials();
  };
  EXPECT_EQ(trials({.most_trials = 70, .patience = 1000}, 0.5), 70);
  EXPECT_EQ(trials({.most_trials = 1000, .patience = 30}, 0.5), 30);
  EXPECT_EQ(trials({.max_score = 0.9}, 0.95), 2) << "found twice";
  EXPECT_EQ(trials({.most_trials = 0}, 0.95), 0);
}

TEST(Swift, ALuckyScoreDoesNotStay) {
  SkipSearch search(6, {.model_interval = 4, .max_score = 1});
  const Keyring keys(5);
  uint32_t index = 0;
  const auto uniform = [&] { return keys.uniform(Use::kSearch, 1, 1, index++); };
  search.learn(search.propose(uniform), 0.9);
  const SkipSearch::Set lucky = search.best();
  EXPECT_EQ(search.propose(uniform), lucky) << "scored once more";
  search.learn(lucky, 0.1);
  EXPECT_DOUBLE_EQ(search.score(), 0.5);
  SkipSearch::Set other = lucky;
  std::rotate(other.begin(), other.begin() + 1, other.end());
  search.learn(other, 0.6);
  EXPECT_EQ(search.best(), other);
}

TEST(Swift, RefusesATargetWithNothingBetweenFirstAndLast) {
  EXPECT_THAT([] { made("swift", 2); }, ThrowsMessage<ConfigError>(HasSubstr("has 2 layers, valid: 3 or more")));
}

// ---- certificates ----

TEST(MemoModel, RemembersRowsByWhatTheirPassLeavesOut) {
  const HashModel model({.vocab = 7});
  const Prefix base = {1, 2, 3, 4, 5};
  const MemoModel memo(model, base);
  const std::vector<Ask> asks = {{},
                                 {.skip_attention = {0, 1, 0, 0}},
                                 {.skip_mlp = {0, 1, 0, 0}},
                                 {.skip_attention = {0, 1, 0, 0}, .skip_mlp = {0, 0, 1, 0}},
                                 {.view = {.sinks = 1, .window = 1}},
                                 {.view = {.sinks = 0, .window = 6}},
                                 {.view = {.rewind = 2}}};
  int64_t computed = 0;
  for (int turn = 0; turn < 2; ++turn) {  // the second time from memory
    for (const int extra : {0, 2}) {      // committed tokens behind the base
      for (const Ask& ask : asks) {
        const auto theirs = model.new_cache(1, 0), own = memo.new_cache(1, 0);
        Prefix text = base;
        for (int i = 0; i < extra; ++i) text.push_back(6);
        for (const auto& [m, cache] : {std::pair<const LanguageModel&, KvCache&>{model, *theirs}, {memo, *own}}) {
          m.forward(make_rows({RowList::chain(text)}), cache, {.logits = Logits::kNone});
          cache.commit(0, first_slots(static_cast<int>(text.size())));
        }
        const Rows rows = make_rows({{{3, 4, 5}, {-1, 0, 0}}});
        const Tensor wanted = model.forward(rows, *theirs, ask).logits, got = memo.forward(rows, *own, ask).logits;
        EXPECT_TRUE(std::equal(wanted.const_data_ptr<float>(), wanted.const_data_ptr<float>() + wanted.numel(),
                               got.const_data_ptr<float>()))
            << "ask " << &ask - asks.data() << ", " << extra << " more";
      }
    }
    if (turn == 0) computed = memo.computed();
    EXPECT_EQ(memo.computed(), computed);
  }
  EXPECT_THROW(memo.forward(make_rows({{{3}, {-1}}}), *memo.new_cache(1, 0), {.hidden = {2}}), std::logic_error);
}

// As a certificate draws a round: the target remembers its rows, and what the drafter asks of it too.
TEST(MemoModel, ServesDraftersThatLetTheTargetDraft) {
  const HashModel model({.seed = 5, .vocab = 7});
  const MemoModel memo(model, {1, 2, 3});
  for (const char* drafter : {"layer_skip", "early_exit", "swift(context_window=3)", "sliding_window_self(window=2)"}) {
    std::vector<Prefix> texts;
    for (const LanguageModel* target :
         {static_cast<const LanguageModel*>(&model), static_cast<const LanguageModel*>(&memo)}) {
      const Bench bench({drafter, "rejection"}, "temperature(1)", {.target = target});
      texts.push_back(bench.run({{1, 2, 3, 4}}, {7}, 30)[0].tokens);
    }
    EXPECT_EQ(texts[0], texts[1]) << drafter;
  }
}

// ---- the toy's own promises, on which the tests above rest ----

TEST(HashModelLayers, RefuseWhatARealCacheCouldNotServe) {
  const HashModel model({.vocab = 5});
  const auto cache = model.new_cache(1, 0);
  const auto rows = [](Token token, int parent) { return make_rows({RowList{{token}, {parent}}}); };
  Ask exit = exit_after(2, 4, Logits::kNone);
  exit.hidden = {2};
  const Pass low = model.forward(rows(3, -1), *cache, exit);
  EXPECT_THROW(cache->fork()->commit(0, std::vector<int>{0}), std::logic_error) << "no keys above layer 2";
  Rows again = rows(3, -1);
  again.hidden = low.hidden.select(2, 0).clone();
  const Pass full = model.forward(again, *cache, {.first_layer = 2});
  const std::vector<float> wanted = model.logits({3});
  EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(), full.logits.const_data_ptr<float>()));
  cache->commit(0, std::vector<int>{0});
  EXPECT_EQ(cache->size(0), 1);
  // The state of another row is noticed.
  model.forward(rows(1, -1), *cache, exit);
  Rows wrong = rows(1, -1);
  wrong.hidden = again.hidden;
  EXPECT_THROW(model.forward(wrong, *cache, {.first_layer = 2}), std::logic_error);
}

}  // namespace
}  // namespace specula::testing
