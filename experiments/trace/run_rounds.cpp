#include "experiments/trace/run_rounds.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "experiments/report/metrics_record.h"
#include "experiments/run/trace_file.h"
#include "experiments/trace/prompt_text.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kMostNamed = 10;  // of the prompts of a run, in an error

void add_once(std::vector<std::string>& names, const std::string& name) {
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

// As suggestion(), with some of many.
std::string bounded_suggestion(const std::string& word, std::vector<std::string> valid) {
  const size_t count = valid.size();
  if (count <= kMostNamed || !nearest(word, valid).empty()) return suggestion(word, valid);
  valid.resize(kMostNamed);
  return cat("; valid: ", join(valid), ", ... (", count, " in all)");
}

void check_prompt(const std::vector<Record>& records, const RoundsWanted& wanted) {
  std::vector<std::string> prompts;
  for (const Record& r : records) add_once(prompts, r.key.prompt);
  if (wanted.prompt.empty()) throw ConfigError(cat(wanted.run, ": which prompt?", bounded_suggestion("", prompts)));
  if (std::find(prompts.begin(), prompts.end(), wanted.prompt) == prompts.end())
    throw ConfigError(
        cat(wanted.run, ": there is no prompt '", wanted.prompt, "'", bounded_suggestion(wanted.prompt, prompts)));
}

// A turn or a repetition of the prompt.
void check_number(const char* flag, int given, std::vector<int> valid, const std::string& prompt) {
  std::sort(valid.begin(), valid.end());
  valid.erase(std::unique(valid.begin(), valid.end()), valid.end());
  if (std::find(valid.begin(), valid.end(), given) != valid.end()) return;
  throw ConfigError(cat(flag, " ", given, ": prompt ", prompt, " has no such record; valid: ", valid.front(),
                        valid.size() > 1 ? cat("..", valid.back()) : ""));
}

void check_arm(const RunInfo& run, const std::string& arm) {
  std::vector<std::string> names;
  for (const ArmInfo& a : run.arms) names.push_back(a.name);
  if (!arm.empty() && std::find(names.begin(), names.end(), arm) == names.end())
    throw ConfigError(cat("--arm ", arm, ": the run has no arm '", arm, "'", bounded_suggestion(arm, names)));
}

Source source_of_last(const RunRound& round, const Rounds& rounds) {
  if (round.drafted == 0) return Source::kTarget;
  if (round.fates) {
    const int last = round.accepted;  // the depth that the path ends at
    const auto is_refused = [&](const FatedRow& r) { return r.fate == Fate::kRejected && r.depth == last + 1; };
    const auto& rows = round.fates->rows;
    return std::any_of(rows.begin(), rows.end(), is_refused) ? Source::kInstead : Source::kBonus;
  }
  if (round.accepted == round.depth) return Source::kBonus;
  return rounds.is_tree() ? Source::kTarget : Source::kInstead;
}

// The turn's rounds in the trace of one of the shards; no value: it is in none of them.
std::optional<TracedRecord> traced_turn(const std::vector<std::filesystem::path>& files, const RecordKey& key) {
  for (const auto& file : files) {
    TraceReader reader(file);
    while (auto turn = reader.next()) {
      if (turn->blank.key == key) return turn;
    }
  }
  return std::nullopt;
}

void add_rounds(const std::string& run_folder, int shards, ArmRounds& arm) {
  const Record& record = arm.record;
  auto traced = traced_turn(trace_paths(run_folder, shards, arm.arm.name), record.key);
  if (traced && traced->num_rounds != record.rounds.size())
    throw Error(cat(run_folder, ": arm ", arm.arm.name, ": the trace has ", traced->num_rounds, " rounds, the record ",
                    record.rounds.size()));
  arm.is_recorded = traced.has_value();
  TracedRound told;
  int64_t start = 0;
  for (size_t i = 0; i < record.rounds.size(); ++i) {
    RunRound round{.start = start,
                   .drafted = record.rounds.drafted[i],
                   .depth = record.rounds.depth[i],
                   .accepted = record.rounds.accepted[i],
                   .is_cut = record.rounds.cut == static_cast<int>(i)};
    const auto from = record.out.begin() + start;
    const std::vector<Token> text(from, from + record.rounds.kept[i]);
    try {
      if (traced && traced->next(told)) round.fates = fates_of(told, text, round.accepted);
    } catch (const Error& e) {
      throw Error(cat(run_folder, ": arm ", arm.arm.name, ", round ", i + 1, ": ", e.what()));
    }
    for (const Token id : text) {
      const bool is_drafted = static_cast<int>(round.tokens.size()) < round.accepted;
      round.tokens.push_back({id, is_drafted ? Source::kDraft : source_of_last(round, record.rounds)});
    }
    start += record.rounds.kept[i];
    arm.rounds.push_back(std::move(round));
  }
}

void check_tokens(const Record& record, const std::string& run_folder) {
  if (record.replayed) throw ConfigError(cat(run_folder, ": a replay has no texts; give the run that it judges again"));
  if (std::any_of(record.out.begin(), record.out.end(), [](Token id) { return id < 0; }))
    throw ConfigError(cat(run_folder, ": a copy for publication has no tokens; give the run that it was made of"));
  const int64_t kept = std::accumulate(record.rounds.kept.begin(), record.rounds.kept.end(), int64_t{0});
  if (kept != record.n_out())
    throw Error(cat(run_folder, ": arm ", record.key.arm, ": the rounds kept ", kept, " tokens and the record holds ",
                    record.n_out()));
}

std::optional<double> figure(const char* metric, const Record& record) {
  const auto fraction = find_record_metric(metric)->of(record);
  if (!fraction || fraction->denominator == 0) return std::nullopt;
  return fraction->numerator / fraction->denominator;
}

}  // namespace

