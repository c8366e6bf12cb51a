// report.html of a training: every figure of metrics.jsonl along the steps, of the batches and of the held-out texts,
// and what was trained.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace specula {

struct TrainingCurve {
  std::string name;
  std::vector<std::pair<int64_t, double>> points;  // step, value
};

struct TrainingCurves {
  std::vector<TrainingCurve> batches, held_out;  // in the order of the file
  int64_t best = 0;                              // step of the best validation; 0: none
};

bool is_training_folder(const std::filesystem::path& folder);
// Throws Error, naming the line, for a file that is none; a last line that is torn is left out.
TrainingCurves read_training_curves(const std::filesystem::path& folder);

// Of at most `most` points, each the mean of neighbours.
TrainingCurve thinned(const TrainingCurve& curve, size_t most);

// Returns the page's path.  Throws Error.
std::filesystem::path write_training_page(const std::filesystem::path& folder);

}  // namespace specula
