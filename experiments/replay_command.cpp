// `specula replay`: the traces of a run folder judged by other rules, as a run folder of its own and a table.
#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "experiments/commands.h"
#include "experiments/replay/replay.h"
#include "experiments/report/compare.h"
#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/run/environment.h"
#include "framework/core/files.h"
#include "framework/core/log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

constexpr double kSameLength = 1e-6;  // p and q are float32: two forms of one length differ by 1e-7

// The recorded arms to replay: those asked for, else all that have a trace.
std::vector<ArmInfo> traced_arms(const RunInfo& run, const ReplayArgs& args) {
  std::vector<ArmInfo> arms;
  std::vector<std::string> names;
  for (const ArmInfo& arm : run.arms) {
    if (trace_paths(args.run, run.shards, arm.name).empty()) continue;
    arms.push_back(arm);
    names.push_back(arm.name);
  }
  if (arms.empty())
    throw ConfigError(cat(args.run, ": this run recorded no rounds; run it with --set output.record=distributions"));
  for (const std::string& wanted : args.arms) {
    if (std::find(names.begin(), names.end(), wanted) == names.end())
      throw ConfigError(
          cat("--arm ", wanted, ": there is no trace of an arm '", wanted, "'", suggestion(wanted, names)));
  }
  std::erase_if(arms, [&](const ArmInfo& arm) {
    return !args.arms.empty() && std::find(args.arms.begin(), args.arms.end(), arm.name) == args.arms.end();
  });
  return arms;
}

// The folder to write: the one given, which must be new or empty, or the first free <run>/replay, replay.2, ...
fs::path new_folder(const ReplayArgs& args) {
  fs::path folder = args.out.empty() ? fs::path(args.run) / "replay" : fs::path(args.out);
  for (int i = 2; args.out.empty() && fs::exists(folder); ++i) folder = fs::path(args.run) / cat("replay.", i);
  if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder)))
    throw ConfigError(cat("--out ", args.out, ": exists and is not empty; give another folder"));
  return folder;
}

// The rule that others are compared with: the ratio test, else the recorded one, else the first.
std::string reference_rule(const std::vector<ReplayRule>& rules, const ArmInfo& recorded) {
  const auto has = [&](const std::string& name) {
    return std::any_of(rules.begin(), rules.end(), [&](const ReplayRule& rule) { return rule.name == name; });
  };
  const std::string played = recorded.verifier.substr(0, recorded.verifier.find('('));
  return has("rejection") ? "rejection" : has(played) ? played : rules.front().name;
}

struct Replayed {
  RunInfo info;
  std::vector<Record> records;
  std::vector<std::string> left_out;  // "iid: block: why"
  std::set<std::string> comparable;   // arms whose expected lengths can be compared with the reference's by round
};

// The manifest of a replay: that of the run, with rules for arms and the run it stems from.
RunInfo info_of(const RunInfo& run, const ReplayArgs& args) {
  RunInfo info = run;
  info.run_id = new_run_id();
  info.experiment = run.experiment + "-replay";
  info.created_utc = utc_now();
  info.argv = args.argv;
  info.cwd = fs::current_path().string();
  info.build = build_name();
  info.trace_prompts = 0;
  info.shards = 1;
  info.arms.clear();
  info.identity["replay of"] = run.run_id;
  info.identity["replay"] = cat("verifiers ", args.verifiers.empty() ? "all" : args.verifiers, ", draws ", args.draws);
  return info;
}

// Lengths that average over a draft's tokens are not compared round by round with lengths that are given them.
bool same_kind(const std::vector<ReplayRule>& rules, const ReplayRule& rule, const std::string& reference) {
  return std::all_of(rules.begin(), rules.end(), [&](const ReplayRule& other) {
    return other.name != reference || other.averages_tokens == rule.averages_tokens;
  });
}

void replay_arm(const ArmInfo& arm, int shards, const std::string& prefix, const ReplayArgs& args, Replayed& all) {
  const Registries registries = make_registries();
  const std::vector<fs::path> files = trace_paths(args.run, shards, arm.name);
  ReplayRules rules = rules_for(TraceReader(files.front()).header(), args.verifiers, registries.verifiers);
  std::vector<Record> records =
      replay_traces(files, rules, {.prefix = prefix, .seed = all.info.seed, .draws = args.draws});
  for (const std::string& why : rules.left_out) all.left_out.push_back(cat(arm.name, ": ", why));
  if (rules.rules.empty()) return;
  const std::string reference = prefix + reference_rule(rules.rules, arm);
  for (const ReplayRule& rule : rules.rules) {
    const std::string name = prefix + rule.name;
    if (same_kind(rules.rules, rule, reference_rule(rules.rules, arm))) all.comparable.insert(name);
    all.info.arms.push_back({.name = name,
                             .target = arm.target,
                             .drafter = arm.drafter,
                             .verifier = rule.text,
                             .guarantee = name_of(rule.facts.guarantee),
                             .baseline = all.records.empty() && name == reference,
                             .tests_tokens = rule.facts.tests_tokens,
                             .reference = reference});
  }
  const auto per_arm = static_cast<int64_t>(records.size() / rules.rules.size());
  all.info.records_per_arm = std::max(all.info.records_per_arm, per_arm);
  all.records.insert(all.records.end(), records.begin(), records.end());
}

