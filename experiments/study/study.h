// A study: the cells that a configuration file describes, each resolved and checked before the first one runs.
// Without [sweep] it is one cell.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/config/config.h"
#include "experiments/study/sweep.h"

namespace specula {

struct StudyCell {
  std::string label;  // "length=3 temperature=0.7"; "" if nothing is swept
  std::vector<Assignment> set;
  ExperimentConfig config;
};

struct Study {
  bool is_sweep = false;
  std::string name, out;
  SweepKeys keys;
  std::vector<std::string> paths;  // that are swept
  std::vector<StudyCell> cells;    // those of the same models stand together, so that models load once
  int64_t excluded = 0;
  std::vector<std::string> repeated;  // labels of cells that say what an earlier one says; they are left out

  std::filesystem::path folder() const { return std::filesystem::path(out) / name; }
  std::filesystem::path folder_of(const StudyCell& cell) const { return folder() / cell.config.cell; }
};

// Throws ConfigError with every problem of every cell, each once.
Study load_study(const std::filesystem::path& file, const ConfigOverrides& overrides, const Registries& registries);

}  // namespace specula
