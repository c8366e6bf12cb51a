// The folder of a training, laid out as that of a run: training.json says what it is, config.resolved.toml and
// config.sources what was asked for, env.json where it ran, status.json and a marker how far it came; metrics.jsonl has
// a line for every step and validation, timing.jsonl when they were made, checkpoints/ where it stands, model/ what it
// gave.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/run/file_lock.h"
#include "experiments/run/progress.h"
#include "experiments/run/run_status.h"
#include "experiments/train/train_config.h"
#include "framework/core/files.h"

namespace specula {

struct TrainInfo {
  std::string kind;
  std::vector<std::string> argv;
  // What must be the same for a resume, by the name that an error shows: config, texts, binary, model.<name>.
  std::map<std::string, std::string> identity;
};

class TrainFolder {
 public:
  // resume as for runs: "auto" goes on with a training whose identity is the same and refuses another, "force" goes on
  // whatever differs, "never" takes a new sibling folder <name>.2, .3, ...  Throws Error before anything is written
  // over.
  TrainFolder(const TrainConfig& config, const TrainInfo& info, const std::string& resume);
  TrainFolder(const TrainFolder&) = delete;
  TrainFolder& operator=(const TrainFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path model() const { return path_ / "model"; }
  bool is_done() const;
  void status(const RunStatus& status) const;
  void finish(const RunStatus& status, const std::string& marker) const;  // DONE, PARTIAL or FAILED

 private:
  void keep(const TrainConfig& config, const TrainInfo& info) const;
  void refuse_another(const TrainInfo& info, const std::string& resume) const;

  std::filesystem::path path_;
  std::unique_ptr<FileLock> lock_;
};

// metrics.jsonl and timing.jsonl, the progress line, and the status as it goes on.
class TrainRecorder final : public TrainingLog {
 public:
  // Lines of steps behind `step` were written after the checkpoint that the training goes on from; they are cut off.
  TrainRecorder(const TrainFolder& folder, const TrainingPlan& plan, int64_t tokens_per_step, int64_t step);

  void stepped(const StepReport& report) override;
  void validated(int64_t step, const Figures& figures, bool is_best) override;
  void saving(int64_t step) override;
  void clear() { progress_.clear(); }

 private:
  void note(const std::string& text);

  const TrainFolder& folder_;
  int64_t steps_, tokens_per_step_, first_;
  LineFile metrics_, timing_;
  Progress progress_;
  double start_, heartbeat_;
  std::string validated_;
};

}  // namespace specula
