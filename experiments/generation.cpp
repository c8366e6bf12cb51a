#include "experiments/generation.h"

#include <algorithm>

#include "experiments/run/manifest.h"
#include "experiments/run/plugin_parts.h"
#include "experiments/token_ids.h"
#include "framework/core/log.h"
#include "framework/model/device.h"
#include "framework/model/invariance.h"
#include "framework/text/chat_template.h"
#include "framework/text/tokenizer_config.h"
#include "strategies/register.h"

namespace specula {
namespace {

void compose(const GenerateArgs& args, const Registries& registries, GenerationPlan& plan) {
  Composition& composition = plan.composition;
  composition.samplers = parse_samplers(args.sampler, "--sampler");
  if (!args.strategy.empty()) {
    for (const auto& [flag, given] : {std::pair{"--drafter", args.drafter}, std::pair{"--verifier", args.verifier}}) {
      if (!given.empty())
        throw ConfigError(cat("both --strategy and ", flag, " are given; a strategy decodes without"));
    }
    plan.strategy = {.place = "strategy", .values = parse_call(args.strategy, "--strategy")};
    plan.composed = check_strategy(all_strategies(), registries, *plan.strategy, composition.samplers);
    if (!plan.composed.problems.empty()) throw ConfigError(join(plan.composed.problems, "\n"));
    return;
  }
  const std::string verifier =
      args.verifier.empty() ? default_verifier(registries, composition.samplers) : args.verifier;
  composition.drafter = {.place = "drafter",
                         .values = parse_call(args.drafter.empty() ? "none" : args.drafter, "--drafter")};
  composition.verifier = {.place = "verifier",
                          .values = parse_call(verifier, args.verifier.empty() ? "default" : "--verifier")};
  plan.composed = check_composition(registries, composition);
  if (!plan.composed.problems.empty()) throw ConfigError(join(plan.composed.problems, "\n"));
}

// "drafter 'none'", "strategy 'beam'"
std::string decoder_of(const GenerationPlan& plan) {
  const auto& strategy = plan.strategy;
  return strategy ? cat("strategy '", plugin_name(*strategy), "'")
                  : cat("drafter '", plugin_name(plan.composition.drafter), "'");
}

// The models that the drafter names: "draft" is --draft-model, "target" the target itself.  A head is --draft-model
// whatever its name.
void read_draft_model(const GenerateArgs& args, GenerationPlan& plan) {
  const Facts& facts = plan.composed.drafter;
  std::vector<std::string> names = facts.models;
  names.insert(names.end(), facts.foreign_models.begin(), facts.foreign_models.end());
  for (const std::string& name : names) {
    if (name == "target") continue;
    if (name != "draft") {
      throw ConfigError(
          cat("--drafter: there is no model '", name, "'; valid: draft (the folder of --draft-model), target"));
    }
    if (args.draft_model.empty()) {
      throw ConfigError(
          cat("--drafter: '", plugin_name(plan.composition.drafter), "' needs a draft model; give --draft-model DIR"));
    }
    plan.uses_draft = true;
  }
  for (const Facts::Head& head : facts.heads) {
    if (args.draft_model.empty() || plan.uses_draft) {
      throw ConfigError(cat("--drafter: '", plugin_name(plan.composition.drafter), "' needs a head of kind '",
                            head.kind, "'",
                            plan.uses_draft ? " beside another model; take a configuration and `specula run`"
                                            : "; give --draft-model DIR"));
    }
    plan.uses_draft = true;
  }
  if (!plan.uses_draft) {
    if (!args.draft_model.empty() || !args.draft_dtype.empty()) {
      log::warning(
          cat(args.draft_model.empty() ? "--draft-dtype" : "--draft-model", " is not used by ", decoder_of(plan)));
    }
    return;
  }
  plan.draft = read_model_info(args.draft_model);
  plan.draft_dtype = args.draft_dtype.empty() ? choose_dtype(args.dtype, plan.draft, "--dtype")
                                              : choose_dtype(args.draft_dtype, plan.draft, "--draft-dtype");
  check_device_dtype(args.device, plan.draft_dtype, args.draft_dtype.empty() ? "--dtype" : "--draft-dtype");
  const bool is_foreign =
      facts.heads.empty() && std::find(facts.models.begin(), facts.models.end(), "draft") == facts.models.end();
  if (facts.heads.empty() && !plan.draft.head.empty())
    throw ConfigError(cat("--draft-model: ", args.draft_model, " is a head of kind '", plan.draft.head,
                          "'; expected a model, or a drafter of that name"));
  if (!is_foreign && plan.draft.vocab != plan.target.vocab) {
    throw ConfigError(cat("--draft-model: its vocabulary has ", plan.draft.vocab, " tokens, that of the target ",
                          plan.target.vocab, "; they must be the same"));
  }
}

void read_prompt(const GenerateArgs& args, GenerationPlan& plan) {
  if (args.has_prompt == args.has_ids) throw ConfigError("give the prompt either as --prompt TEXT or as --ids LIST");
  const std::filesystem::path folder = args.model;
  if (args.has_prompt || has_tokenizer(folder)) {
    plan.tokenizer = load_tokenizer(folder);
    check_vocabulary(plan.tokenizer->vocab(), plan.target.vocab, "--model " + args.model);
  }
  const bool is_chat = args.chat != kNoFormat;
  if (is_chat && args.has_ids) throw ConfigError("--chat: tokens of --ids are taken as they are; give --prompt TEXT");
  plan.prompt = args.has_ids ? parse_ids(args.ids, plan.target.vocab, "--ids")
                : is_chat    ? encode_chat(*plan.tokenizer, args.chat, {{"user", args.prompt}})
                             : plan.tokenizer->encode(args.prompt, Tokenizer::Special::kWith);
  if (plan.prompt.empty()) throw ConfigError("--prompt: the text gives no token, and this tokenizer adds no BOS");
  const int64_t wanted = static_cast<int64_t>(plan.prompt.size()) + args.max_new_tokens;
  if (wanted > plan.target.context) {
    throw ConfigError(cat("a prompt of ", plan.prompt.size(), " tokens and --max-new-tokens ", args.max_new_tokens,
                          " are more than the model's context of ", plan.target.context));
  }
  if (plan.uses_draft && wanted > plan.draft.context) {
    throw ConfigError(cat("a prompt of ", plan.prompt.size(), " tokens and --max-new-tokens ", args.max_new_tokens,
                          " are more than the draft model's context of ", plan.draft.context));
  }
  plan.stop = read_stop_tokens(folder, plan.target.vocab, plan.tokenizer == nullptr ? -1 : plan.tokenizer->eos());
  plan.at_text_start = plan.tokenizer == nullptr || plan.tokenizer->decode(plan.prompt).empty();
}

}  // namespace

GenerationPlan plan_generation(const GenerateArgs& args, const Registries& registries) {
  GenerationPlan plan;
  if (args.max_new_tokens < 1)
    throw ConfigError(cat("--max-new-tokens ", args.max_new_tokens, " is out of range; valid: at least 1"));
  compose(args, registries, plan);
  plan.target = read_model_info(args.model);
  plan.target_dtype = choose_dtype(args.dtype, plan.target, "--dtype");
  check_device(args.device, "--device");
  check_device_dtype(args.device, plan.target_dtype, "--dtype");
  read_draft_model(args, plan);
  read_prompt(args, plan);
  return plan;
}

std::string GenerationModels::promise(const GenerationPlan& plan) const {
  return specula::promise(plan.composed.promise(), batch_invariant || plan.composed.drafter.laws.empty());
}

GenerationModels load_models(const GenerateArgs& args, const GenerationPlan& plan) {
  GenerationModels models{.target = load_model(args.model, {.dtype = plan.target_dtype, .device = args.device}),
                          .draft = nullptr};
  if (plan.uses_draft)
    models.draft =
        load_model(args.draft_model, {.dtype = plan.draft_dtype, .device = args.device, .target = models.target.get()});
  const InvarianceReport report = check_invariance(*models.target, quick_invariance());
  models.batch_invariant = report.held();
  if (!report.held()) log::warning(cat("batch invariance (", models.target->engine(), ") ", report.text()));
  return models;
}

Parts generation_parts(const GenerateArgs& args, const GenerationModels& models) {
  return plugin_parts(
      [&models](const std::string& name) -> const LanguageModel& {
        return name == "target" ? *models.target : *models.draft;
      },
      *models.target, [&args](const std::string& name) { return name == "draft" ? args.draft_model : args.model; });
}

Decoder make_decoder(const GenerateArgs& args, const Registries& registries, const GenerationPlan& plan,
                     const GenerationModels& models) {
  const Parts parts = generation_parts(args, models);
  const auto made = [&](const auto& registry, const Params& call, const char* flag) {
    return registry.at(plugin_name(call), flag).make(call, parts);
  };
  if (plan.strategy) return {.strategy = made(all_strategies(), *plan.strategy, "--strategy")};
  return {.drafter = made(registries.drafters, plan.composition.drafter, "--drafter"),
          .verifier = made(registries.verifiers, plan.composition.verifier, "--verifier")};
}

Decoded continued(const Decoder& decoder, const GenerationPlan& plan, const StrategyTask& task) {
  if (decoder.strategy != nullptr) return decode(*decoder.strategy, task, plan.prompt);
  const Session session{.target = task.target,
                        .drafter = *decoder.drafter,
                        .verifier = *decoder.verifier,
                        .policy = plan.composed.verifier.policy,
                        .q_next = plan.composed.verifier.q_next,
                        .sampler = task.sampler,
                        .keys = task.keys,
                        .max_new_tokens = task.max_new_tokens,
                        .stop = plan.stop,
                        .log = task.log,
                        .clock = &task.clock};
  return decode(session, {plan.prompt}, std::span(&task.request, 1)).front();
}

}  // namespace specula
