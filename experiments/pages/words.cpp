// What a report says in sentences: the verdict, the warnings, how to run it again.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "experiments/pages/markup.h"
#include "experiments/pages/report.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kMostFailures = 10;  // reasons that are told

// What no decoder can reach: an oracle is not billed for its drafts, synthetic acceptance writes no text of the target.
bool is_instrument(const ArmInfo& arm) {
  return arm.drafter.starts_with("oracle") || arm.verifier.find("synthetic") != std::string::npos;
}

std::string times(const Estimate& e) { return with_interval(e); }

struct Speeds {
  int64_t arms = 0, faster = 0, slower = 0, unclear = 0, unmeasured = 0;
  const Comparison* fastest = nullptr;  // of the faster ones, instruments left out
  const Comparison* bound = nullptr;    // the fastest instrument
};

Speeds speeds_of(const Report& report) {
  Speeds s;
  for (const ArmInfo& arm : report.arms) {
    const Comparison* const c = report.summary.comparison(arm.name);
    if (c == nullptr) continue;
    const bool measured = std::isfinite(c->ratio.value);
    if (is_instrument(arm)) {
      if (measured && (s.bound == nullptr || c->ratio.value > s.bound->ratio.value)) s.bound = c;
      continue;
    }
    ++s.arms;
    s.unmeasured += measured ? 0 : 1;
    s.faster += c->verdict == "faster" ? 1 : 0;
    s.slower += c->verdict == "slower" ? 1 : 0;
    s.unclear += measured && c->verdict == "~" ? 1 : 0;
    if (c->verdict == "faster" && (s.fastest == nullptr || c->ratio.value > s.fastest->ratio.value)) s.fastest = c;
  }
  return s;
}

std::string counts_text(const Speeds& s) {
  std::vector<std::string> parts;
  const auto add = [&](int64_t count, const char* what) {
    if (count > 0) parts.push_back(cat(count, what));
  };
  add(s.faster, " faster");
  add(s.slower, " slower");
  add(s.unclear, " without a shown difference");
  add(s.unmeasured, " not measured");
  return cat("Of ", s.arms, s.arms == 1 ? " arm: " : " arms: ", join(parts), ".");
}

std::string speed_text(const Report& report) {
  const std::string& base = report.run.baseline().name;
  const Speeds s = speeds_of(report);
  std::string text;
  if (s.fastest != nullptr) {
    text = cat(s.fastest->arm, " is the fastest arm: ", times(s.fastest->ratio), " times the speed of ", base, ". ");
  } else if (s.arms > 0) {
    text = cat("No arm is shown to be faster than ", base, ". ");
  }
  if (s.arms > 0) text += counts_text(s);
  if (s.bound != nullptr) {
    text += cat(text.empty() ? "" : " ", "The instrument ", s.bound->arm, " shows ", times(s.bound->ratio),
                ", which is a bound and no decoder.");
  }
  return text;
}

// Whether texts equal the baseline's, where that is promised.
std::string text_text(const Report& report) {
  int64_t compared = 0, different = 0;
  for (const ArmInfo& arm : report.arms) {
    if (arm.baseline || !report.run.promises_same_text(arm)) continue;
    for (const Record& r : report.records.records) {
      if (r.key.trace || r.key.arm != arm.name || !r.exact) continue;
      ++compared;
      different += *r.exact ? 0 : 1;
    }
  }
  if (compared == 0) return "";
  if (different == 0)
    return cat(" All ", compared, " texts that promise it equal those of ", report.run.baseline().name, ".");
  return cat(" ", different, " of ", compared, " texts that promise to equal those of ", report.run.baseline().name,
             " differ.");
}

// "lookup: 3 records failed, the first on prompt p0 (repetition 0, turn 0): out of memory", for each reason.
void add_failures(const Report& report, std::vector<std::string>& all) {
  struct Failure {
    const Record* first;
    int64_t count;
  };
  std::vector<Failure> failures;
  for (const Record& r : report.records.records) {
    if (r.ok) continue;
    const auto same = std::find_if(failures.begin(), failures.end(), [&](const Failure& f) {
      return f.first->key.arm == r.key.arm && f.first->error == r.error;
    });
    if (same == failures.end()) {
      failures.push_back({&r, 1});
    } else {
      ++same->count;
    }
  }
  for (size_t i = 0; i < std::min(failures.size(), kMostFailures); ++i) {
    const Record& r = *failures[i].first;
    all.push_back(cat(r.key.arm, ": ", failures[i].count, failures[i].count == 1 ? " record" : " records",
                      " failed, the first on prompt ", r.key.prompt, " (", r.key.trace ? "fenced pass, " : "",
                      "repetition ", r.key.rep, ", turn ", r.key.turn,
                      "): ", r.error.empty() ? "no reason was kept" : r.error));
  }
  if (failures.size() > kMostFailures)
    all.push_back(cat(failures.size() - kMostFailures, " more reasons of failures; records/ has them"));
}

void add_missing_arms(const Report& report, std::vector<std::string>& all) {
  for (const ArmInfo& arm : report.arms) {
    const Counts& counts = report.cell(arm).counts;
    if (counts.records == 0)
      all.push_back(cat(arm.name, " has no successful record: its figures are missing everywhere"));
  }
}

}  // namespace

std::string verdict(const Report& report) {
  const std::string& base = report.run.baseline().name;
  if (report.replayed()) {
    return cat("Recorded rounds, judged again in ", report.run.arms.size(),
               " arms: what they accept can be compared, times there are none.");
  }
  const Estimate& speed = report.summary.cell(base, "").at("e2e_tok_s");
  if (!std::isfinite(speed.value))
    return cat("The baseline ", base, " has no successful record: nothing can be compared.");
  const std::string compared = speed_text(report);
  if (compared.empty())
    return cat(base, " decodes ", three_digits(speed.value), " tokens a second; there is no arm to compare it with.");
  return compared + text_text(report);
}

std::vector<std::string> warnings(const Report& report) {
  std::vector<std::string> all;
  if (!report.state.empty() && report.state != "done")
    all.push_back(cat("the run is not complete (", report.state, "): figures are those of the records that are there"));
  add_missing_arms(report, all);
  all.insert(all.end(), report.summary.warnings.begin(), report.summary.warnings.end());
  all.insert(all.end(), report.summary.excluded.begin(), report.summary.excluded.end());
  add_failures(report, all);
  all.insert(all.end(), report.environment_warnings.begin(), report.environment_warnings.end());
  if (report.records.superseded > 0)
    all.push_back(cat(report.records.superseded, " failed attempts were replaced by later ones"));
  return all;
}

std::vector<std::string> result_remarks(const Report& report) {
  std::vector<std::string> lines;
  std::istringstream text(remarks(report.run, report.summary));
  for (std::string line; std::getline(text, line);) {
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

std::string rerun_command(const RunInfo& run) {
  std::string text = "cd " + shell_quoted(run.cwd) + "\n";
  for (size_t i = 0; i < run.argv.size(); ++i) text += (i == 0 ? "" : " ") + shell_quoted(run.argv[i]);
  return text + "\n";
}

}  // namespace specula
