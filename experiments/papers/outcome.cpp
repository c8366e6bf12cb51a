#include "experiments/papers/outcome.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "framework/core/files.h"

namespace specula {
namespace {

const std::string kBegin = "<!-- outcome -->\n", kEnd = "<!-- end -->\n";

std::string number_text(double value) {
  if (std::isnan(value)) return "none";
  if (std::abs(value) < 1e-12) return "0";
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

std::string bounds_text(const PaperCheck& check) {
  const bool has_low = std::isfinite(check.low), has_high = std::isfinite(check.high);
  if (has_low && has_high) {
    const std::string low = number_text(check.low), high = number_text(check.high);
    return low == high ? low : cat(low, " to ", high);
  }
  return has_low ? cat("at least ", number_text(check.low)) : cat("at most ", number_text(check.high));
}

std::string outcome_text(const PaperCheck& check) {
  return cat(check.met() ? "met" : "**missed**", check.binding ? "" : " (not binding)");
}

}  // namespace

int PaperOutcome::met() const {
  return static_cast<int>(std::count_if(checks.begin(), checks.end(), [](const PaperCheck& c) { return c.met(); }));
}

int PaperOutcome::missed(bool binding) const {
  return static_cast<int>(std::count_if(checks.begin(), checks.end(),
                                        [binding](const PaperCheck& c) { return !c.met() && c.binding == binding; }));
}

std::string PaperOutcome::verdict() const {
  if (missed(true) > 0) return "**not reproduced**";
  return missed(false) > 0 ? "reproduced, but for what does not bind" : "reproduced";
}

std::string checks_table(const PaperOutcome& outcome) {
  std::string out = "| claim | source | expected | got | outcome |\n|---|---|--:|--:|---|\n";
  for (const PaperCheck& check : outcome.checks) {
    out += cat("| ", check.claim, " | ", check.source, " | ", bounds_text(check), " | ", number_text(check.got), " | ",
               outcome_text(check), " |\n");
  }
  return out;
}

std::string outcomes_table(const std::vector<PaperOutcome>& outcomes) {
  std::string out = "| paper | checks | met | missed | missed, not binding | outcome |\n|---|--:|--:|--:|--:|---|\n";
  for (const PaperOutcome& one : outcomes) {
    out += cat("| `", one.paper->name, "` | ", one.checks.size(), " | ", one.met(), " | ", one.missed(true), " | ",
               one.missed(false), " | ", one.verdict(), " |\n");
  }
  return out;
}

std::string papers_table(const std::vector<Paper>& papers) {
  std::string out = "| paper | claim | reference |\n|---|---|---|\n";
  for (const Paper& paper : papers)
    out += cat("| [`", paper.name, "`](experiments/papers/", paper.name, "/README.md) | ", paper.claim, " | ",
               paper.reference, " |\n");
  return out;
}

void write_outcome(const std::filesystem::path& readme, const std::string& text) {
  std::string content = read_file(readme);
  const size_t begin = content.find(kBegin);
  const size_t end = begin == std::string::npos ? begin : content.find(kEnd, begin);
  if (end == std::string::npos) {
    throw Error(cat(readme.string(), ": the outcome goes between the lines '", kBegin.substr(0, kBegin.size() - 1),
                    "' and '", kEnd.substr(0, kEnd.size() - 1), "', which it lacks"));
  }
  const size_t from = begin + kBegin.size();
  content.replace(from, end - from, text);
  write_file_atomically(readme, content);
}

}  // namespace specula
