// `specula merge`: the shards of a run, or of each cell of a study, checked and joined, and the table of what they say.
#include <algorithm>
#include <cstdio>

#include "experiments/commands.h"
#include "experiments/merge/merge.h"
#include "experiments/results.h"
#include "experiments/scores/likelihood.h"
#include "experiments/scores/scoring.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// Refuses the problems of one run, or tells them.
void judge(const std::string& place, const std::vector<std::string>& problems, const MergeArgs& args) {
  if (problems.empty()) return;
  std::string text = cat(place, ": these shards cannot be merged:");
  for (const std::string& problem : problems) text += "\n  " + problem;
  if (!args.force) throw Error(text + "\n--force joins what there is");
  log::warning(text);
}

ExitCode code_of(const ShardCheck& check, bool misses) {
  if (check.status.state != "done" || !check.problems.empty()) return ExitCode::kPartial;
  return misses ? ExitCode::kExpectation : ExitCode::kOk;
}

void note_hosts(const fs::path& folder, const ShardCheck& check) {
  if (check.hosts.size() > 1)
    log::warning(cat(folder.string(), ": its speeds are put together from the hosts ",
                     join({check.hosts.begin(), check.hosts.end()})));
}

// What the end of a run does; its shards leave it to whoever has all texts.
void judge_texts(const fs::path& folder, const RunInfo& run) {
  if (run.scorers) score_run(folder, *run.scorers, false);
  if (!run.nll) return;
  set_threads(0);
  measure_likelihoods(folder);
}

ExitCode merge_run(const fs::path& folder, const MergeArgs& args) {
  const ShardCheck check = check_shards(folder);
  judge(folder.string(), check.problems, args);
  note_hosts(folder, check);
  write_joined(folder, check);
  judge_texts(folder, check.info);
  const Summary summary = rebuild_summary(folder);
  std::fputs(write_results(folder, check.info, summary).c_str(), stdout);
  return code_of(check, misses_portable(summary));
}

// A cell that failed in a shard stays visible as a failed one; one that is not finished is not.
ShardCheck check_cell(const fs::path& folder, const MergeArgs& args) {
  if (!fs::exists(folder / "manifest.json")) {
    ShardCheck none{.status = {.state = "failed"}, .failed = true};
    none.status.last_error = "no shard has begun it";
    judge(folder.string(), {none.status.last_error}, args);
    return none;
  }
  ShardCheck check = check_shards(folder);
  if (!check.failed) judge(folder.string(), check.problems, args);
  return check;
}

void join_cell(const fs::path& folder, const ShardCheck& check, StudyCellResult& cell) {
  cell.state = check.failed ? "failed" : check.status.state;
  cell.error = check.failed ? check.status.last_error : "";
  if (check.info.arms.empty()) return;
  note_hosts(folder, check);
  write_joined(folder, check);
  judge_texts(folder, check.info);
  Summary summary = rebuild_summary(folder);
  if (!check.failed) write_results(folder, check.info, summary);
  add_run(folder, std::move(summary), cell);
}

ExitCode merge_study(const fs::path& folder, const MergeArgs& args) {
  StudyResult study = read_plan(folder);
  std::vector<ShardCheck> checks;
  for (const StudyCellResult& cell : study.cells) checks.push_back(check_cell(folder / cell.cell, args));
  ExitCode code = ExitCode::kOk;
  for (size_t i = 0; i < checks.size(); ++i) {
    join_cell(folder / study.cells[i].cell, checks[i], study.cells[i]);
    if (code_of(checks[i], false) != ExitCode::kOk) code = ExitCode::kPartial;
  }
  write_file_atomically(folder / "sweep.json", study_json(study));
  std::fputs(write_results(folder, study).c_str(), stdout);
  return code == ExitCode::kOk && misses_portable(study) ? ExitCode::kExpectation : code;
}

}  // namespace

ExitCode merge_command(const MergeArgs& args) {
  const fs::path folder = args.folder;
  if (fs::exists(folder / "manifest.json")) return merge_run(folder, args);
  if (fs::exists(folder / "sweep.json")) return merge_study(folder, args);
  throw ConfigError(cat(args.folder, ": neither a run (manifest.json) nor a study (sweep.json)"));
}

}  // namespace specula
