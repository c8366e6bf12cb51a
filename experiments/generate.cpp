#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/run/manifest.h"
#include "experiments/run/plugin_parts.h"
#include "experiments/token_ids.h"
#include "framework/core/log.h"
#include "framework/decode/decode.h"
#include "framework/model/device.h"
#include "framework/model/invariance.h"
#include "framework/model/load.h"
#include "framework/model/threads.h"
#include "framework/text/tokenizer.h"
#include "framework/text/tokenizer_config.h"

namespace specula {
namespace {

// A generation with everything decided and checked, before any weights load.
struct Plan {
  Composition composition;
  Composed composed;
  ModelInfo target, draft;  // draft: read only if the drafter uses it
  Dtype target_dtype = Dtype::kFloat32, draft_dtype = Dtype::kFloat32;
  std::unique_ptr<Tokenizer> tokenizer;  // null: ids in, ids out
  Prefix prompt;
  std::vector<Token> stop;
  bool at_text_start = true;
  bool uses_draft = false;
  bool json = false, color = false;
};

void choose(const std::string& given, const std::string& flag, const std::vector<std::string>& valid) {
  if (std::find(valid.begin(), valid.end(), given) != valid.end()) return;
  throw ConfigError(cat(flag, ": unknown value '", given, "'", suggestion(given, valid)));
}

void compose(const GenerateArgs& args, const Registries& registries, Plan& plan) {
  Composition& composition = plan.composition;
  composition.samplers = parse_samplers(args.sampler, "--sampler");
  const std::string verifier =
      args.verifier.empty() ? default_verifier(registries, composition.samplers) : args.verifier;
  composition.drafter = {.place = "drafter", .values = parse_call(args.drafter, "--drafter")};
  composition.verifier = {.place = "verifier",
                          .values = parse_call(verifier, args.verifier.empty() ? "default" : "--verifier")};
  plan.composed = check_composition(registries, composition);
  if (!plan.composed.problems.empty()) throw ConfigError(join(plan.composed.problems, "\n"));
}

// The models that the drafter names: "draft" is --draft-model, "target" the target itself.
void read_draft_model(const GenerateArgs& args, Plan& plan) {
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
  if (!plan.uses_draft) {
    if (!args.draft_model.empty() || !args.draft_dtype.empty()) {
      log::warning(cat(args.draft_model.empty() ? "--draft-dtype" : "--draft-model", " is not used by drafter '",
                       plugin_name(plan.composition.drafter), "'"));
    }
    return;
  }
  plan.draft = read_model_info(args.draft_model);
  plan.draft_dtype = args.draft_dtype.empty() ? choose_dtype(args.dtype, plan.draft, "--dtype")
                                              : choose_dtype(args.draft_dtype, plan.draft, "--draft-dtype");
  check_device_dtype(args.device, plan.draft_dtype, args.draft_dtype.empty() ? "--dtype" : "--draft-dtype");
  const bool is_foreign = std::find(facts.models.begin(), facts.models.end(), "draft") == facts.models.end();
  if (!is_foreign && plan.draft.vocab != plan.target.vocab) {
    throw ConfigError(cat("--draft-model: its vocabulary has ", plan.draft.vocab, " tokens, that of the target ",
                          plan.target.vocab, "; they must be the same"));
  }
}

void read_prompt(const GenerateArgs& args, Plan& plan) {
  if (args.has_prompt == args.has_ids) throw ConfigError("give the prompt either as --prompt TEXT or as --ids LIST");
  const std::filesystem::path folder = args.model;
  if (args.has_prompt || has_tokenizer(folder)) {
    plan.tokenizer = load_tokenizer(folder);
    check_vocabulary(plan.tokenizer->vocab(), plan.target.vocab, "--model " + args.model);
  }
  plan.prompt = args.has_ids ? parse_ids(args.ids, plan.target.vocab, "--ids")
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

bool wants_color(const std::string& choice) {
  if (choice != "auto") return choice == "always";
  const char *no_color = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  const bool refused =
      (no_color != nullptr && *no_color != '\0') || (terminal != nullptr && std::string(terminal) == "dumb");
  return !refused && ::isatty(STDOUT_FILENO) != 0;
}

Plan make_plan(const GenerateArgs& args, const Registries& registries) {
  Plan plan;
  choose(args.format, "--format", {"text", "json"});
  choose(args.color, "--color", {"auto", "always", "never"});
  if (args.max_new_tokens < 1)
    throw ConfigError(cat("--max-new-tokens ", args.max_new_tokens, " is out of range; valid: at least 1"));
  if (args.repeat < 1) throw ConfigError(cat("--repeat ", args.repeat, " is out of range; valid: at least 1"));
  compose(args, registries, plan);
  plan.target = read_model_info(args.model);
  plan.target_dtype = choose_dtype(args.dtype, plan.target, "--dtype");
  check_device(args.device, "--device");
  check_device_dtype(args.device, plan.target_dtype, "--dtype");
  read_draft_model(args, plan);
  read_prompt(args, plan);
  plan.json = args.format == "json";
  plan.color = !plan.json && wants_color(args.color);
  return plan;
}

// Counts the rounds of one continuation; as text, prints its tokens when they are final.
class Listener final : public RoundLog {
 public:
  explicit Listener(const Plan& plan) : plan_(plan) {
    if (plan.tokenizer != nullptr) detokenizer_.emplace(*plan.tokenizer, plan.at_text_start);
  }

  int64_t rounds = 0, drafted = 0, accepted = 0;  // accepted: draft tokens that are part of the text
  std::string text;

  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    const size_t from_draft = std::min(static_cast<size_t>(record.accepted), record.new_tokens.size());
    ++rounds;
    drafted += record.drafted;
    accepted += static_cast<int64_t>(from_draft);
    for (size_t i = 0; i < record.new_tokens.size(); ++i) show(record.new_tokens[i], i < from_draft);
    if (!plan_.json) std::cout.flush();
  }

  void finish() {
    if (detokenizer_) emit(detokenizer_->finish(), false);
    if (!plan_.json) std::cout << std::endl;
  }

 private:
  void show(Token id, bool from_draft) {
    if (detokenizer_) {
      emit(detokenizer_->push(id), from_draft);
    } else {
      emit(cat(num_shown_++ == 0 ? "" : " ", id), from_draft);
    }
  }
  void emit(const std::string& part, bool from_draft) {
    text += part;
    if (plan_.json || part.empty()) return;
    const bool color = plan_.color && from_draft;
    std::cout << (color ? "\x1b[32m" : "") << part << (color ? "\x1b[0m" : "");
  }

  const Plan& plan_;
  std::optional<Detokenizer> detokenizer_;
  int64_t num_shown_ = 0;
};

struct Models {
  std::unique_ptr<LoadedModel> target, draft;
  bool batch_invariant = true;  // found of the target, on this machine

