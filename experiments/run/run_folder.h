// The folder of a run: opened new, or opened again to be finished.  Nothing that is there is ever overwritten but
// status.json, the derived files and the DONE | PARTIAL | FAILED markers.  Shards of a run share its folder; each
// writes its own records and a folder of its own below it, and the manifest is that of whichever came first.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "experiments/config/config.h"
#include "experiments/run/file_lock.h"
#include "experiments/run/manifest.h"
#include "experiments/run/records.h"
#include "experiments/run/run_status.h"
#include "experiments/run/shard.h"
#include "framework/core/files.h"

namespace specula {

class RunFolder {
 public:
  // resume "auto": finishes a run whose identity is the same, and refuses another with the differing fields named;
  // "force": goes on whatever differs and keeps a note of the mix; "never": takes a new sibling folder <cell>.2, .3,
  // ... Throws Error (exit status 2 for a refusal) before anything is written over.  `info` becomes what the manifest
  // says.  A run that was begun with another number of shards is refused in any case.
  RunFolder(const ExperimentConfig& config, RunInfo& info, const std::string& resume, const Shard& shard = {});
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  const std::filesystem::path& own() const { return own_; }  // what no other shard writes to; else path()
  int segment() const { return segment_; }
  const RecordSet& existing() const { return existing_; }

  // What was found of the models after loading: completes the manifest and `info` where they do not hold it yet, and
  // otherwise compares as the constructor does.  Throws ConfigError for a refusal.
  void complete(RunInfo& info, const std::vector<RunModel>& loaded);
  // A new segment begins: notes it, and with it what differs from the first.
  void begin_segment(const RunInfo& now, const std::string& environment_json);
  void keep_inputs(const std::string& lines);                       // inputs.jsonl
  void append(const std::vector<Record>& records);                  // one write(2), then fdatasync
  void status(const RunStatus& status);                             // status.json
  void finish(const RunStatus& status, const std::string& marker);  // also the marker file: DONE, PARTIAL or FAILED

 private:
  void open_manifest(RunInfo& info);
  void keep_sources(const ExperimentConfig& config, const RunInfo& info);
  void take_own();
  std::filesystem::path shared_lock() const { return path_ / "records" / ".manifest.lock"; }
  void refuse_mix(const std::vector<std::string>& differing) const;

  std::filesystem::path path_, own_;
  std::string resume_;
  Shard shard_;
  int segment_ = 0;
  std::unique_ptr<FileLock> lock_;
  std::vector<std::string> mixed_;
  RecordSet existing_;
  std::unique_ptr<LineFile> records_;
};

}  // namespace specula