const char* name_of(Source source) {
  switch (source) {
    case Source::kDraft:
      return "draft";
    case Source::kBonus:
      return "bonus";
    case Source::kInstead:
      return "instead";
    case Source::kTarget:
      return "target";
  }
  return "";
}

PromptRounds read_rounds(const RoundsWanted& wanted) {
  PromptRounds all{.run = read_manifest(wanted.run), .prompt = wanted.prompt, .turn = wanted.turn, .rep = wanted.rep};
  check_arm(all.run, wanted.arm);
  std::vector<Record> records = read_records(wanted.run).records;
  std::erase_if(records, [](const Record& r) { return r.key.trace; });
  check_prompt(records, wanted);
  std::erase_if(records, [&](const Record& r) { return r.key.prompt != wanted.prompt; });
  std::vector<int> turns, reps;
  for (const Record& r : records) {
    turns.push_back(r.key.turn);
    reps.push_back(r.key.rep);
  }
  check_number("--turn", wanted.turn, turns, wanted.prompt);
  check_number("--rep", wanted.rep, reps, wanted.prompt);
  all.category = records.front().category;
  const PromptText text = prompt_text(wanted.run, all.run, wanted.prompt, wanted.turn);
  all.text = text.text;
  all.text_missing = text.missing;
  all.turns = std::max(text.turns, 1 + *std::max_element(turns.begin(), turns.end()));

  std::map<std::string, std::shared_ptr<const TokenNames>> names;
  for (const ArmInfo& arm : all.run.arms) {
    const auto of_arm = std::find_if(records.begin(), records.end(), [&](const Record& r) {
      return r.key.arm == arm.name && r.key.turn == wanted.turn && r.key.rep == wanted.rep;
    });
    if (of_arm == records.end() || (!wanted.arm.empty() && arm.name != wanted.arm)) continue;
    ArmRounds rounds{.arm = arm,
                     .promise = all.run.promise_of(arm),
                     .promises_text = all.run.promises_same_text(arm),
                     .record = *of_arm};
    check_tokens(rounds.record, wanted.run);
    auto& of_target = names[arm.target];
    if (of_target == nullptr) {
      const auto model = std::find_if(all.run.models.begin(), all.run.models.end(),
                                      [&](const RunModel& m) { return m.name == arm.target; });
      of_target = std::make_shared<const TokenNames>(model == all.run.models.end() ? arm.target : model->path,
                                                     all.run.has_own_target(arm) ? "" : all.run.tokenizer);
    }
    rounds.names = of_target;
    add_rounds(wanted.run, all.run.shards, rounds);
    rounds.tau = figure("tau", rounds.record);
    if (arm.tests_tokens) rounds.alpha = figure("alpha", rounds.record);
    all.arms.push_back(std::move(rounds));
  }
  if (all.arms.empty())
    throw Error(cat(wanted.run, ": there is no record of prompt ", wanted.prompt, ", turn ", wanted.turn,
                    ", repetition ", wanted.rep, wanted.arm.empty() ? "" : " by arm " + wanted.arm));
  return all;
}

}  // namespace specula