  // What the composition guarantees, as this target can keep it; without drafts there is nothing to keep.
  std::string promise(const Plan& plan) const {
    return specula::promise(name_of(plan.composed.guarantee), batch_invariant || plan.composed.drafter.laws.empty());
  }
};

Models load_models(const GenerateArgs& args, const Plan& plan) {
  Models models{.target = load_model(args.model, {.dtype = plan.target_dtype, .device = args.device}),
                .draft = nullptr};
  if (plan.uses_draft) models.draft = load_model(args.draft_model, {.dtype = plan.draft_dtype, .device = args.device});
  const InvarianceReport report = check_invariance(*models.target, quick_invariance());
  models.batch_invariant = report.held();
  if (!report.held()) log::warning(cat("batch invariance (", models.target->engine(), ") ", report.text()));
  return models;
}

struct Outcome {
  const Listener& heard;
  const Decoded& decoded;
  int64_t request;
  double seconds;
};

void print_json(const GenerateArgs& args, const Plan& plan, const Models& models, const Outcome& outcome) {
  const auto& [heard, decoded, request, seconds] = outcome;
  const Prefix ids(decoded.tokens.begin() + static_cast<int64_t>(plan.prompt.size()), decoded.tokens.end());
  nlohmann::ordered_json line = {{"ids", ids},
                                 {"text", nullptr},
                                 {"rounds", heard.rounds},
                                 {"drafted", heard.drafted},
                                 {"accepted", heard.accepted},
                                 {"seconds", seconds}};
  if (plan.tokenizer != nullptr) line["text"] = heard.text;
  line["tok_s"] = static_cast<double>(ids.size()) / seconds;
  line["stop"] = name_of(decoded.stop);
  line["prompt_tokens"] = plan.prompt.size();
  line["request"] = request;
  line["seed"] = args.seed;
  line["drafter"] = args.drafter;
  line["verifier"] = plugin_name(plan.composition.verifier);
  line["sampler"] = args.sampler;
  line["guarantee"] = models.promise(plan);
  line["dtype"] = name_of(plan.target_dtype);
  if (models.draft != nullptr) line["draft_dtype"] = name_of(plan.draft_dtype);
  line["engine"] = models.target->engine();
  line["batch_invariant"] = models.batch_invariant;
  std::cout << line.dump() << std::endl;
}

void print_summary(const Plan& plan, const Models& models, const Outcome& outcome) {
  const auto& [heard, decoded, request, seconds] = outcome;
  const size_t count = decoded.tokens.size() - plan.prompt.size();
  std::ostringstream speed;
  speed.precision(3);
  speed << seconds << " s, " << static_cast<double>(count) / seconds << " tokens/s";
  std::cerr << cat("[", count, " tokens, ", heard.rounds, " rounds, ", heard.drafted, " drafted, ", heard.accepted,
                   " accepted, ", speed.str(), "; ", plugin_name(plan.composition.drafter), " + ",
                   plugin_name(plan.composition.verifier), ": ", models.promise(plan), "; ", name_of(plan.target_dtype),
                   ", ", models.batch_invariant ? "batch-invariant" : "NOT batch-invariant", "]\n");
}

void generate(const GenerateArgs& args, const Registries& registries, const Plan& plan, const Models& models) {
  const Parts parts = plugin_parts(
      [&](const std::string& name) -> const LanguageModel& {
        return name == "target" ? *models.target : *models.draft;
      },
      *models.target, [&](const std::string& name) { return name == "draft" ? args.draft_model : args.model; });
  const auto verifier = registries.verifiers.at(plugin_name(plan.composition.verifier), "--verifier")
                            .make(plan.composition.verifier, parts);
  const Sampler sampler = make_sampler(registries, plan.composition.samplers, parts);
  const auto& drafter_entry = registries.drafters.at(plugin_name(plan.composition.drafter), "--drafter");
  for (int64_t request = 0; request < args.repeat; ++request) {
    // A drafter of its own for each: the continuations are independent whatever the drafter remembers.
    const auto drafter = drafter_entry.make(plan.composition.drafter, parts);
    Listener heard(plan);
    PhaseClock clock;
    const Session session{.target = *models.target,
                          .drafter = *drafter,
                          .verifier = *verifier,
                          .policy = plan.composed.verifier.policy,
                          .q_next = plan.composed.verifier.q_next,
                          .sampler = sampler,
                          .keys = Keyring(args.seed),
                          .max_new_tokens = args.max_new_tokens,
                          .stop = plan.stop,
                          .log = &heard,
                          .clock = &clock};
    const double start = seconds_now();
    const Decoded decoded = decode(session, {plan.prompt}, std::span(&request, 1)).front();
    const double seconds = seconds_now() - start - clock.unbilled();
    heard.finish();
    const Outcome outcome{heard, decoded, request, seconds};
    if (plan.json) {
      print_json(args, plan, models, outcome);
    } else {
      print_summary(plan, models, outcome);
    }
  }
}

}  // namespace

ExitCode generate_command(const GenerateArgs& args) {
  const Registries registries = make_registries();
  const Plan plan = make_plan(args, registries);
  const InferenceScope inference;
  set_threads(args.threads);
  generate(args, registries, plan, load_models(args, plan));
  return ExitCode::kOk;
}

}  // namespace specula
