#include "experiments/run/run_arm.h"

#include <algorithm>
#include <cmath>

#include "experiments/run/plugin_parts.h"
#include "framework/core/error.h"
#include "framework/decode/round_law.h"
#include "framework/decode/rows.h"
#include "strategies/register.h"

namespace specula {
namespace {

// Hears of each round inside the timed region: appends to vectors that were reserved, and does what else was asked for
// unbilled.
class RoundRecorder final : public RoundLog {
 public:
  struct Extras {
    const Verifier* rule = nullptr;  // whose expected accepted length is wanted
    std::vector<TraceRecorder>* traces = nullptr;
    double timeout_s = 0;  // 0: none
  };
  RoundRecorder(std::span<Record> records, int64_t max_new_tokens, PhaseClock& clock, Extras extras)
      : records_(records), clock_(clock), extras_(extras) {
    const auto room = static_cast<size_t>(max_new_tokens);
    for (Record& record : records_) {
      Rounds& rounds = record.rounds;
      rounds.drafted.reserve(room);
      rounds.depth.reserve(room);
      rounds.accepted.reserve(room);
      rounds.kept.reserve(room);
      rounds.ready_us.reserve(room);
    }
  }
  void begin(double now) { start_ = now; }

  void prefill_done(const PhaseClock& clock) override { prefill_us_ = since_start(clock); }
  void round(const RoundRecord& record, const PhaseClock& clock) override {
    Rounds& rounds = records_[static_cast<size_t>(record.sequence)].rounds;
    rounds.ready_us.push_back(since_start(clock));
    rounds.drafted.push_back(record.drafted);
    rounds.depth.push_back(record.draft_depth);
    rounds.accepted.push_back(record.accepted);
    rounds.kept.push_back(static_cast<int>(record.new_tokens.size()));
    if (record.cut) rounds.cut = static_cast<int>(record.index);
    if (!record.verdict.notes.empty()) rounds.add_notes(record.verdict.notes);
    if (!record.notes.empty()) rounds.add_notes(record.notes);
    check_time(record, rounds.ready_us.back());
    if (extras_.rule == nullptr && extras_.traces == nullptr) return;
    const PhaseClock::Unbilled unbilled(clock_);
    if (extras_.rule != nullptr) rounds.expected.push_back(expected_accepted(*extras_.rule, record.tree, record.p));
    if (extras_.traces != nullptr) (*extras_.traces)[static_cast<size_t>(record.sequence)].add(record);
  }
  double prefill_us() const { return prefill_us_; }

 private:
  void check_time(const RoundRecord& record, double now_us) const {
    if (extras_.timeout_s == 0 || now_us <= 1e6 * extras_.timeout_s) return;
    throw Error(cat("not at its end after ", extras_.timeout_s, " s ([measure] timeout_s): round ", record.index,
                    " ended at position ", record.start + static_cast<int64_t>(record.new_tokens.size())));
  }
  double since_start(const PhaseClock& clock) const { return 1e6 * (seconds_now() - start_ - clock.unbilled()); }

  const std::span<Record> records_;  // of the sequences of the batch
  PhaseClock& clock_;
  const Extras extras_;
  double start_ = 0, prefill_us_ = 0;
};

// log p(a) - log p(b) after `text`, in the target alone.
double margin_after(const LanguageModel& target, const Prefix& text, Token a, Token b) {
  const InferenceScope inference;
  const auto cache = target.new_cache(1, static_cast<int64_t>(text.size()) + 1);
  prefill(target, *cache, {&text, 1}, {.logits = Logits::kNone});
  const Pass pass = target.forward(make_rows({RowList::chain({&text.back(), 1})}), *cache, {.logits = Logits::kAll});
  const float* logits = pass.logits.const_data_ptr<float>();
  return static_cast<double>(logits[a]) - static_cast<double>(logits[b]);
}

}  // namespace

std::vector<std::string> used_models(const ExperimentConfig& config) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const ArmConfig& arm : config.arms) {
    add(arm.target);
    for (const std::string& name : arm.composed.drafter.models) add(name);
    for (const std::string& name : arm.composed.drafter.foreign_models) add(name);
    for (const Facts::Head& head : arm.composed.drafter.heads) add(head.name);
  }
  return names;
}

std::string models_key(const ExperimentConfig& config) {
  std::string key;
  for (const std::string& name : used_models(config)) {
    const ModelConfig& model = config.model(name);
    key += cat(name, " ", model.folder, " ", model.dtype, " ", model.device, "\n");
  }
  return key;
}

