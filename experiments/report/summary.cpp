#include "experiments/report/summary.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "experiments/report/acceptance_profile.h"
#include "experiments/report/paired_speed.h"
#include "experiments/report/summary_cells.h"
#include "experiments/report/text_metrics.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/parallel.h"

namespace specula {
namespace {

std::vector<std::string> categories_of(const std::vector<Record>& records) {
  std::vector<std::string> names;  // in the order of their first record
  for (const Record& r : records) {
    if (!r.key.trace && std::find(names.begin(), names.end(), r.category) == names.end()) names.push_back(r.category);
  }
  std::sort(names.begin(), names.end());  // arms run in random order, so file order says nothing
  return names;
}

// Index of each group that has a record in the category, over all arms, so that arms share their resamples.
std::map<std::string, uint32_t> groups_of(const std::vector<Record>& records, const std::string& category) {
  std::set<std::string> names;
  for (const Record& r : records) {
    if (!r.key.trace && (category.empty() || r.category == category)) names.insert(r.group);
  }
  std::map<std::string, uint32_t> index;
  for (const std::string& name : names) index.emplace(name, static_cast<uint32_t>(index.size()));
  return index;
}

struct Level {
  std::string category;
  std::map<std::string, uint32_t> groups;
  Bootstrap bootstrap;
};

Slice slice_of(const std::vector<Record>& records, const PairedRecords& paired, const std::string& arm,
               const Level& level) {
  Slice slice;
  for (const Record& r : records) {
    if (!r.ok || r.key.trace || r.key.arm != arm || (!level.category.empty() && r.category != level.category)) continue;
    slice.records.push_back(&r);
    slice.reference.push_back(paired.of(r));
    slice.groups.push_back(level.groups.at(r.group));
  }
  return slice;
}

// Of a batch the time is shared out equally, whatever the categories of its texts: of one category there is no speed.
void drop_speeds_of_batches(const RunInfo& run, CellSummary& cell) {
  if (run.batch == 1 || cell.category.empty()) return;
  for (NamedEstimate& m : cell.metrics) {
    for (const char* const name : {"speedup", "speedup_decode", "speedup_geomean", "e2e_tok_s", "decode_tok_s",
                                   "usd_per_mtok", "mbu_frac", "mfu_frac", "j_per_tok", "j_per_tok_net"}) {
      if (m.name == name) m.estimate = {.why = "batches_mix_categories"};
    }
  }
}

// All categories first, then each.
std::vector<Level> levels_of(const RunInfo& run, const std::vector<Record>& records,
                             const std::vector<std::string>& categories) {
  std::vector<std::string> names = {""};
  names.insert(names.end(), categories.begin(), categories.end());
  std::vector<std::optional<Level>> made(names.size());
  for_each_index(names.size(), [&](size_t i) {
    auto groups = groups_of(records, names[i]);
    const size_t size = groups.size();
    made[i].emplace(Level{names[i], std::move(groups), Bootstrap(size, run.bootstrap, run.seed)});
  });
  std::vector<Level> levels;
  for (std::optional<Level>& level : made) levels.push_back(std::move(*level));
  return levels;
}

// One cell: cells share nothing, so threads take them in turn.
struct CellWork {
  const ArmInfo* arm;
  const Level* level;
  Slice slice{};
  CellSummary cell{};
};

std::vector<CellWork> work_of_cells(const RunInfo& run, const std::vector<Level>& levels) {
  std::vector<CellWork> work;
  for (const ArmInfo& arm : run.arms) {
    for (const Level& level : levels) work.push_back({.arm = &arm, .level = &level});
  }
  return work;
}

void summarize_cell(const RunInfo& run, const std::vector<Record>& records, const PairedRecords& baseline,
                    CellWork& work) {
  const ArmInfo& arm = *work.arm;
  const Level& level = *work.level;
  work.slice = slice_of(records, baseline, arm.name, level);
  CellSummary& cell = work.cell;
  cell.arm = arm.name;
  cell.category = level.category;
  std::set<std::string> prompts;
  for (const Record* r : work.slice.records) prompts.insert(r->key.prompt);
  cell.num_prompts = static_cast<int64_t>(prompts.size());
  add_acceptance_counts(work.slice, cell);
  for (const Record& r : records) {
    const bool here = level.category.empty() || r.category == level.category;
    cell.counts.failed += !r.ok && !r.key.trace && r.key.arm == arm.name && here ? 1 : 0;
  }
  add_speedups(work.slice, level.bootstrap, cell);
  add_rates(arm, work.slice, level.bootstrap, cell);
  add_distinct_metrics(work.slice, cell);
  add_percentiles(work.slice, level.bootstrap, cell);
  add_scores(arm, work.slice, level.bootstrap, cell);
  add_likelihoods(arm, work.slice, level.bootstrap, cell);
  add_cost_metrics(run, arm, work.slice, level.bootstrap, cell);
  add_energy(run, work.slice, level.bootstrap, cell);
  drop_speeds_of_batches(run, cell);
}

void note_unpaired(const ArmInfo& arm, const Slice& slice, Summary& summary) {
  const auto unpaired = std::count(slice.reference.begin(), slice.reference.end(), nullptr);
  if (unpaired == 0) return;
  summary.excluded.push_back(cat(arm.name, ": ", unpaired, " of ", slice.records.size(),
                                 " records have no baseline record in the same segment and are left out of speed-ups"));
}

// Percentile intervals over a handful of batches are too narrow.
void note_few_batches(const RunInfo& run, const Level& level, Summary& summary) {
  constexpr size_t kFew = 8;
  if (run.batch == 1 || level.groups.size() >= kFew) return;
  summary.warnings.push_back(cat("the speeds rest on ", level.groups.size(), " batches of ", run.batch,
                                 " prompts; intervals over fewer than ", kFew, " are too narrow"));
}

void note_differences(const RunInfo& run, const ArmInfo& arm, const Slice& slice, Summary& summary) {
  int64_t different = 0, compared = 0;
  double largest = 0;
  for (const Record* r : slice.records) {
    compared += r->exact.has_value() ? 1 : 0;
    different += r->exact.has_value() && !*r->exact ? 1 : 0;
    largest = std::max(largest, r->margin_nats.value_or(0));
  }
  if (different == 0 || !run.promises_same_text(arm)) return;
  summary.warnings.push_back(cat(arm.name, ": ", different, " of ", compared, " records differ from ",
                                 run.baseline().name, run.one_hot ? cat(", largest margin ", largest, " nats") : ""));
}

// Where rows depend on their neighbours, equality of texts is no promise any more.
void note_variance(const RunInfo& run, Summary& summary) {
  for (const RunModel& m : run.models) {
    const bool is_target =
        std::any_of(run.arms.begin(), run.arms.end(), [&](const ArmInfo& arm) { return arm.target == m.name; });
    if (!is_target || m.batch_invariant()) continue;
    std::vector<std::string> lost;
    for (const auto& [property, held] : m.invariance) {
      if (!held) lost.push_back(property);
    }
    summary.warnings.push_back(cat("batch invariance does not hold on ", m.name, " (", m.engine, "; ", join(lost),
                                   "): texts may differ from the baseline's where two logits nearly tie"));
  }
}

// An arm that never drafted is the baseline under another name, whatever its speed-up.
void note_empty_drafts(const ArmInfo& arm, const Slice& slice, Summary& summary) {
  const auto drafted = [](const Record* r) {
    return std::any_of(r->rounds.drafted.begin(), r->rounds.drafted.end(), [](int n) { return n > 0; });
  };
  if (slice.records.empty() || arm.drafter == "none" || !arm.strategy.empty() ||
      std::any_of(slice.records.begin(), slice.records.end(), drafted))
    return;
  summary.warnings.push_back(cat(arm.name, ": nothing was drafted in any of ", slice.records.size(), " records"));
}

// What such an arm drafts depends on the prompts that its process saw before.
void note_learning(const RunInfo& run, const ArmInfo& arm, Summary& summary) {
  if (run.shards == 1 || arm.state != "run") return;
  summary.warnings.push_back(
      cat(arm.name, ": learns from one prompt for the next, and began anew in each of ", run.shards, " shards"));
}

}  // namespace

const Estimate& CellSummary::at(const std::string& metric) const {
  static const Estimate kNone{.why = "not_computed"};
  for (const NamedEstimate& m : metrics) {
    if (m.name == metric) return m.estimate;
  }
  return kNone;
}

CellSummary& Summary::cell(const std::string& arm, const std::string& category) {
  for (CellSummary& c : cells) {
    if (c.arm == arm && c.category == category) return c;
  }
  SPECULA_CHECK(false, "no cell for arm '", arm, "', category '", category, "'");
}

const CellSummary& Summary::cell(const std::string& arm, const std::string& category) const {
  return const_cast<Summary*>(this)->cell(arm, category);
}

const Comparison* Summary::comparison(const std::string& arm) const {
  for (const Comparison& c : comparisons) {
    if (c.arm == arm) return &c;
  }
  return nullptr;
}

Summary summarize(const RunInfo& run, const RecordSet& set) {
  Summary summary;
  summary.warnings = run.mixed;
  note_variance(run, summary);
  summary.categories = categories_of(set.records);
  const std::vector<Level> levels = levels_of(run, set.records, summary.categories);
  note_few_batches(run, levels.front(), summary);
  const PairedRecords baseline(run.baseline().name, set.records);
  std::vector<CellWork> work = work_of_cells(run, levels);
  for_each_index(work.size(), [&](size_t i) { summarize_cell(run, set.records, baseline, work[i]); });
  for (CellWork& w : work) {
    const ArmInfo& arm = *w.arm;
    summary.cells.push_back(std::move(w.cell));
    if (!w.level->category.empty() || arm.baseline) continue;
    if (arm.duplicate_of.empty()) {
      const Estimate& speedup = summary.cells.back().at("speedup");
      summary.comparisons.push_back(compare_with_reference(arm, run.baseline().name, w.slice, speedup));
    } else {
      const PairedRecords original(arm.duplicate_of, set.records);
      add_duplicate(arm, slice_of(set.records, original, arm.name, *w.level), w.level->bootstrap, summary);
    }
    note_unpaired(arm, w.slice, summary);
    note_differences(run, arm, w.slice, summary);
    note_empty_drafts(arm, w.slice, summary);
    note_learning(run, arm, summary);
  }
  adjust_comparisons(summary.comparisons);
  add_traces(run, set.records, summary);
  add_break_even(run, set.records, summary);
  add_checks(run, set, summary);
  if (run.one_hot && run.repetitions > 1)
    summary.warnings.emplace_back("temperature 0: repetitions repeat the timing, not the text");
  check_expectations(run, summary);
  return summary;
}

void write_summary(const std::filesystem::path& run_folder, const RunInfo& run, const Summary& summary) {
  write_file_atomically(run_folder / "summary.json", summary_json(run, summary));
  write_file_atomically(run_folder / "summary.csv", summary_csv(summary));
  write_file_atomically(run_folder / "speculation_profile.json", acceptance_profile_json(run, summary));
}

Summary rebuild_summary(const std::filesystem::path& run_folder) {
  const RunInfo run = read_manifest(run_folder);
  Summary summary = summarize(run, read_records(run_folder));
  write_summary(run_folder, run, summary);
  return summary;
}

}  // namespace specula
