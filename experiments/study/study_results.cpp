#include "experiments/study/study_results.h"

#include "experiments/config/config_tree.h"

namespace specula {
namespace {

// A key that belongs to an arm is a choice; any other is a condition under which choices are compared.
bool is_choice(const std::string& path) {
  const std::string section = path.substr(0, path.find('.'));
  return section == "arm" || is_plugin_key(section);
}

bool concerns(const std::string& path, const std::string& arm) {
  return path.starts_with("arm.") ? path.starts_with("arm." + arm + ".") : is_choice(path);
}

std::string condition_of(const StudyCellResult& cell, const std::vector<std::string>& paths) {
  std::vector<std::string> parts;
  for (const Assignment& set : cell.set) {
    if (!is_choice(set.path)) parts.push_back(cat(short_name(set.path, paths), "=", short_text(set.value)));
  }
  return join(parts, " ");
}

std::string choice_name(const StudyCellResult& cell, const std::string& arm) {
  std::string name = arm;
  for (const Assignment& set : cell.set) {
    const std::string shown = shown_path(set.path);
    if (concerns(set.path, arm)) name += cat(" ", shown.substr(shown.rfind('.') + 1), "=", short_text(set.value));
  }
  return name;
}

struct Setting {
  std::string name;
  std::vector<Choice> choices;
};

// The entry of that name, added at the end if there is none.
template <class Named>
Named& named(std::vector<Named>& list, const std::string& name) {
  for (Named& entry : list) {
    if (entry.name == name) return entry;
  }
  list.push_back({name, {}});
  return list.back();
}

}  // namespace

StudyResult plan_of(const Study& study) {
  const ExperimentConfig& config = study.cells.front().config;
  StudyResult plan{
      .name = study.name, .paths = study.paths, .draws = config.measure.bootstrap, .seed = config.seed, .cells = {}};
  for (const StudyCell& cell : study.cells)
    plan.cells.push_back({.cell = cell.config.cell, .label = cell.label, .set = cell.set});
  return plan;
}

void add_run(const std::filesystem::path& run_folder, Summary summary, StudyCellResult& cell) {
  cell.run = read_manifest(run_folder);
  cell.summary = std::move(summary);
  const RecordSet records = read_records(run_folder);
  for (const ArmInfo& arm : cell.run.arms) {
    if (!arm.baseline && arm.duplicate_of.empty()) cell.times[arm.name] = group_times(cell.run, records, arm.name);
  }
}

Rankings rank_choices(const StudyResult& result) {
  std::vector<Setting> settings;
  for (const StudyCellResult& cell : result.cells) {
    std::vector<Choice>& choices = named(settings, condition_of(cell, result.paths)).choices;
    // A sweep of another arm's key measures a choice again: its times are added.
    for (const auto& [arm, times] : cell.times) add_times(named(choices, choice_name(cell, arm)).times, times);
  }
  Rankings rankings;
  for (Setting& setting : settings)
    rankings.emplace_back(setting.name, rank(std::move(setting.choices), result.draws, result.seed));
  return rankings;
}

}  // namespace specula
