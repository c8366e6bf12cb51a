// The promise of the product on real engines: speculative text equals the baseline's, token for token, in every number
// format, alone and in a ragged batch.  The demo pair of assets/demo, random models, and quantized copies drafting for
// their original are decoded by every registered drafter.
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <map>

#include "experiments/commands.h"
#include "framework/decode/compose.h"
#include "framework/decode/decode.h"
#include "framework/model/load.h"
#include "framework/model/random_model.h"
#include "framework/model/threads.h"
#include "framework/text/tokenizer.h"
#include "framework/train/block_head.h"
#include "framework/train/decoder_head.h"
#include "framework/train/step_head.h"

namespace specula {
namespace {

const std::filesystem::path kDemo = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo";

struct Pair {
  std::unique_ptr<LoadedModel> target, draft;
  std::map<std::string, std::unique_ptr<LoadedModel>> heads{};  // by kind; where every drafter is tried
};

std::unique_ptr<DraftNetwork> untrained(const std::string& kind, const std::shared_ptr<FrozenTarget>& target,
                                        const DecoderTraining& training) {
  if (kind == "block_diffusion") return make_block_head({.block = 6}, target, 1, training);
  const bool attends = kind == "eagle" || kind == "eagle3" || kind == "peagle" || kind == "mtp" || kind == "kangaroo";
  if (!attends) return make_step_head({.kind = kind, .levels = 4}, target, 1, training);
  const std::vector<int> sites = kind == "kangaroo" ? std::vector{2} : std::vector<int>{};
  return make_decoder_head({.kind = kind, .sites = sites, .named = kind == "peagle" ? 4 : 0}, target, 1, training);
}

// Heads of the demo target as they are before any training: of each kind, with the target's own output head.
std::map<std::string, std::unique_ptr<LoadedModel>> untrained_heads(const LoadedModel& target) {
  const DecoderTraining training{.autocast = false};
  const auto frozen = std::make_shared<FrozenTarget>(kDemo / "target", training);
  std::map<std::string, std::unique_ptr<LoadedModel>> heads;
  for (const std::string kind :
       {"medusa", "hydra", "mlp_speculator", "eagle", "eagle3", "peagle", "mtp", "kangaroo", "block_diffusion"}) {
    const auto head = untrained(kind, frozen, training);
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / cat("specula-same-text-", ::getpid(), "-", kind);
    head->write(folder);
    heads[kind] = load_model(folder, {.dtype = target.dtype(), .target = &target});
    std::filesystem::remove_all(folder);
  }
  return heads;
}

DecoderConfig random_config(int64_t hidden) {
  DecoderConfig config;
  config.vocab = 211;
  config.hidden = hidden;
  config.intermediate = 2 * hidden + 3;
  config.layers = 2;
  config.heads = 4;
  config.kv_heads = 2;
  config.head_dim = 24;
  config.context = 256;
  return config;
}

std::unique_ptr<LoadedModel> random_model(int64_t hidden, Dtype dtype) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / cat("specula-same-text-", ::getpid(), "-", hidden);
  write_random_llama(folder, random_config(hidden), static_cast<uint64_t>(hidden), Dtype::kFloat32);
  auto model = load_model(folder, {.dtype = dtype});
  std::filesystem::remove_all(folder);
  return model;
}

// "demo_bf16", "random_int8", "copy_int4" (a copy in that format drafts for the bf16 target).
Pair make_pair(const std::string& name) {
  set_threads(0);
  const size_t at = name.find('_');
  const std::string kind = name.substr(0, at);
  const Dtype dtype = parse_dtype(name.substr(at + 1), "test");
  if (kind == "random") return {random_model(70, dtype), random_model(33, dtype)};
  if (kind == "copy") {
    return {load_model(kDemo / "target", {.dtype = Dtype::kBfloat16}), load_model(kDemo / "target", {.dtype = dtype})};
  }
  Pair pair{load_model(kDemo / "target", {.dtype = dtype}), load_model(kDemo / "draft", {.dtype = dtype})};
  if (name == "demo_bf16") pair.heads = untrained_heads(*pair.target);
  return pair;
}

Params named(const std::string& call) { return {.place = "test", .values = parse_call(call, "test")}; }

// With a file of the demo where a drafter cannot do without one.
std::string call_of_drafter(const std::string& name) {
  const std::string demo = kDemo.string();
  if (name == "retrieval") return cat("retrieval(file=", quoted(demo + "/samples.suffixes"), ")");
  if (name == "parallel_draft") return "parallel_draft(mask_token=0)";
  if (name == "replay") return cat("replay(file=", quoted(demo + "/lookup.trace"), ")");
  return name;
}

// Every drafter on one model, elsewhere one of each shape of pass.  What reads the demo's files and tokenizer has
// nothing to read for a model of another vocabulary.
std::vector<std::string> drafters_for(const std::string& model) {
  if (model != "demo_bf16") return {"draft_model", "early_exit", "sliding_window_self", "lookahead", "random_tree"};
  return make_registries().drafters.order;
}

std::vector<Decoded> run(const Pair& models, const std::string& drafter_call, const std::string& verifier_name,
                         const std::string& samplers, const std::vector<Prefix>& prompts,
                         const std::vector<int64_t>& requests) {
  static const Registries registries = make_registries();
  static const auto tokenizer = load_tokenizer(kDemo / "target");
  const Params d = named(drafter_call), v = named(verifier_name);
  const Parts parts{.model = [&](const std::string& name) -> const LanguageModel& {
                      const auto head = models.heads.find(name);
                      return head == models.heads.end() ? *models.draft : *head->second;
                    },
                    .vocab = models.target->vocab(),
                    .layers = models.target->layers(),
                    .tokenizer = [](const std::string&) -> const Tokenizer& { return *tokenizer; }};
  const auto drafter = registries.drafters.at(plugin_name(d), "test").make(d, parts);
  const auto& rule = registries.verifiers.at(verifier_name, "test");
  const auto verifier = rule.make(v, parts);
  const Sampler sampler = make_sampler(registries, parse_samplers(samplers, "test"));
  return decode({.target = *models.target,
                 .drafter = *drafter,
                 .verifier = *verifier,
                 .policy = rule.facts(v, Policy::kSampled).policy,
                 .sampler = sampler,
                 .keys = Keyring(7),
                 .max_new_tokens = 24,
                 .stop = {2},
                 .check_trees = true},
                prompts, requests);
}

const std::vector<std::string> kTexts = {
    "Once upon a time",
    "Question: Tom has 3 apples and buys 4 more. How many apples does he have?\nAnswer:", "def add(a, b):\n    return"};

std::vector<Prefix> prompts(int64_t vocab) {
  const auto tokenizer = load_tokenizer(kDemo / "target");
  std::vector<Prefix> all;
  for (const std::string& text : kTexts) {
    all.push_back(tokenizer->encode(text, Tokenizer::Special::kWith));
    for (Token& id : all.back()) id = static_cast<Token>(id % vocab);
  }
  return all;
}

class SameText : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Models, SameText,
                         ::testing::Values("demo_fp32", "demo_bf16", "demo_int8", "demo_int8w", "demo_int4",
                                           "random_fp32", "random_bf16", "random_int8", "copy_int8", "copy_int4"),
                         [](const auto& name) { return std::string(name.param); });

