#include "experiments/run/run_folder.h"

#include <algorithm>

#include "experiments/run/environment.h"
#include "experiments/run/segments.h"
#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

void make_directories(const fs::path& path) {
  std::error_code code;
  fs::create_directories(path, code);
  if (code) throw Error(cat(path.string(), ": cannot create the folder: ", code.message()));
}

// Something other than what a run leaves that died before its manifest was written.
bool is_foreign(const fs::path& path) {
  if (!fs::exists(path)) return false;
  if (!fs::is_directory(path)) return true;
  for (const auto& entry : fs::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    if (name != "records" && name != "shards" && name != "manifest.json.tmp") return true;
  }
  return false;
}

void write_if_absent(const fs::path& path, const std::string& content) {
  if (!fs::exists(path)) write_file_atomically(path, content);
}

fs::path free_sibling(const fs::path& base) {
  fs::path candidate = base;
  for (int i = 2; fs::exists(candidate); ++i) candidate = base.string() + "." + std::to_string(i);
  return candidate;
}

int next_segment(const fs::path& own, const RecordSet& existing) {
  int next = 0;
  for (const Record& r : existing.records) next = std::max(next, r.segment + 1);
  const std::vector<Segment> begun = read_segments(own);
  return begun.empty() ? next : std::max(next, begun.back().number + 1);
}

// A process that was killed while it wrote env.s3.json leaves a part of it, and the next one writes env.s4.json.
void remove_unfinished_environments(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("env.") && name.ends_with(".tmp")) fs::remove(entry.path());
  }
}

}  // namespace

RunFolder::RunFolder(const ExperimentConfig& config, RunInfo& info, const std::string& resume, const Shard& shard)
    : resume_(resume), shard_(shard) {
  if (resume != "auto" && resume != "force" && resume != "never") {
    throw ConfigError(
        cat("--resume ", resume, ": not one of auto, force, never", suggestion(resume, {"auto", "force", "never"})));
  }
  path_ = fs::path(config.out) / config.name / config.cell;
  if (resume == "never") path_ = free_sibling(path_);
  own_ = shard_folder(path_, shard);
  // In this order: a manifest is the first thing that another shard leaves here.
  if (is_foreign(path_) && !fs::exists(path_ / "manifest.json")) {
    throw ConfigError(cat(path_.string(), ": exists, but is not a run folder (no manifest.json); give another --out"));
  }
  make_directories(path_ / "records");
  {
    FileLock shared(shared_lock());
    shared.wait();
    open_manifest(info);
    keep_sources(config, info);
  }
  take_own();
}

// `info` becomes what the manifest says, which is written if it is not there.
void RunFolder::open_manifest(RunInfo& info) {
  if (!fs::exists(path_ / "manifest.json")) {
    write_manifest(path_, info);
    return;
  }
  RunInfo before = read_manifest(path_);
  if (before.shards != info.shards) {
    throw ConfigError(cat(path_.string(), ": this run was begun with ", before.shards, " shards, and --shard ",
                          shard_.text(), " is one of ", info.shards));
  }
  mixed_ = differences(before, info);
  refuse_mix(mixed_);
  info = std::move(before);
}

// One writer: two would write records twice.
void RunFolder::take_own() {
  make_directories(own_);
  lock_ = std::make_unique<FileLock>(shard_.is_whole() ? path_ / "records" / ".lock" : own_ / ".lock");
  if (!lock_->take()) {
    throw Error(shard_.is_whole()
                    ? cat(path_.string(), ": another process is running this; wait for it, or give --resume never")
                    : cat(path_.string(), ": another process is running shard ", shard_.text(), " of this"));
  }
  remove_unfinished_environments(own_);
  existing_ = read_records_of(records_file(path_, shard_));
  segment_ = next_segment(own_, existing_);
  records_ = std::make_unique<LineFile>(records_file(path_, shard_));
}

void RunFolder::keep_sources(const ExperimentConfig& config, const RunInfo& info) {
  write_if_absent(path_ / "config.resolved.toml", resolved_toml(config));
  make_directories(path_ / "config.sources");
  for (size_t i = 0; i < config.sources.size(); ++i) {
    const std::string name = cat(i, "_", fs::path(config.sources[i].path).filename().string());
    write_if_absent(path_ / "config.sources" / name, config.sources[i].content);
  }
  write_if_absent(path_ / "config.sources" / "argv.txt", join(info.argv, "\n") + "\n");
}

void RunFolder::keep_inputs(const std::string& lines) {
  FileLock shared(shared_lock());
  shared.wait();
  write_if_absent(path_ / "inputs.jsonl", lines);
}

void RunFolder::refuse_mix(const std::vector<std::string>& differing) const {
  if (differing.empty() || resume_ != "auto") return;
  throw ConfigError(
      cat(path_.string(), ": this run was begun with another ", join(differing, ", "),
          "; --resume never begins a new one beside it, --resume force goes on and keeps a note of the mix"));
}

void RunFolder::complete(RunInfo& info, const std::vector<RunModel>& loaded) {
  FileLock shared(shared_lock());
  shared.wait();
  const std::vector<RunModel> before = read_manifest(path_).models;  // another shard may have completed it
  if (std::all_of(before.begin(), before.end(), [](const RunModel& m) { return m.engine.empty(); })) {
    info.models = loaded;
    write_manifest(path_, info);
    return;
  }
  info.models = before;
  const std::vector<std::string> differing = differences(before, loaded);
  refuse_mix(differing);
  mixed_.insert(mixed_.end(), differing.begin(), differing.end());
}

void RunFolder::begin_segment(const RunInfo& now, const std::string& environment_json) {
  append_segment(own_, {.number = segment_,
                        .build = build_name(),
                        .host = host_name(),
                        .argv = now.argv,
                        .identity = now.identity,
                        .mixed = mixed_});
  write_file_atomically(own_ / (segment_ == 0 ? "env.json" : cat("env.s", segment_, ".json")), environment_json);
}

void RunFolder::append(const std::vector<Record>& records) {
  std::string lines;
  for (const Record& r : records) lines += (lines.empty() ? "" : "\n") + to_line(r);
  if (lines.empty()) return;
  records_->append(lines);
  records_->sync();
}

void RunFolder::status(const RunStatus& status) { write_status(own_, status, segment_); }

void RunFolder::finish(const RunStatus& s, const std::string& marker) {
  status(s);
  write_marker(own_, marker);
}

}  // namespace specula
