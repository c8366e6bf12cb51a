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

 private:
  std::vector<std::string> titles_;
  std::vector<Align> aligns_;
  std::vector<std::vector<std::string>> rows_;
};

std::string fixed(double value, int decimals);        // "–" for NaN
std::string three_digits(double value);               // 1234, 123, 12.3, 1.23; "–" for NaN
std::string with_interval(const Estimate& estimate);  // "1.97 [1.94, 2.00]"

// Header line, arms, speed-ups by category, where the time goes, warnings.
std::string result_table(const RunInfo& run, const Summary& summary);

}  // namespace specula
