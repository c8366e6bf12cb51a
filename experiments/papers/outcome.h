// What the checks of papers say, as Markdown: on the screen, and in each paper's README.md.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/papers/paper.h"

namespace specula {

struct PaperOutcome {
  const Paper* paper = nullptr;
  PaperChecks checks{};
  int met() const;
  int missed(bool binding) const;
  std::string verdict() const;
};

std::string checks_table(const PaperOutcome& outcome);                  // a row for each check
std::string outcomes_table(const std::vector<PaperOutcome>& outcomes);  // a row for each paper
std::string papers_table(const std::vector<Paper>& papers);             // what the list of papers says

// Puts a text between the markers of a README.md.  Throws Error where they are missing.
void write_outcome(const std::filesystem::path& readme, const std::string& text);

}  // namespace specula