void write_run(const fs::path& folder, const Replayed& all, const std::string& table) {
  fs::create_directories(folder / "records");
  write_manifest(folder, all.info);
  std::string lines;
  for (const Record& record : all.records) lines += to_line(record) + "\n";
  write_file_atomically(folder / "records" / "s000-of-001.jsonl", lines);
  rebuild_summary(folder);
  write_file_atomically(folder / "table.md", table);
  write_file_atomically(folder / "DONE", "");
}

// In how many rounds a rule is expected to accept less, and more, than its reference.
std::string lower_and_higher(const Replayed& all, const ArmInfo& arm) {
  std::map<RecordKey, const Record*> of_reference;
  for (const Record& r : all.records) {
    if (r.key.arm == arm.reference) of_reference[r.key] = &r;
  }
  int64_t lower = 0, higher = 0;
  for (const Record& r : all.records) {
    if (r.key.arm != arm.name) continue;
    RecordKey key = r.key;
    key.arm = arm.reference;
    const Rounds& other = of_reference.at(key)->rounds;
    for (size_t i = 0; i < r.rounds.size(); ++i) {
      lower += r.rounds.expected[i] < other.expected[i] - kSameLength ? 1 : 0;
      higher += r.rounds.expected[i] > other.expected[i] + kSameLength ? 1 : 0;
    }
  }
  return cat(lower, " / ", higher);
}

int64_t rounds_of(const Replayed& all, const ArmInfo& arm) {
  int64_t rounds = 0;
  for (const Record& r : all.records) rounds += r.key.arm == arm.name ? static_cast<int64_t>(r.rounds.size()) : 0;
  return rounds;
}

std::string table_of(const Replayed& all, const std::string& label) {
  using enum MarkdownTable::Align;
  const ComparedRun run{.label = label, .info = all.info, .records = {.records = all.records}};
  const auto expected = compare_runs({run}, "expected_accepted"), once = compare_runs({run}, "accepted_per_step"),
             cost = compare_runs({run}, "rule_us");
  MarkdownTable table;
  for (const char* const title : {"rule", "guarantee"}) table.column(title, kLeft);
  for (const char* const title : {"rounds", "expected_accepted (95% CI)", "ratio to ref (95% CI)",
                                  "rounds lower / higher", "accepted_per_step", "rule_us"})
    table.column(title, kRight);
  table.column("verdict", kLeft);
  for (size_t i = 0; i < all.info.arms.size(); ++i) {
    const ArmInfo& arm = all.info.arms[i];
    table.row({arm.name, arm.guarantee, std::to_string(rounds_of(all, arm)), interval_text(expected[i].value),
               expected[i].verdict == "ref" ? "1.00" : interval_text(expected[i].ratio),
               all.comparable.contains(arm.name) && expected[i].verdict != "ref" ? lower_and_higher(all, arm) : "–",
               three_digits(once[i].value.value), three_digits(cost[i].value.value), expected[i].verdict});
  }
  return table.text();
}

}  // namespace

ExitCode replay_command(const ReplayArgs& args) {
  const InferenceScope inference;
  const RunInfo run = read_manifest(args.run);
  const std::vector<ArmInfo> arms = traced_arms(run, args);
  const fs::path folder = new_folder(args);
  Replayed all{.info = info_of(run, args), .records = {}, .left_out = {}};
  all.info.records_per_arm = 0;
  for (const ArmInfo& arm : arms) {
    log::info(cat("judging the rounds of ", arm.name));
    replay_arm(arm, run.shards, arms.size() == 1 ? "" : arm.name + "/", args, all);
  }
  if (all.records.empty()) throw ConfigError(cat("no rule can judge these rounds:\n", join(all.left_out, "\n")));
  std::string text =
      cat("Rounds of ", args.run, "; ref: the rule that the others on the same rounds are compared with.\n\n",
          table_of(all, args.run));
  if (!all.left_out.empty()) text += "\nLeft out:\n";
  for (const std::string& line : all.left_out) text += "- " + line + "\n";
  write_run(folder, all, text);
  std::fputs(cat(text, "\nWrote ", folder.string(), "\n").c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace specula
