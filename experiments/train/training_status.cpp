#include "experiments/train/training_status.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/report/table.h"
#include "experiments/runs/resolved_config.h"
#include "experiments/runs/status_text.h"
#include "experiments/train/training_page.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

FoundRun read_training(const fs::path& folder) {
  return read_folder(folder, [](FoundRun& training) {
    const Json json = Json::parse(read_file(training.folder / "training.json"), nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) throw Error("training.json is no JSON object");
    training.info.experiment = "train " + json.value("kind", "");
    training.info.run_id = json.value("run_id", "");
    training.info.created_utc = json.value("created_utc", "");
    if (fs::exists(training.folder / "config.resolved.toml")) training.config = read_resolved_config(training.folder);
    set_status(read_status(training.folder).value_or(RunStatus{.state = "begun"}), training);
  });
}

// The first line of timing.jsonl, or its last whole one.
Json timing_line(std::ifstream& file, bool is_last) {
  std::string line, found;
  while (std::getline(file, line) && !file.eof()) {
    found = line;
    if (!is_last) break;
  }
  return Json::parse(found, nullptr, /*allow_exceptions=*/false);
}

}  // namespace

std::vector<FoundRun> find_trainings(const fs::path& root) {
  std::vector<FoundRun> found = find_folders(root, "training.json", read_training);
  std::erase_if(found, [](const FoundRun& f) { return !is_training_folder(f.folder); });  // what cannot be looked into
  return found;
}

std::string best_text(const FoundRun& training) {
  if (!fs::exists(training.folder / "metrics.jsonl")) return "";
  const TrainingCurves curves = read_training_curves(training.folder);
  for (const TrainingCurve& curve : curves.held_out) {
    for (const auto& [step, value] : curve.points) {
      if (step == curves.best) return cat("; best after step ", step, ": ", curve.name, " ", fixed(value, 2));
    }
  }
  return "";
}

std::string training_status_text(const FoundRun& training, std::time_t now) {
  if (!training.problem.empty()) return status_text(training, now);
  return cat(training.folder.string(), ": ", training.info.experiment, ", ", status_line(status_of(training), now),
             best_text(training), "\n",
             training.last_error.empty() ? "" : "  last error: " + training.last_error + "\n");
}

std::optional<double> seconds_per_step(const FoundRun& training) {
  std::ifstream file(training.folder / "timing.jsonl");
  const Json first = timing_line(file, false), last = timing_line(file, true);
  if (!first.is_object() || !last.is_object()) return {};
  const double steps = last.value("step", 0.0) - first.value("step", 0.0);
  if (!(steps > 0)) return {};
  return (last.value("elapsed_s", 0.0) - first.value("elapsed_s", 0.0)) / steps;
}

}  // namespace specula
