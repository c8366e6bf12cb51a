#include <algorithm>
#include <numeric>

#include "experiments/report/summary_cells.h"
#include "framework/core/error.h"

namespace specula {
namespace {

// The first problem of a record with itself, "" if there is none.
std::string kept_equals_text(const Record& r) {
  if (r.replayed) return "";
  const int64_t kept = std::accumulate(r.rounds.kept.begin(), r.rounds.kept.end(), int64_t{0});
  return kept == r.n_out() ? "" : cat("kept ", kept, " tokens, the text has ", r.n_out());
}

std::string kept_is_accepted_plus_one(const Record& r) {
  for (size_t i = 0; i < r.rounds.size(); ++i) {
    const bool cut = static_cast<int>(i) == r.rounds.cut;
    const int whole = r.rounds.accepted[i] + 1;
    if (cut ? r.rounds.kept[i] > whole : r.rounds.kept[i] != whole) {
      return cat("round ", i, " kept ", r.rounds.kept[i], " tokens after accepting ", r.rounds.accepted[i]);
    }
  }
  return "";
}

std::string accepted_within_depth(const Record& r) {
  for (size_t i = 0; i < r.rounds.size(); ++i) {
    if (r.rounds.accepted[i] > r.rounds.depth[i] || r.rounds.depth[i] > r.rounds.drafted[i]) {
      return cat("round ", i, " accepted ", r.rounds.accepted[i], " of depth ", r.rounds.depth[i], ", drafted ",
                 r.rounds.drafted[i]);
    }
  }
  return "";
}

std::string times_ascend(const Record& r) {
  double before = r.prefill_us * r.batch;
  for (const double t : r.rounds.ready_us) {
    if (t + 0.2 < before)
      return cat("a round ends at ", t, " us, after one that ended at ", before, " us");  // rounded to 0.1
    before = t;
  }
  const double end = r.wall_us();
  return before <= end + 0.2 * r.batch ? "" : cat("the last round ends at ", before, " us, decode() at ", end, " us");
}

std::string phases_within_wall(const Record& r) {
  const double phases = std::accumulate(r.phase_us.begin(), r.phase_us.end(), 0.0);
  return phases <= r.e2e_us * 1.001 + 1 ? "" : cat("phases take ", phases, " us of ", r.e2e_us, " us");
}

struct RecordCheck {
  const char* name;
  std::string (*problem)(const Record&);
};

constexpr RecordCheck kChecks[] = {{"kept_equals_text", kept_equals_text},
                                   {"kept_is_accepted_plus_one", kept_is_accepted_plus_one},
                                   {"accepted_within_depth", accepted_within_depth},
                                   {"times_ascend", times_ascend},
                                   {"phases_within_wall", phases_within_wall}};

Check over_records(const RecordCheck& check, const std::string& arm, const std::vector<Record>& records) {
  Check result{.name = check.name, .arm = arm};
  int64_t failed = 0;
  for (const Record& r : records) {
    if (!r.ok || r.key.arm != arm) continue;
    const std::string problem = check.problem(r);
    if (problem.empty()) continue;
    if (++failed == 1)
      result.detail = cat("prompt ", r.key.prompt, " rep ", r.key.rep, " turn ", r.key.turn, ": ", problem);
  }
  result.passed = failed == 0;
  if (failed > 1) result.detail += cat(" (and ", failed - 1, " more records)");
  return result;
}

// Accepted tokens counted by depth, by length and round by round must agree.
Check marginals_add_up(const CellSummary& cell) {
  Check check{.name = "marginals_add_up", .arm = cell.arm};
  int64_t by_depth = 0, by_histogram = 0;
  for (const DepthCounts& d : cell.depths) by_depth += d.accepted;
  for (size_t n = 0; n < cell.accepted_histogram.size(); ++n)
    by_histogram += static_cast<int64_t>(n) * cell.accepted_histogram[n];
  check.passed = by_depth == by_histogram && by_histogram == cell.counts.accepted;
  if (!check.passed)
    check.detail =
        cat("accepted ", by_depth, " by depth, ", by_histogram, " by length, ", cell.counts.accepted, " in all");
  return check;
}

}  // namespace

void add_checks(const RunInfo& run, const RecordSet& set, Summary& summary) {
  for (const ArmInfo& arm : run.arms) {
    for (const RecordCheck& check : kChecks) {
      if (!arm.strategy.empty() && check.problem == kept_is_accepted_plus_one) continue;  // it has no rounds of a rule
      summary.checks.push_back(over_records(check, arm.name, set.records));
    }
    const CellSummary& cell = summary.cell(arm.name, "");
    summary.checks.push_back(marginals_add_up(cell));
    const int64_t seen = cell.counts.records + cell.counts.failed;
    summary.checks.push_back(
        {.name = "complete",
         .arm = arm.name,
         .detail = seen == run.records_per_arm ? "" : cat(seen, " of ", run.records_per_arm, " records"),
         .passed = seen == run.records_per_arm});
  }
  Check unique{.name = "no_duplicates", .passed = set.duplicates.empty()};
  if (!unique.passed) {
    const RecordKey& key = set.duplicates.front();
    unique.detail =
        cat(set.duplicates.size(), " records were written twice, first: ", key.arm, ", prompt ", key.prompt);
  }
  summary.checks.push_back(std::move(unique));
  for (const Check& check : summary.checks) {
    if (!check.passed)
      summary.warnings.push_back(
          cat("check ", check.name, check.arm.empty() ? "" : " of " + check.arm, " failed: ", check.detail));
  }
}

}  // namespace specula
