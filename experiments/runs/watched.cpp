#include "experiments/runs/watched.h"

#include <algorithm>
#include <set>

#include "experiments/runs/status_text.h"
#include "experiments/study/study_results.h"
#include "experiments/train/training_status.h"
#include "framework/core/error.h"

namespace specula {
namespace {

Course course_of(const RunStatus& status, std::time_t now) {
  if (is_stale(status, now)) return Course::kBroken;
  if (status.state == "running") return Course::kRunning;
  for (const char* const ended : {"done", "partial", "unmerged"}) {
    if (status.state == ended) return Course::kEnded;
  }
  return status.state == "waiting" || status.state == "begun" ? Course::kWaiting : Course::kBroken;
}

std::string time_left(const RunStatus& status, std::optional<double> seconds) {
  if (status.state != "running" || !seconds) return "";
  return cat(", ", age_text(*seconds * static_cast<double>(status.total - status.done)), " left");
}

WatchedLine line_of(const std::string& name, const RunStatus& status, std::time_t now) {
  WatchedLine line{.name = name, .text = status_line(status, now), .course = course_of(status, now)};
  line.change = cat(status.state, "/", status.done, "/", status.total, "/", status.failed, "/", status.last_error, "/",
                    is_stale(status, now));
  return line;
}

WatchedLine unreadable(const FoundRun& run) {
  return {.name = run.folder.string(),
          .text = "unreadable: " + run.problem,
          .change = run.problem,
          .course = Course::kBroken};
}

void add_error(const std::string& error, WatchedLine& line) {
  if (!error.empty()) line.text += "; last error: " + error.substr(0, error.find('\n'));
}

WatchedLine line_of_training(const FoundRun& training, std::time_t now) {
  if (!training.problem.empty()) return unreadable(training);
  const RunStatus status = status_of(training);
  WatchedLine line = line_of(training.folder.string(), status, now);
  try {
    line.text += time_left(status, seconds_per_step(training)) + best_text(training);
  } catch (const std::exception& e) {  // of its lines
    add_error(e.what(), line);
  }
  add_error(status.last_error, line);
  return line;
}

}  // namespace

WatchedFolder::WatchedFolder(std::filesystem::path root) : root_(std::move(root)) {}

std::vector<WatchedLine> WatchedFolder::look(std::time_t now) {
  const std::vector<FoundRun> runs = find_runs(root_);
  std::vector<WatchedLine> lines;
  for (const FoundRun& run : runs) add_run(run, now, lines);
  add_waiting_cells(runs, lines);
  for (const FoundRun& training : find_trainings(root_)) lines.push_back(line_of_training(training, now));
  if (lines.empty())
    throw ConfigError(cat(root_.string(), ": neither a run, nor a study, nor a training, nor a folder of them"));
  return lines;
}

WatchedFolder::Seen& WatchedFolder::seen(const FoundRun& run) {
  Seen& known = seen_[run.folder];
  if (!known.problem.empty()) return known;
  while (static_cast<int>(known.tails.size()) < std::max(run.info.shards, 1)) {
    const Shard shard{static_cast<int>(known.tails.size()), std::max(run.info.shards, 1)};
    known.tails.emplace_back(records_file(run.folder, shard));
  }
  try {
    for (RecordsTail& tail : known.tails) {
      for (const Record& r : tail.read()) {
        if (r.ok && !r.key.trace)
          known.speeds.add(r.key.arm, r.key.arm == run.info.baseline().name, r.n_out(), 1e-6 * r.e2e_us);
      }
    }
  } catch (const Error& e) {
    known.problem = e.what();
  }
  return known;
}

void WatchedFolder::add_run(const FoundRun& run, std::time_t now, std::vector<WatchedLine>& lines) {
  if (!run.problem.empty()) {
    lines.push_back(unreadable(run));
    return;
  }
  const Seen& known = seen(run);
  const RunStatus status = status_of(run);
  WatchedLine line = line_of(run.folder.string(), status, now);
  if (run.shards.empty()) line.text += time_left(status, known.tails.front().seconds_per_unit());
  line.speeds = known.speeds.note();
  add_error(known.problem.empty() ? status.last_error : known.problem, line);
  lines.push_back(std::move(line));
  for (size_t i = 0; i < run.shards.size(); ++i) {
    const auto& [shard, of_shard] = run.shards[i];
    WatchedLine part = line_of(cat(run.folder.string(), " shard ", shard.text()), of_shard, now);
    part.text += time_left(of_shard, known.tails[i].seconds_per_unit());
    add_error(of_shard.last_error, part);
    lines.push_back(std::move(part));
  }
}

// Of the studies that the root is, or that its runs belong to.
void WatchedFolder::add_waiting_cells(const std::vector<FoundRun>& runs, std::vector<WatchedLine>& lines) const {
  std::set<std::filesystem::path> studies, begun;
  if (is_study_folder(root_)) studies.insert(root_);
  for (const FoundRun& run : runs) {
    begun.insert(run.folder.lexically_normal());
    if (is_study_folder(run.folder.parent_path()) && run.folder != root_) studies.insert(run.folder.parent_path());
  }
  for (const std::filesystem::path& study : studies) {
    for (const StudyCellResult& cell : read_plan(study).cells) {
      const std::filesystem::path folder = (study / cell.cell).lexically_normal();
      if (begun.contains(folder)) continue;
      const RunStatus status{.state = cell.state, .last_error = cell.error};
      WatchedLine line = line_of(folder.string(), status, 0);
      add_error(cell.error, line);
      lines.push_back(std::move(line));
    }
  }
}

}  // namespace specula
