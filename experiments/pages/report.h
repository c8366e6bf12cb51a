// All that a report of one run is made of, read once from its folder.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "experiments/report/summary.h"
#include "experiments/report/tested_tokens.h"

namespace specula {

// What one arm made of one prompt, over the turns and repetitions that are paired with the baseline's.
struct PromptCell {
  double tokens = 0, time_us = 0, base_tokens = 0, base_time_us = 0;
  int64_t different = 0;  // texts that are not the baseline's
  int64_t failed = 0;     // records
  bool paired() const { return tokens > 0 && base_tokens > 0 && time_us > 0 && base_time_us > 0; }
  double us_per_token() const { return time_us / tokens; }
  double base_us_per_token() const { return base_time_us / base_tokens; }
  double speedup() const { return base_us_per_token() / us_per_token(); }
};

struct PromptRow {
  std::string prompt, category;
  std::vector<PromptCell> arms;  // as Report::arms
};

struct Report {
  RunInfo run;
  RecordSet records;
  Summary summary;
  std::vector<ArmInfo> arms;       // in the order of the result's table
  std::vector<PromptRow> prompts;  // in the order of their first record
  std::string state;               // of status.json: "done", "interrupted, 3 of 12 units"; empty: it is not there
  std::vector<std::pair<std::string, std::string>> environment;  // of env.json: what, value
  std::vector<std::string> environment_warnings;
  std::map<std::string, TestedTokens>
      tested;  // by arm, of those that draft; empty where no distributions were recorded

  const CellSummary& cell(const ArmInfo& arm) const { return summary.cell(arm.name, ""); }
  bool replayed() const;  // rounds that were judged again: there are no times
};

// Throws Error (exit status 2 where it is not a run folder) for a folder that cannot be read or has no records yet.
Report read_report(const std::filesystem::path& run_folder);
// The same with a summary that was made just now.
Report read_report(const std::filesystem::path& run_folder, Summary summary);

// A code of the summary ("tree_draft") as a reader takes it: "drafts are trees".
std::string reason_text(const std::string& why);

// The texts of a report, each a pure function.
std::string verdict(const Report& report);
std::vector<std::string> warnings(const Report& report);        // and what was left out; empty: nothing is the matter
std::vector<std::string> result_remarks(const Report& report);  // lines that belong beside the result's table
std::string rerun_command(const RunInfo& run);

std::string report_html(const Report& report);
std::string report_markdown(const Report& report);

// Writes report.html into the run folder; returns its path.
std::filesystem::path write_page(const std::filesystem::path& run_folder, const Report& report);

}  // namespace specula