std::string sampler_text(const ExperimentConfig& config) {
  std::vector<std::string> samplers;
  for (const Params& sampler : config.samplers) samplers.push_back(call_text(sampler));
  return join(samplers, ",");
}

namespace {

// The targets of the heads that a configuration uses.  Throws ConfigError for a head of two targets.
std::map<std::string, std::string> targets_of_heads(const ExperimentConfig& config) {
  std::map<std::string, std::string> targets;
  for (const ArmConfig& arm : config.arms) {
    for (const Facts::Head& head : arm.composed.drafter.heads) {
      const auto [at, is_new] = targets.try_emplace(head.name, arm.target);
      if (is_new || at->second == arm.target) continue;
      throw ConfigError(cat("[arm.", arm.name, "] uses head '", head.name, "' for target '", arm.target,
                            "', another arm for '", at->second, "'; expected an entry of [models] for each"));
    }
  }
  return targets;
}

}  // namespace

Models load_models(const ExperimentConfig& config) {
  Models models;
  const auto targets = targets_of_heads(config);
  const auto load = [&](const std::string& name, const LoadedModel* target) {
    const ModelConfig& model = config.model(name);
    const Dtype dtype = choose_dtype(model.dtype, read_model_info(model.folder), cat("[models.", name, "] dtype"));
    models.emplace(name, load_model(model.folder, {.dtype = dtype, .device = model.device, .target = target}));
  };
  const std::vector<std::string> names = used_models(config);
  for (const std::string& name : names) {
    if (!targets.contains(name)) load(name, nullptr);
  }
  for (const auto& [head, target] : targets) load(head, models.at(target).get());
  return models;
}

Parts parts_of(const ExperimentConfig& config, const ArmConfig& arm, const Models& models) {
  return plugin_parts([&models](const std::string& name) -> const LanguageModel& { return *models.at(name); },
                      *models.at(arm.target),
                      [&config, target = arm.target](const std::string& name) {
                        return config.model(name.empty() ? target : name).folder;
                      });
}

ArmRunner::ArmRunner(const Shared& shared, const ArmConfig& arm)
    : shared_(shared), arm_(arm), parts_(parts_of(shared.config, arm, shared.models)) {
  if (arm.strategy) {
    strategy_ = all_strategies().at(plugin_name(*arm.strategy), arm.strategy->place).make(*arm.strategy, parts_);
    return;
  }
  verifier_ = shared.registries.verifiers.at(plugin_name(arm.verifier), arm.verifier.place).make(arm.verifier, {});
  make_drafter();
}

void ArmRunner::make_drafter() {
  drafter_ = shared_.registries.drafters.at(plugin_name(arm_.drafter), arm_.drafter.place).make(arm_.drafter, parts_);
}

void ArmRunner::forget() {
  if (learns()) make_drafter();
}

// A trace holds q after every row where the drafter can tell it, so that every rule can judge its rounds.
bool ArmRunner::asks_q_next() const { return arm_.asks_q_next(shared_.config.records_distributions()); }

TraceHeader ArmRunner::trace_header() const {
  return {.arm = arm_.name,
          .drafter = call_text(arm_.drafter),
          .verifier = call_text(arm_.verifier),
          .sampler = sampler_text(shared_.config),
          .vocab = target().vocab(),
          .one_hot = arm_.composed.one_hot,
          .trees = arm_.composed.drafter.trees,
          .q_next = asks_q_next(),
          .laws = arm_.composed.drafter.laws};
}

std::vector<Decoded> ArmRunner::decode_task(const Task& task, const KvCache* prefilled, PhaseClock& clock,
                                            RoundLog& log) const {
  const auto other_stop = shared_.other_stops.find(arm_.target);
  const std::vector<Token>& stop = other_stop == shared_.other_stops.end() ? shared_.stop : other_stop->second;
  const int64_t limit = shared_.config.data.max_new_tokens;
  const Keyring keys(shared_.config.seed);
  if (strategy_ != nullptr) {
    SPECULA_CHECK(task.prompts.size() == 1, "a strategy decodes one text at a time");
    return {decode(*strategy_,
                   {.target = target(),
                    .sampler = shared_.sampler,
                    .keys = keys,
                    .request = task.requests.front(),
                    .max_new_tokens = limit,
                    .stop = stop,
                    .clock = clock,
                    .log = &log,
                    .interrupt = &shared_.interrupt},
                   task.prompts.front())};
  }
  const Session session{.target = target(),
                        .drafter = *drafter_,
                        .verifier = *verifier_,
                        .policy = arm_.composed.verifier.policy,
                        .q_next = asks_q_next(),
                        .sampler = shared_.sampler,
                        .keys = keys,
                        .max_new_tokens = limit,
                        .stop = stop,
                        .log = &log,
                        .clock = &clock,
                        .interrupt = &shared_.interrupt,
                        .prefilled = prefilled};
  return decode(session, task.prompts, task.requests);
}

