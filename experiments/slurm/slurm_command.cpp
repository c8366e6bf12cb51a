// `specula slurm`: the shards of an experiment as a job array, printed, submitted or run here.
#include <array>
#include <cstdio>
#include <ctime>

#include "experiments/commands.h"
#include "experiments/pages/markup.h"
#include "experiments/runs/found_run.h"
#include "experiments/slurm/array_script.h"
#include "experiments/slurm/local_launcher.h"
#include "experiments/study/study.h"
#include "framework/core/files.h"
#include "framework/core/log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

constexpr int kShards = 8;  // where nobody says how many

// What `specula run` is given; its tasks start in the folder where this was called.
Words run_words(const SlurmArgs& args) {
  const ConfigOverrides& o = args.overrides;
  Words words = {args.config};
  const auto add = [&](const std::string& flag, const std::string& value) {
    words.push_back(flag);
    words.push_back(value);
  };
  for (const std::string& set : o.sets) add("--set", set);
  for (const std::string& unset : o.unsets) add("--unset", unset);
  for (const std::string& sweep : o.sweeps) add("--sweep", sweep);
  if (!o.arms.empty()) add("--arms", join(o.arms, ","));
  if (o.limit >= 0) add("--limit", cat(o.limit));
  if (o.threads >= 0) add("--threads", cat(o.threads));
  if (o.seed >= 0) add("--seed", cat(o.seed));
  if (!o.out.empty()) add("--out", o.out);
  return words;
}

std::vector<fs::path> run_folders(const Study& study) {
  std::vector<fs::path> folders;
  for (const StudyCell& cell : study.cells) {
    if (fs::exists(study.folder_of(cell) / "manifest.json")) folders.push_back(study.folder_of(cell));
  }
  return folders;
}

// As many as the runs were begun with; those that nobody has begun may have any number.
int shards_of(const SlurmArgs& args, const std::vector<fs::path>& begun) {
  for (const fs::path& folder : begun) {
    const int shards = read_manifest(folder).shards;
    if (args.shards > 0 && args.shards != shards)
      throw ConfigError(cat("--shards ", args.shards, ": ", folder.string(), " was begun with ", shards));
    return shards;
  }
  return args.shards > 0 ? args.shards : kShards;
}

// Those that are not done in every cell, and that nobody runs at the moment.
std::vector<int> unfinished(const Study& study, const std::vector<fs::path>& begun, int shards) {
  const std::time_t now = std::time(nullptr);
  std::vector<int> tasks;
  std::vector<std::vector<FoundShard>> cells;
  cells.reserve(begun.size());
  for (const fs::path& folder : begun) cells.push_back(find_shards(folder, shards));
  for (int i = 0; i < shards; ++i) {
    bool done = begun.size() == study.cells.size(), running = false;
    for (const auto& cell : cells) {
      const FoundShard& found = cell[static_cast<size_t>(i)];
      done = done && found.status.state == "done";
      running = running || (found.status.state == "running" && !is_stale(found.status, now));
    }
    if (running) log::info(cat("shard ", i, "/", shards, " is running; it is left alone"));
    if (!done && !running) tasks.push_back(i);
  }
  return tasks;
}

ArrayJob job_of(const SlurmArgs& args, const Study& study) {
  ArrayJob job{.name = study.name,
               .program = fs::read_symlink("/proc/self/exe"),
               .directory = fs::current_path(),
               .run_words = run_words(args),
               .folder = fs::absolute(study.is_sweep ? study.folder() : study.folder_of(study.cells.front())),
               .logs = fs::absolute(study.folder() / "slurm"),
               .shards = 1,
               .tasks = {},
               .parallel = args.parallel,
               .max_requeue = args.max_requeue,
               .sbatch_words = args.sbatch};
  const std::vector<fs::path> begun = run_folders(study);
  job.shards = shards_of(args, begun);
  if (args.retry_failed) {
    job.tasks = unfinished(study, begun, job.shards);
  } else {
    for (int i = 0; i < job.shards; ++i) job.tasks.push_back(i);
  }
  return job;
}

fs::path write_script(const ArrayJob& job) {
  fs::create_directories(job.logs);
  write_file_atomically(job.logs / "array.sh", array_script(job));
  return job.logs / "array.sh";
}

// The id that sbatch prints, "12" or "12;cluster".
std::string submit(const std::string& command) {
  FILE* const pipe = ::popen(command.c_str(), "r");  // what it complains of goes to standard error
  if (pipe == nullptr) throw Error("cannot start sbatch");
  std::string output;
  std::array<char, 256> block{};
  while (const size_t n = std::fread(block.data(), 1, block.size(), pipe)) output.append(block.data(), n);
  if (::pclose(pipe) != 0) throw Error(cat("sbatch failed: ", command));
  return output.substr(0, output.find_first_of(";\n"));
}

ExitCode submit_all(const ArrayJob& job) {
  const fs::path script = write_script(job);
  const std::string array = submit(cat("sbatch --parsable ", shell_quoted(script.string())));
  const std::string merge = submit(submit_merge_command(job, array));
  std::fputs(
      cat("Submitted ", script.string(), "\n  array job ", array, ": shards ", task_list(job.tasks), " of ", job.shards,
          "\n  merge job ", merge, ": when all have ended\nspecula status ", job.folder.string(), "\n")
          .c_str(),
      stdout);
  return ExitCode::kOk;
}

ExitCode run_here(const ArrayJob& job) {
  const fs::path script = write_script(job);
  ExitCode code = ExitCode::kOk;
  {
    const SignalScope signals;
    code = run_tasks_here(job, script, signals);
    if (signals.interrupted()) return code;
  }
  if (code == ExitCode::kRuntime)
    throw Error(cat("not every shard ended well; see ", job.logs.string(), ", and --retry-failed runs those again"));
  return merge_command({.folder = job.folder.string()});
}

}  // namespace

ExitCode slurm_command(const SlurmArgs& args) {
  if (args.print + args.submit + args.retry_failed != 1)
    throw ConfigError("specula slurm: expected one of --print, --submit, --retry-failed");
  const Study study = load_study(args.config, args.overrides, make_registries());
  const ArrayJob job = job_of(args, study);
  if (args.print) {
    std::fputs(array_script(job).c_str(), stdout);
    return ExitCode::kOk;
  }
  if (job.tasks.empty()) {
    std::fputs(cat("No shard is left to run; ", merge_command_of(job), "\n").c_str(), stdout);
    return ExitCode::kOk;
  }
  return args.launcher == "local" ? run_here(job) : submit_all(job);
}

}  // namespace specula
