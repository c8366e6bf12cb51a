#include "experiments/run/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "experiments/run/environment.h"
#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string dump(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

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
    if (name != "records" && name != "manifest.json.tmp") return true;
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

int next_segment(const fs::path& path, const RecordSet& existing) {
  int next = 1;
  for (const Record& r : existing.records) next = std::max(next, r.segment + 1);
  if (!fs::exists(path / "segments.jsonl")) return next;
  const std::string lines = read_file(path / "segments.jsonl");
  return std::max(next, static_cast<int>(std::count(lines.begin(), lines.end(), '\n')));
}

}  // namespace

RunFolder::RunFolder(const ExperimentConfig& config, RunInfo& info, const std::string& resume) : resume_(resume) {
  if (resume != "auto" && resume != "force" && resume != "never") {
    throw ConfigError(
        cat("--resume ", resume, ": not one of auto, force, never", suggestion(resume, {"auto", "force", "never"})));
  }
  path_ = fs::path(config.out) / config.name / config.cell;
  if (resume == "never") path_ = free_sibling(path_);
  if (fs::exists(path_ / "manifest.json")) {
    take_lock();
    reopen(info);
  } else {
    if (is_foreign(path_))
      throw ConfigError(
          cat(path_.string(), ": exists, but is not a run folder (no manifest.json); give another --out"));
    make_directories(path_ / "records");
    take_lock();
    write_manifest(path_, info);
  }
  keep_sources(config, info);
  records_ = std::make_unique<LineFile>(path_ / "records" / "s000-of-001.jsonl");
}

RunFolder::Lock::~Lock() {
  if (descriptor >= 0) ::close(descriptor);
}

// One writer per folder: two would write records twice.
void RunFolder::take_lock() {
  const std::string file = (path_ / "records" / ".lock").string();
  lock_.descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_.descriptor < 0) throw Error(cat(file, ": cannot open: ", std::strerror(errno)));
  if (::flock(lock_.descriptor, LOCK_EX | LOCK_NB) != 0) {
    throw Error(cat(path_.string(), ": another process is running this; wait for it, or give --resume never"));
  }
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

void RunFolder::keep_inputs(const std::string& lines) { write_if_absent(path_ / "inputs.jsonl", lines); }

void RunFolder::refuse_mix(const std::vector<std::string>& differing) const {
  if (differing.empty() || resume_ != "auto") return;
  throw ConfigError(
      cat(path_.string(), ": this run was begun with another ", join(differing, ", "),
          "; --resume never begins a new one beside it, --resume force goes on and keeps a note of the mix"));
}

void RunFolder::complete(RunInfo& info, const std::vector<RunModel>& loaded) {
  const bool is_new =
      std::all_of(info.models.begin(), info.models.end(), [](const RunModel& m) { return m.engine.empty(); });
  if (is_new) {
    info.models = loaded;
    write_manifest(path_, info);
    return;
  }
  const std::vector<std::string> differing = differences(info.models, loaded);
  refuse_mix(differing);
  mixed_.insert(mixed_.end(), differing.begin(), differing.end());
}

void RunFolder::reopen(RunInfo& info) {
  RunInfo before = read_manifest(path_);
  mixed_ = differences(before, info);
  refuse_mix(mixed_);
  existing_ = read_records(path_);
  segment_ = next_segment(path_, existing_);
  info = std::move(before);
}

void RunFolder::begin_segment(const RunInfo& now, const std::string& environment_json) {
  const Json line = {
      {"seg", segment_}, {"utc", utc_now()}, {"argv", now.argv}, {"build", build_name()}, {"mixed", mixed_}};
  LineFile segments(path_ / "segments.jsonl");
  segments.append(dump(line, -1));
  segments.sync();
  write_file_atomically(path_ / (segment_ == 0 ? "env.json" : cat("env.s", segment_, ".json")), environment_json);
}

void RunFolder::append(const std::vector<Record>& records) {
  std::string lines;
  for (const Record& r : records) lines += (lines.empty() ? "" : "\n") + to_line(r);
  if (lines.empty()) return;
  records_->append(lines);
  records_->sync();
}

void RunFolder::status(const RunStatus& s) {
  const Json json = {{"state", s.state},
                     {"heartbeat_utc", utc_now()},
                     {"segment", segment_},
                     {"done", s.done},
                     {"total", s.total},
                     {"failed_records", s.failed},
                     {"last_error", s.last_error.empty() ? Json(nullptr) : Json(s.last_error)}};
  write_file_atomically(path_ / "status.json", dump(json, 1) + "\n");
}

void RunFolder::finish(const RunStatus& s, const std::string& marker) {
  status(s);
  std::error_code ignored;  // a marker that is not there
  for (const char* const other : {"DONE", "PARTIAL", "FAILED"}) {
    if (marker != other) fs::remove(path_ / other, ignored);
  }
  write_file_atomically(path_ / marker, "");
}

}  // namespace specula