bool ArmRunner::can_share_prefill(const Task& task) const {
  return task.prefill != nullptr && !task.fenced && strategy_ == nullptr && drafter_->needs().hidden.empty() &&
         verifier_->needs().hidden.empty();
}

bool ArmRunner::decode_into(std::span<Record> records, const Task& task) {
  PhaseClock clock(task.fenced ? PhaseClock::Mode::kFenced : PhaseClock::Mode::kOff);
  RoundRecorder recorder(
      records, shared_.config.data.max_new_tokens, clock,
      {.rule = task.expected ? verifier_.get() : nullptr, .traces = task.traces, .timeout_s = task.timeout_s});
  const PrefilledPrompts* const given =
      can_share_prefill(task)
          ? &task.prefill->of(target(), task.prompts, shared_.config.data.max_new_tokens + kTreeRoom)
          : nullptr;
  const double given_s = given == nullptr ? 0 : given->seconds;  // as if the arm had spent it just before
  PowerMeter* const power = task.fenced || given != nullptr ? nullptr : shared_.power;
  const Joules before = power == nullptr ? Joules{} : power->read();
  const double start = seconds_now();
  recorder.begin(start - given_s);
  const std::vector<Decoded> decoded =
      decode_task(task, given == nullptr ? nullptr : given->cache.get(), clock, recorder);
  const double wall = seconds_now() - start + given_s;
  const Joules spent = power == nullptr ? Joules{} : power->read() - before;
  const auto is_interrupted = [](const Decoded& d) { return d.stop == Stop::kInterrupted; };
  if (std::any_of(decoded.begin(), decoded.end(), is_interrupted)) return false;

  const double share_us = 1e6 / static_cast<double>(records.size());
  for (size_t b = 0; b < records.size(); ++b) {
    Record& record = records[b];
    record.request = task.requests[b];
    record.n_in = static_cast<int64_t>(task.prompts[b].size());
    record.stop = name_of(decoded[b].stop);
    record.out.assign(decoded[b].tokens.begin() + record.n_in, decoded[b].tokens.end());
    record.start_us = 1e6 * (start - shared_.run_start);
    record.batch = static_cast<int>(records.size());
    record.prefill_us = recorder.prefill_us() / record.batch;
    record.unbilled_us = share_us * clock.unbilled();
    record.e2e_us = share_us * wall - record.unbilled_us;
    for (const auto& [domain, joules] : spent) record.energy_j[domain] = joules / record.batch;
    for (int i = 0; i < kNumPhases; ++i) record.phase_us[i] = share_us * clock.seconds(static_cast<Phase>(i));
  }
  return true;
}

void compare_texts(Record& record, const Record& baseline, const Prefix& prompt, const LanguageModel& target,
                   bool one_hot) {
  record.exact = record.out == baseline.out;
  if (*record.exact) return;
  const auto [a, b] = std::mismatch(baseline.out.begin(), baseline.out.end(), record.out.begin(), record.out.end());
  const auto at = a - baseline.out.begin();
  record.first_difference = at;
  if (!one_hot) {
    record.margin_why = "temperature_above_0";
  } else if (a == baseline.out.end() || b == record.out.end()) {
    record.margin_why = "lengths_differ";
  } else {
    Prefix text = prompt;
    text.insert(text.end(), baseline.out.begin(), a);
    record.margin_nats = margin_after(target, text, *a, *b);
  }
}

void compare_texts_of_models(Record& record, const Record& baseline) {
  record.exact = record.out == baseline.out;
  if (*record.exact) return;
  record.first_difference =
      std::mismatch(baseline.out.begin(), baseline.out.end(), record.out.begin(), record.out.end()).first -
      baseline.out.begin();
  record.margin_why = "another_target";
}

}  // namespace specula
