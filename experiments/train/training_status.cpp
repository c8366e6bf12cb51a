#include "experiments/train/training_status.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "experiments/report/table.h"
#include "experiments/runs/status_text.h"
#include "experiments/train/training_page.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

// The first figure of the best validation: what it was chosen by.
std::string best_text(const fs::path& folder) {
  if (!fs::exists(folder / "metrics.jsonl")) return "";
  const TrainingCurves curves = read_training_curves(folder);
  for (const TrainingCurve& curve : curves.held_out) {
    for (const auto& [step, value] : curve.points) {
      if (step == curves.best) return cat("; best after step ", step, ": ", curve.name, " ", fixed(value, 2));
    }
  }
  return "";
}

}  // namespace

std::vector<fs::path> find_trainings(const fs::path& folder) {
  if (is_training_folder(folder)) return {folder};
  std::vector<fs::path> found;
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory() && is_training_folder(entry.path())) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string training_status_text(const fs::path& folder, std::time_t now) {
  const auto training = nlohmann::json::parse(read_file(folder / "training.json"), nullptr, /*allow_exceptions=*/false);
  if (!training.is_object()) return cat(folder.string(), ": unreadable: training.json is no JSON object\n");
  const RunStatus status = read_status(folder).value_or(RunStatus{.state = "begun"});
  return cat(folder.string(), ": ", training.value("kind", "training"), ", ", status_line(status, now),
             best_text(folder), "\n", status.last_error.empty() ? "" : "  last error: " + status.last_error + "\n");
}

}  // namespace specula
