// What a run prints: markdown tables that can be pasted, and the printer that compare shares.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/summary.h"

namespace specula {

// A markdown table whose columns are padded, so that it reads well as text too.
class MarkdownTable {
 public:
  enum class Align { kLeft, kRight };
  void column(const std::string& title, Align align);
  void row(std::vector<std::string> cells);  // as many as columns
  std::string text() const;                  // lines with '\n'

  const std::vector<std::string>& titles() const { return titles_; }
  const std::vector<Align>& aligns() const { return aligns_; }
  const std::vector<std::vector<std::string>>& rows() const { return rows_; }

 private:
  std::vector<std::string> titles_;
  std::vector<Align> aligns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string fixed(double value, int decimals);        // "–" for NaN
std::string three_digits(double value);               // 1234, 123, 12.3, 1.23; "–" for NaN
std::string with_interval(const Estimate& estimate);  // "1.97 [1.94, 2.00]"
std::string p_text(double p);                         // "0.043", "< 0.001"

// The parts of the result: what the run was, in a line; its arms in the order that the run asks for, and their figures;
// speed-ups by category (no rows where there is but one category or arm); what else must be known of the figures, in
// lines.
std::string header_line(const RunInfo& run);
std::vector<std::string> used_scorers(const RunInfo& run, const Summary& summary);  // their ids
// What scorers and the target in float32 say of the texts, where the run has it: names of metrics.
std::vector<std::string> quality_metrics(const RunInfo& run, const Summary& summary);
std::vector<ArmInfo> sorted_arms(const RunInfo& run, const Summary& summary);
MarkdownTable arms_table(const RunInfo& run, const Summary& summary);
MarkdownTable categories_table(const RunInfo& run, const Summary& summary);
std::string remarks(const RunInfo& run, const Summary& summary);

// Header line, arms, speed-ups by category, where the time goes, warnings.
std::string result_table(const RunInfo& run, const Summary& summary);

}  // namespace specula
