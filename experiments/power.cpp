#include "experiments/power.h"

#include <cmath>
#include <set>

#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/run/run_plan.h"
#include "framework/core/error.h"

namespace specula {
namespace {

std::string percent(double frac) { return three_digits(100 * frac) + "%"; }

size_t groups_of(const ExperimentConfig& config) {
  std::set<std::string> groups;
  for (const Prompt& prompt : make_plan(config).prompts) groups.insert(prompt.group);
  return groups.size();
}

size_t groups_of(const RecordSet& set) {
  std::set<std::string> groups;
  for (const Record& r : set.records) {
    if (r.ok && !r.key.trace) groups.insert(r.group);
  }
  return groups.size();
}

}  // namespace

std::string power_text(const ExperimentConfig& config, const std::filesystem::path& pilot, double effect) {
  const RunInfo run = read_manifest(pilot);
  const RecordSet records = read_records(pilot);
  const Summary summary = summarize(run, records);
  const auto had = static_cast<double>(groups_of(records)), has = static_cast<double>(groups_of(config));
  using enum MarkdownTable::Align;
  MarkdownTable table;
  for (const char* const title : {"arm", "against"}) table.column(title, kLeft);
  table.column(cat("shown by ", had, " groups"), kRight);
  table.column(cat("groups for ", percent(effect)), kRight);
  table.column(cat("shown by the plan's ", has), kRight);
  std::vector<Comparison> all = summary.comparisons;
  all.insert(all.end(), summary.duplicates.begin(), summary.duplicates.end());
  for (const Comparison& c : all) {
    if (!std::isfinite(c.detectable_frac)) continue;
    // The interval narrows with the root of the number of groups.
    const double needed = std::ceil(had * std::pow(c.detectable_frac / effect, 2) * (1 - 1e-9));  // 300, not 301
    table.row({c.arm, c.reference, percent(c.detectable_frac), fixed(std::max(needed, 2.0), 0),
               percent(c.detectable_frac * std::sqrt(had / has))});
  }
  if (table.rows().empty())
    throw Error(
        cat("--pilot ", pilot.string(), ": no arm has an interval to plan from; it takes two groups of prompts"));
  std::string text =
      cat("Differences shown with 80 % power at level .05, from the scatter of ", run.run_id, ":\n\n", table.text());
  if (run.repetitions != config.measure.repetitions)
    text += cat("! the pilot has ", run.repetitions, " repetitions, the plan ", config.measure.repetitions,
                ": more of them narrow what is shown\n");
  if (summary.comparisons.size() > 1)
    text += cat("Holm over ", summary.comparisons.size(), " arms asks for more in the worst case: level .05/",
                summary.comparisons.size(), ".\n");
  return text;
}

}  // namespace specula
