// The promise of the product on real weights: speculative text equals the baseline's, token for token, in both number
// formats, alone and in a ragged batch.  The demo pair of assets/demo is decoded by every registered drafter.
#include <gtest/gtest.h>

#include <algorithm>

#include "experiments/commands.h"
#include "framework/decode/compose.h"
#include "framework/decode/decode.h"
#include "framework/model/load.h"
#include "framework/model/threads.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

const std::filesystem::path kDemo = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo";

// The pair, loaded once per number format.
struct Pair {
  std::unique_ptr<LoadedModel> target, draft;
};

const Pair& pair(Dtype dtype) {
  static const std::array<Pair, 2> loaded = [] {
    set_threads(0);
    std::array<Pair, 2> pairs;
    for (const Dtype d : {Dtype::kFloat32, Dtype::kBfloat16}) {
      pairs[static_cast<size_t>(d)] = {load_model(kDemo / "target", {.dtype = d}), load_model(kDemo / "draft", {.dtype = d})};
    }
    return pairs;
  }();
  return loaded[static_cast<size_t>(dtype)];
}

Params named(const std::string& call) { return {.place = "test", .values = parse_call(call, "test")}; }

std::vector<Decoded> run(Dtype dtype, const std::string& drafter_name, const std::string& verifier_name,
                         const std::string& samplers, const std::vector<Prefix>& prompts,
                         const std::vector<int64_t>& requests) {
  static const Registries registries = make_registries();
  const Pair& models = pair(dtype);
  const Params d = named(drafter_name), v = named(verifier_name);
  const Parts parts{.model = [&](const std::string&) -> const LanguageModel& { return *models.draft; }};
  const auto drafter = registries.drafters.at(drafter_name, "test").make(d, parts);
  const auto& rule = registries.verifiers.at(verifier_name, "test");
  const auto verifier = rule.make(v, parts);
  const Sampler sampler = make_sampler(registries, parse_samplers(samplers, "test"));
  return decode({.target = *models.target,
                 .drafter = *drafter,
                 .verifier = *verifier,
                 .policy = rule.facts(v, Policy::kSampled).policy,
                 .sampler = sampler,
                 .keys = Keyring(7),
                 .max_new_tokens = 60,
                 .stop = {2},
                 .check_trees = true},
                prompts, requests);
}

const std::vector<std::string> kTexts = {
    "Once upon a time",
    "Question: Tom has 3 apples and buys 4 more. How many apples does he have?\nAnswer:", "def add(a, b):\n    return"};

std::vector<Prefix> prompts() {
  const auto tokenizer = load_tokenizer(kDemo / "target");
  std::vector<Prefix> all;
  for (const std::string& text : kTexts) all.push_back(tokenizer->encode(text, Tokenizer::Special::kWith));
  return all;
}

class DemoPair : public ::testing::TestWithParam<Dtype> {};
INSTANTIATE_TEST_SUITE_P(Formats, DemoPair, ::testing::Values(Dtype::kFloat32, Dtype::kBfloat16),
                         [](const auto& dtype) { return std::string(name_of(dtype.param)); });

TEST_P(DemoPair, EveryDrafterGivesTheBaselinesTextAloneAndInABatch) {
  const std::vector<Prefix> texts = prompts();
  const std::vector<int64_t> requests = {1, 2, 3};
  for (const auto& [samplers, rule, baseline_rule] :
       {std::array<std::string, 3>{"temperature(0)", "greedy_match", "greedy_match"},
        std::array<std::string, 3>{"repetition_penalty(1.2),temperature(0)", "rejection", "greedy_match"},
        std::array<std::string, 3>{"temperature(1)", "agreement", "rejection"},
        std::array<std::string, 3>{"temperature(0.8),top_p(0.9)", "agreement", "rejection"}}) {
    std::vector<Decoded> baseline;
    for (size_t b = 0; b < texts.size(); ++b) {
      baseline.push_back(run(GetParam(), "none", baseline_rule, samplers, {texts[b]}, {requests[b]})[0]);
    }
    for (const std::string& drafter : make_registries().drafters.order) {
      const auto batch = run(GetParam(), drafter, rule, samplers, texts, requests);
      const auto alone = run(GetParam(), drafter, rule, samplers, {texts[1]}, {requests[1]})[0];
      EXPECT_EQ(alone.tokens, baseline[1].tokens) << drafter << ", " << rule << ", " << samplers;
      for (size_t b = 0; b < texts.size(); ++b) {
        EXPECT_EQ(batch[b].tokens, baseline[b].tokens)
            << drafter << ", " << rule << ", " << samplers << ", sequence " << b;
      }
    }
  }
}

TEST_P(DemoPair, SampledTextIsTheSameForTheSameSeedAndNotForAnother) {
  const std::vector<Prefix> texts = prompts();
  const auto once = run(GetParam(), "draft_model", "rejection", "temperature(1)", {texts[0]}, {1})[0].tokens;
  EXPECT_EQ(run(GetParam(), "draft_model", "rejection", "temperature(1)", {texts[0]}, {1})[0].tokens, once);
  EXPECT_NE(run(GetParam(), "draft_model", "rejection", "temperature(1)", {texts[0]}, {2})[0].tokens, once);
}

}  // namespace
}  // namespace specula
