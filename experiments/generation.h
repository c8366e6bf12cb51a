// One continuation of one prompt with everything decided and checked before any weights load, and what decodes it: what
// `generate` and `trace` share.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "experiments/commands.h"
#include "framework/model/load.h"
#include "framework/text/tokenizer.h"

namespace specula {

struct GenerationPlan {
  Composition composition;  // without drafter and verifier where there is a strategy
  std::optional<Params> strategy;
  Composed composed;
  ModelInfo target, draft;  // draft: read only if the drafter uses it
  Dtype target_dtype = Dtype::kFloat32, draft_dtype = Dtype::kFloat32;
  std::unique_ptr<Tokenizer> tokenizer;  // null: ids in, ids out
  Prefix prompt;
  std::vector<Token> stop;
  bool at_text_start = true;
  bool uses_draft = false;
};
GenerationPlan plan_generation(const GenerateArgs& args, const Registries& registries);  // throws ConfigError

struct GenerationModels {
  std::unique_ptr<LoadedModel> target, draft;
  bool batch_invariant = true;  // found of the target, on this machine

  // What the composition guarantees, as this target can keep it; without drafts there is nothing to keep.
  std::string promise(const GenerationPlan& plan) const;
};
GenerationModels load_models(const GenerateArgs& args, const GenerationPlan& plan);

Parts generation_parts(const GenerateArgs& args, const GenerationModels& models);  // both outlive it

// What decodes one continuation: a strategy, or a drafter and a rule.
struct Decoder {
  std::unique_ptr<Strategy> strategy;
  std::unique_ptr<Drafter> drafter;
  std::unique_ptr<Verifier> verifier;
};
Decoder make_decoder(const GenerateArgs& args, const Registries& registries, const GenerationPlan& plan,
                     const GenerationModels& models);
// The task is that of either; the plan says what the rule wants.
Decoded continued(const Decoder& decoder, const GenerationPlan& plan, const StrategyTask& task);

}  // namespace specula