TEST_P(SameText, EveryDrafterGivesTheBaselinesTextAloneAndInABatch) {
  const Pair models = make_pair(GetParam());
  const std::vector<Prefix> texts = prompts(models.target->vocab());
  const std::vector<int64_t> requests = {1, 2, 3};
  for (const auto& [samplers, rule, baseline_rule] :
       {std::array<std::string, 3>{"temperature(0)", "greedy_match", "greedy_match"},
        std::array<std::string, 3>{"repetition_penalty(1.2),temperature(0)", "rejection", "greedy_match"},
        std::array<std::string, 3>{"temperature(1)", "agreement", "rejection"},
        std::array<std::string, 3>{"temperature(0.8),top_p(0.9)", "agreement", "rejection"}}) {
    std::vector<Decoded> baseline;
    for (size_t b = 0; b < texts.size(); ++b) {
      baseline.push_back(run(models, "none", baseline_rule, samplers, {texts[b]}, {requests[b]})[0]);
    }
    for (const std::string& name : drafters_for(GetParam())) {
      const std::string drafter = call_of_drafter(name);
      const auto batch = run(models, drafter, rule, samplers, texts, requests);
      const auto alone = run(models, drafter, rule, samplers, {texts[1]}, {requests[1]})[0];
      EXPECT_EQ(alone.tokens, baseline[1].tokens) << drafter << ", " << rule << ", " << samplers;
      for (size_t b = 0; b < texts.size(); ++b) {
        EXPECT_EQ(batch[b].tokens, baseline[b].tokens)
            << drafter << ", " << rule << ", " << samplers << ", sequence " << b;
      }
    }
  }
}

TEST_P(SameText, SampledTextIsTheSameForTheSameSeedAndNotForAnother) {
  const Pair models = make_pair(GetParam());
  const std::vector<Prefix> texts = prompts(models.target->vocab());
  const auto once = run(models, "draft_model", "rejection", "temperature(1)", {texts[0]}, {1})[0].tokens;
  EXPECT_EQ(run(models, "draft_model", "rejection", "temperature(1)", {texts[0]}, {1})[0].tokens, once);
  EXPECT_NE(run(models, "draft_model", "rejection", "temperature(1)", {texts[0]}, {2})[0].tokens, once);
}

}  // namespace
}  // namespace specula
