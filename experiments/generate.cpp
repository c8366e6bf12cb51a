#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "experiments/generation.h"
#include "experiments/terminal.h"
#include "framework/decode/decode.h"
#include "framework/model/threads.h"
#include "framework/text/chat_template.h"

namespace specula {
namespace {

void choose(const std::string& given, const std::string& flag, const std::vector<std::string>& valid) {
  if (std::find(valid.begin(), valid.end(), given) != valid.end()) return;
  throw ConfigError(cat(flag, ": unknown value '", given, "'", suggestion(given, valid)));
}

struct Plan : GenerationPlan {
  bool json = false, color = false;
};

Plan make_plan(const GenerateArgs& args, const Registries& registries) {
  choose(args.format, "--format", {"text", "json"});
  choose(args.chat, "--chat", chat_format_choices());
  choose(args.color, "--color", {"auto", "always", "never"});
  if (args.repeat < 1) throw ConfigError(cat("--repeat ", args.repeat, " is out of range; valid: at least 1"));
  Plan plan{plan_generation(args, registries)};
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
  std::vector<std::pair<std::string, double>> notes;  // of the last round

  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    const size_t from_draft = std::min(static_cast<size_t>(record.accepted), record.new_tokens.size());
    ++rounds;
    drafted += record.drafted;
    accepted += static_cast<int64_t>(from_draft);
    notes = record.notes;
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

struct Outcome {
  const Listener& heard;
  const Decoded& decoded;
  int64_t request;
  double seconds;
};

void print_json(const GenerateArgs& args, const Plan& plan, const GenerationModels& models, const Outcome& outcome) {
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
  if (const auto& strategy = plan.strategy) {
    line["strategy"] = call_text(*strategy);
    for (const auto& [name, value] : heard.notes) line[name] = value;
  } else {
    line["drafter"] = args.drafter.empty() ? "none" : args.drafter;
    line["verifier"] = plugin_name(plan.composition.verifier);
  }
  line["sampler"] = args.sampler;
  line["guarantee"] = models.promise(plan);
  line["dtype"] = name_of(plan.target_dtype);
  if (models.draft != nullptr) line["draft_dtype"] = name_of(plan.draft_dtype);
  line["engine"] = models.target->engine();
  line["batch_invariant"] = models.batch_invariant;
  std::cout << line.dump() << std::endl;
}

void print_summary(const Plan& plan, const GenerationModels& models, const Outcome& outcome) {
  const auto& [heard, decoded, request, seconds] = outcome;
  const size_t count = decoded.tokens.size() - plan.prompt.size();
  std::ostringstream speed;
  speed.precision(3);
  speed << seconds << " s, " << static_cast<double>(count) / seconds << " tokens/s";
  const auto& strategy = plan.strategy;
  const std::string who =
      strategy ? call_text(*strategy)
               : cat(plugin_name(plan.composition.drafter), " + ", plugin_name(plan.composition.verifier));
  const std::string rounds =
      strategy ? " passes, " : cat(" rounds, ", heard.drafted, " drafted, ", heard.accepted, " accepted, ");
  std::cerr << cat("[", count, " tokens, ", heard.rounds, rounds, speed.str(), "; ", who, ": ", models.promise(plan),
                   "; ", name_of(plan.target_dtype), ", ",
                   models.batch_invariant ? "batch-invariant" : "NOT batch-invariant", "]\n");
}

void generate(const GenerateArgs& args, const Registries& registries, const Plan& plan,
              const GenerationModels& models) {
  const Parts parts = generation_parts(args, models);
  const Sampler sampler = make_sampler(registries, plan.composition.samplers, parts);
  const Keyring keys(args.seed);
  for (int64_t request = 0; request < args.repeat; ++request) {
    // One for each: the continuations are independent whatever a drafter remembers.
    const Decoder decoder = make_decoder(args, registries, plan, models);
    Listener heard(plan);
    PhaseClock clock;
    const StrategyTask task{.target = *models.target,
                            .sampler = sampler,
                            .keys = keys,
                            .request = request,
                            .max_new_tokens = args.max_new_tokens,
                            .stop = plan.stop,
                            .clock = clock,
                            .log = &heard};
    const double start = seconds_now();
    const Decoded decoded = continued(decoder, plan, task);
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
