// `specula train acceptance_vector`: how often the r-th sibling is the first accepted, on text that the target writes
// to a configuration's prompts, under its sampler.  The input of `specula train sequoia`.  Licence: Apache-2.0.
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/run/progress.h"
#include "experiments/run/run_arm.h"
#include "experiments/run/run_plan.h"
#include "experiments/train/train.h"
#include "framework/core/files.h"
#include "framework/decode/draft_cache.h"
#include "framework/decode/rank_acceptance.h"
#include "framework/decode/sequoia.h"
#include "framework/model/threads.h"
#include "framework/text/tokenizer_config.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

// Drafts nothing, but asks the draft model at every position and hears what the target said there.
class Watcher final : public Drafter, public RoundLog {
 public:
  Watcher(const LanguageModel& model, RankAcceptance& found, bool ranked)
      : model_(model), found_(found), ranked_(ranked) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/,
             const Pass& /*prefill*/) override {
    cache_.emplace(model_, prefixes);
  }

  std::vector<DraftTree> draft(const Round& round) override {
    if (round.done[0] != 0) return {DraftTree{}};
    const Pass pass =
        cache_->forward({RowList::chain(cache_->catch_up(0, round.prefixes[0]))}, {.logits = Logits::kLast});
    const DraftTree root = DraftTree::root_only(round.prefixes[0].back());
    const int rows[] = {0};
    const RowContext context = round.context(0, root, rows);
    const Tensor logits = pass.logits.select(0, 0);
    q_ = ranked_ ? round.sampler.ranking(logits, context) : round.sampler.distribution(logits, context);
    uniform_ = [&keys = round.keys, request = round.requests[0], start = round.starts[0]](int rank) {
      return keys.uniform(Use::kDraft, request, start, static_cast<uint32_t>(rank));
    };
    return {root};
  }

  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    const auto* p = record.p.const_data_ptr<float>();
    const auto* q = q_.const_data_ptr<float>();
    if (ranked_) {
      found_.add_ranked(p, q, q_.size(1));
    } else {
      found_.add(p, q, q_.size(1), uniform_);
    }
  }

 private:
  const LanguageModel& model_;
  RankAcceptance& found_;
  bool ranked_;
  std::optional<DraftCache> cache_;
  Tensor q_;  // [1,V]
  std::function<double(int)> uniform_;
};

// The model that drafts: as named, or the first that an arm drafts with.
std::string draft_name(const ExperimentConfig& config, const std::string& named) {
  if (!named.empty()) {
    config.model(named);  // throws where there is none
    return named;
  }
  for (const ArmConfig& arm : config.arms) {
    if (arm.target == config.baseline().target && !arm.composed.drafter.models.empty())
      return arm.composed.drafter.models[0];
  }
  throw ConfigError("no arm of the configuration drafts with a model; name one with --draft");
}

std::unique_ptr<LoadedModel> load(const ExperimentConfig& config, const std::string& name) {
  const ModelConfig& model = config.model(name);
  const Dtype dtype = choose_dtype(model.dtype, read_model_info(model.folder), cat("[models.", name, "] dtype"));
  return load_model(model.folder, {.dtype = dtype, .device = model.device});
}

Json description(const std::string& name, const LoadedModel& model) {
  return {{"name", name}, {"fingerprint", model.info().fingerprint}, {"dtype", name_of(model.dtype())}};
}

void watch(const ExperimentConfig& config, const LoadedModel& target, const Registries& registries, Watcher& watcher) {
  const std::string& folder = config.model(config.baseline().target).folder;
  const auto tokenizer = load_tokenizer(folder);
  const Plan plan = make_plan(config);
  check_context(plan, config, *tokenizer, target.context(), config.baseline().target);
  const Sampler sampler = make_sampler(
      registries, config.samplers,
      {.vocab = target.vocab(), .tokenizer = [&](const std::string&) -> const Tokenizer& { return *tokenizer; }});
  const Params rule{.place = "rejection", .values = parse_call("rejection", "rejection")};
  const auto verifier = registries.verifiers.at("rejection", "rejection").make(rule, {});
  Session session{.target = target,
                  .drafter = watcher,
                  .verifier = *verifier,
                  .policy = Policy::kSampled,
                  .sampler = sampler,
                  .keys = Keyring(config.seed),
                  .max_new_tokens = config.data.max_new_tokens,
                  .log = &watcher};
  if (!config.data.ignore_eos) session.stop = read_stop_tokens(folder, target.vocab(), tokenizer->eos());
  Progress progress("train acceptance_vector", static_cast<int64_t>(plan.prompts.size()));
  for (const Prompt& prompt : plan.prompts) {
    decode(session, {Dialogue(*tokenizer, prompt, config.data).next()},
           std::vector<int64_t>{request_id(prompt.id, 0, 0)});
    progress.step("");
  }
}

}  // namespace

ExitCode train_acceptance_vector_command(const TrainAcceptanceArgs& args) {
  check_train_output(args.output);
  if (args.ranks < 1 || args.ranks > kMaxRanks)
    throw ConfigError(cat("--ranks = ", args.ranks, " is out of range 1..", kMaxRanks));
  const Registries registries = make_registries();
  const ExperimentConfig config = load_config(args.config, args.overrides, registries);
  const std::string target_name = config.baseline().target, name = draft_name(config, args.draft);
  const InferenceScope inference;
  set_threads(config.measure.threads);
  const auto target = load(config, target_name), draft = load(config, name);
  if (draft->vocab() != target->vocab())
    throw ConfigError(cat("[models.", name, "] has a vocabulary of ", draft->vocab(), " and the target one of ",
                          target->vocab(), "; expected the same"));
  const bool ranked = config.baseline().composed.one_hot;
  RankAcceptance found(args.ranks);
  Watcher watcher(*draft, found, ranked);
  watch(config, *target, registries, watcher);
  if (found.positions() == 0) throw Error("the target wrote no token to any prompt");
  const Json file = {{"magic", "specula acceptance_vector"},
                     {"version", 1},
                     {"acceptance", found.mean()},
                     {"standard_error", found.standard_error()},
                     {"siblings", ranked ? "most likely first" : "without replacement"},
                     {"positions", found.positions()},
                     {"sampler", sampler_text(config)},
                     {"seed", config.seed},
                     {"cfg_hash", config.cfg_hash},
                     {"target", description(target_name, *target)},
                     {"draft", description(name, *draft)}};
  write_file_atomically(args.output, file.dump(1) + "\n");
  print_written(args.output,
                cat(found.positions(), " positions; the first sibling is accepted with probability ", found.mean()[0]));
  return ExitCode::kOk;
}

}  // namespace specula
