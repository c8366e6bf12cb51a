#include "experiments/run/run.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/log.h"

namespace specula {
namespace {

constexpr double kHeartbeat = 2;  // seconds between two writes of status.json

bool is_one_hot(const ExperimentConfig& config) { return config.baseline().composed.one_hot; }

// A race and a draw by the distribution function use other noise, so their texts have nothing to do with each other.
bool draws_alike(const ArmConfig& a, const ArmConfig& b) {
  const auto races = [](const ArmConfig& arm) { return arm.composed.verifier.policy == Policy::kCoupled; };
  return races(a) == races(b);
}

}  // namespace

Run::Run(const ArmRunner::Shared& shared, const Plan& plan, const Tokenizer& tokenizer, RunFolder& folder)
    : shared_(shared), plan_(plan), tokenizer_(tokenizer), folder_(folder) {
  arms_.reserve(shared.config.arms.size());
  for (const ArmConfig& arm : shared.config.arms) arms_.emplace_back(shared, arm);
  for (Record r : folder.existing().records) {
    if (!r.ok) continue;
    r.rounds = {};
    has_success_ = true;
    earlier_.emplace(r.key, std::move(r));
  }
  status_ = {.state = "running", .total = static_cast<int64_t>(plan.units.size())};
  if (shared.config.records_distributions()) open_traces();
}

void Run::open_traces() {
  for (const ArmRunner& arm : arms_) {
    if (arm.config().composed.drafter.laws.empty()) continue;  // no draft: nothing to judge again
    traces_[arm.config().name] =
        std::make_unique<TraceWriter>(trace_path(folder_.own(), arm.config().name), arm.trace_header(),
                                      [this](const RecordKey& key) { return find(key) != nullptr; });
  }
}

const Record* Run::find(const RecordKey& key) const {
  const auto found = earlier_.find(key);
  return found == earlier_.end() ? nullptr : &found->second;
}

Record Run::blank(const Unit& unit, size_t index, const ArmConfig& arm, int turn) const {
  const Prompt& prompt = plan_.prompts[index];
  Record r;
  r.key = {.trace = unit.trace, .arm = arm.name, .prompt = prompt.id, .turn = turn, .rep = unit.rep};
  // Texts of a batch share its time, so they are resampled as one.
  r.group = unit.prompts.size() == 1 ? prompt.group : "batch of " + plan_.first(unit).id;
  r.category = prompt.category;
  r.segment = folder_.segment();
  r.order = unit.order;
  return r;
}

bool Run::is_complete(const Unit& unit) const {
  const auto turns = static_cast<int>(plan_.first(unit).turns.size());
  for (const ArmRunner& arm : arms_) {
    for (const size_t prompt : unit.prompts) {
      for (int turn = 0; turn < turns; ++turn) {
        if (find(blank(unit, prompt, arm.config(), turn).key) == nullptr) return false;
      }
    }
  }
  return true;
}

bool Run::has_work() const {
  return std::any_of(plan_.units.begin(), plan_.units.end(), [&](const Unit& unit) { return !is_complete(unit); });
}

void Run::warm_up(Progress& progress) {
  progress.stage("warm-up");
  const MeasureConfig& measure = shared_.config.measure;
  std::vector<double> spent(arms_.size());
  for (int i = 0;; ++i) {
    bool more = false;
    for (size_t a = 0; a < arms_.size(); ++a) {
      if (i >= measure.warmup_prompts && spent[a] >= measure.warmup_min_s) continue;
      more = true;
      std::vector<Record> unused(static_cast<size_t>(measure.batch));
      const double start = seconds_now();
      Task task;
      for (size_t b = 0; b < unused.size(); ++b) {
        const Prompt& prompt = plan_.warmup[(static_cast<size_t>(i) + b) % plan_.warmup.size()];
        task.prompts.push_back(Dialogue(tokenizer_, prompt, shared_.config.data).next());
        task.requests.push_back(request_id(cat("warm-up/", b, "/", prompt.id), i, 0));
      }
      if (!arms_[a].decode_into(unused, task)) return;
      spent[a] += seconds_now() - start;
    }
    if (!more) break;
  }
  progress.stage("");
}

void Run::play(Progress& progress) {
  for (const Unit& unit : plan_.units) {
    if (pass_ != std::pair(unit.trace, unit.rep)) begin_pass(unit);
    if (is_complete(unit)) {
      unheard_.push_back(unit);
      ++status_.done;
      progress.skip(1);
      continue;
    }
    if (!catch_up(progress)) return;
    if (unit.trace) progress.stage("fenced pass");
    std::vector<Played> played;
    if (shared_.interrupt.load() || !play_unit(unit, played)) return;
    compare_with_baseline(played);
    keep(std::move(played), progress);
    ++status_.done;
    progress.step(speeds_.note());
    heartbeat();
    if (!has_success_) throw Error("nothing succeeded with the first prompt: " + status_.last_error);
  }
}

void Run::begin_pass(const Unit& unit) {
  pass_ = {unit.trace, unit.rep};
  unheard_.clear();
  for (ArmRunner& arm : arms_) arm.forget();
}

// Learning arms decode again what was decoded before a resume.  False: interrupted.
bool Run::catch_up(Progress& progress) {
  for (const Unit& unit : unheard_) {
    for (ArmRunner& arm : arms_) {
      if (!arm.learns()) continue;
      progress.stage("learning again");
      std::vector<Played> unused;
      if (shared_.interrupt.load() || !play_arm(unit, arm, nullptr, unused)) return false;
    }
  }
  if (!unheard_.empty()) progress.stage("");
  unheard_.clear();
  return true;
}

bool Run::play_unit(const Unit& unit, std::vector<Played>& played) {
  SharedPrefill prefill;
  SharedPrefill* const shared = shared_.config.measure.share_prefill ? &prefill : nullptr;
  for (const size_t a : arm_order(shared_.config.seed, unit, plan_.first(unit).id, arms_.size())) {
    if (!play_arm(unit, arms_[a], shared, played)) return false;
  }
  return true;
}

Run::Turn Run::next_turn(const Unit& unit, const ArmConfig& arm, int turn, std::vector<Dialogue>& dialogues) const {
  Turn next;
  next.task.fenced = unit.trace;
  next.task.expected = !unit.trace && shared_.config.measure.expected;
  next.task.timeout_s = shared_.config.measure.timeout_s;
  for (size_t b = 0; b < unit.prompts.size(); ++b) {
    next.records.push_back(blank(unit, unit.prompts[b], arm, turn));
    next.task.prompts.push_back(dialogues[b].next());
    next.task.requests.push_back(request_id(plan_.prompts[unit.prompts[b]].id, unit.rep, turn));
  }
  return next;
}

bool Run::play_arm(const Unit& unit, ArmRunner& arm, SharedPrefill* prefill, std::vector<Played>& played) {
  std::vector<Dialogue> dialogues;
  for (const size_t prompt : unit.prompts)
    dialogues.emplace_back(tokenizer_, plan_.prompts[prompt], shared_.config.data);
  const bool traced = !unit.trace && traces_.contains(arm.config().name);
  std::string failure;
  for (int turn = 0; turn < static_cast<int>(plan_.first(unit).turns.size()); ++turn) {
    Turn next = next_turn(unit, arm.config(), turn, dialogues);
    next.task.prefill = prefill;
    std::vector<const Record*> before;  // of an earlier segment
    for (const Record& record : next.records) before.push_back(find(record.key));
    if (std::none_of(before.begin(), before.end(), [](const Record* r) { return r == nullptr; })) {
      if (arm.learns() && !arm.decode_into(next.records, next.task)) return false;
      for (size_t b = 0; b < before.size(); ++b) dialogues[b].answer(before[b]->out);
      continue;
    }
    std::vector<TraceRecorder> traces(next.records.size());
    if (traced) next.task.traces = &traces;
    if (failure.empty()) {
      try {
        if (!arm.decode_into(next.records, next.task)) return false;
      } catch (const NumericError& e) {
        throw NumericError(cat("arm ", arm.config().name, ", prompt ", plan_.first(unit).id, ": ", e.what()));
      } catch (const std::exception& e) {
        failure = e.what();
      }
    }
    for (size_t b = 0; b < next.records.size(); ++b) {
      Played one{.record = std::move(next.records[b]), .prompt = std::move(next.task.prompts[b])};
      if (failure.empty()) {
        if (traced) one.trace = traces[b].take(one.record);
        dialogues[b].answer(one.record.out);
      } else {
        one.record = blank(unit, unit.prompts[b], arm.config(), turn);
        one.record.ok = false;
        one.record.error = failure;
      }
      if (before[b] == nullptr) played.push_back(std::move(one));
    }
    if (!failure.empty()) failure = "an earlier turn failed";
  }
  return true;
}

void Run::compare_with_baseline(std::vector<Played>& played) const {
  const ArmConfig& baseline = shared_.config.baseline();
  std::map<RecordKey, const Played*> here;
  for (const Played& p : played) here.emplace(p.record.key, &p);
  for (Played& p : played) {
    RecordKey key = p.record.key;
    key.arm = baseline.name;
    const auto same = here.find(key);
    const Record* base = same != here.end() ? &same->second->record : find(key);
    RecordKey earlier = p.record.key;
    --earlier.turn;
    const auto before = here.find(earlier);
    if (p.record.key.arm == baseline.name) {
      p.record.exact_why = "baseline";
    } else if (p.record.key.trace) {
      p.record.exact_why = "fenced_pass";
    } else if (!p.record.ok || base == nullptr || !base->ok) {
      p.record.exact_why = "failed";
    } else if (before != here.end() && before->second->record.exact != true) {
      p.record.exact_why = "earlier_turn_differs";
    } else {
      const auto arm = std::find_if(arms_.begin(), arms_.end(),
                                    [&](const ArmRunner& a) { return a.config().name == p.record.key.arm; });
      if (arm->config().strategy || baseline.strategy) {
        p.record.exact_why = "strategy";
      } else if (!is_one_hot(shared_.config) && !draws_alike(arm->config(), baseline)) {
        p.record.exact_why = "baseline_draws_with_other_noise";
      } else if (arm->config().target == baseline.target) {
        compare_texts(p.record, *base, p.prompt, arm->target(), is_one_hot(shared_.config));
      } else {
        compare_texts_of_models(p.record, *base);
      }
    }
  }
}

void Run::keep(std::vector<Played> played, Progress& progress) {
  std::vector<Record> records;
  for (Played& p : played) {
    // Before the records: a frame without a record is cut off by the next writer, a record without its frame is not.
    if (!p.trace.empty()) traces_.at(p.record.key.arm)->append(p.trace);
    if (!p.record.ok) {
      ++status_.failed;
      status_.last_error = p.record.error;
      progress.clear();
      log::warning(cat(p.record.key.arm, ", prompt ", p.record.key.prompt, ": ", p.record.error));
    }
    records.push_back(std::move(p.record));
  }
  for (const auto& [arm, writer] : traces_) writer->sync();
  folder_.append(records);
  for (const Record& r : records) {
    if (!r.ok) continue;
    if (!r.key.trace) speeds_.add(r.key.arm, r.key.arm == shared_.config.baseline().name, r.n_out(), r.e2e_us * 1e-6);
    has_success_ = true;
  }
}

void Run::heartbeat() {
  const double now = seconds_now();
  if (now - last_status_ < kHeartbeat) return;
  last_status_ = now;
  folder_.status(status_);
}

}  // namespace specula
