#include "experiments/runs/status_text.h"

#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

std::string status_lines(const RunStatus& status, std::time_t now) {
  return cat(status_line(status, now), "\n",
             status.last_error.empty() ? "" : "  last error: " + status.last_error + "\n");
}

}  // namespace

std::string status_line(const RunStatus& status, std::time_t now) {
  std::string text = status.state;
  if (status.total > 0) {
    const double share = 100.0 * static_cast<double>(status.done) / static_cast<double>(status.total);
    text += cat(", ", status.done, " of ", status.total, " (", fixed(share, 0), "%)");
  }
  if (status.failed > 0) text += cat(", ", status.failed, " records failed");
  const std::string age = age_text(seconds_since(status.heartbeat_utc, now));
  if (is_stale(status, now)) {
    text += cat(", stale: no heartbeat for ", age);
  } else if (!status.heartbeat_utc.empty()) {
    text += cat(", heartbeat ", age, " ago");
  }
  return text;
}

RunStatus status_of(const FoundRun& run) {
  return {.state = run.state,
          .done = run.done,
          .total = run.total,
          .failed = run.failed_records,
          .last_error = run.shards.empty() ? run.last_error : "",
          .heartbeat_utc = run.heartbeat_utc};
}

std::string status_text(const FoundRun& run, std::time_t now) {
  if (!run.problem.empty()) return cat(run.folder.string(), ": unreadable: ", run.problem, "\n");
  std::string text = cat(run.folder.string(), ": ", status_lines(status_of(run), now));
  for (const auto& [shard, of_shard] : run.shards)
    text += cat("  shard ", shard.text(), ": ", status_lines(of_shard, now));
  return text;
}

}  // namespace specula
