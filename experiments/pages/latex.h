// The same tables for papers: booktabs tabulars, and one macro for each figure, so that a paper never holds a number
// that somebody typed.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "experiments/pages/tables.h"

namespace specula {

std::string latex_escaped(const std::string& text);

// Names of macros have letters only: words begin with a capital, digits are spelled, all else separates words
// ("sps-g4" is SpsGFour).  A name that was given before gets B, C, ... at its end.
class MacroNames {
 public:
  std::string name(const std::vector<std::string>& words);

 private:
  std::set<std::string> given_;
};

std::string latex_table(const RunInfo& run, const ReportTable& table);
std::string latex_numbers(const Report& report);

// Writes tables/*.tex into the run folder; returns their paths.
std::vector<std::filesystem::path> write_latex(const std::filesystem::path& run_folder, const Report& report);

}  // namespace specula
