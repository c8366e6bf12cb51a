#include "experiments/study/study_results.h"

#include <algorithm>

namespace specula {
namespace {

// A key that belongs to an arm is a choice; any other is a condition under which choices are compared.
bool is_choice(const std::string& path) {
  return path.starts_with("arm.") || path.starts_with("drafter.") || path.starts_with("verifier.") ||
         path.starts_with("strategy.");
}

bool concerns(const std::string& path, const std::string& arm) {
  return path.starts_with("arm.") ? path.starts_with("arm." + arm + ".") : is_choice(path);
}

}  // namespace

StudyCellResult describe(const StudyCell& cell, const CellState& state) {
  return {.cell = cell.config.cell,
          .label = cell.label,
          .set = cell.set,
          .state = state,
          .run = {},
          .summary = {},
          .times = {}};
}

StudyResult read_results(const Study& study, const std::vector<CellState>& states) {
  StudyResult result{.name = study.name, .paths = study.paths, .cells = {}};
  for (size_t i = 0; i < study.cells.size(); ++i) {
    const StudyCell& cell = study.cells[i];
    StudyCellResult row = describe(cell, states[i]);
    if (row.state.state != "waiting" && std::filesystem::exists(study.folder_of(cell) / "manifest.json")) {
      row.run = read_manifest(study.folder_of(cell));
      const RecordSet records = read_records(study.folder_of(cell));
      row.summary = summarize(row.run, records);
      for (const ArmInfo& arm : row.run.arms) {
        if (!arm.baseline) row.times[arm.name] = group_times(row.run, records, arm.name);
      }
    }
    result.cells.push_back(std::move(row));
  }
  return result;
}

std::vector<std::pair<std::string, std::vector<Ranked>>> rank_choices(const StudyResult& result) {
  std::vector<std::pair<std::string, std::vector<Choice>>> conditions;
  const auto find_or_add = [](auto& list, const std::string& name) -> auto& {
    for (auto& entry : list) {
      if (entry.first == name) return entry.second;
    }
    list.emplace_back(name, typename std::decay_t<decltype(list)>::value_type::second_type{});
    return list.back().second;
  };
  for (const StudyCellResult& cell : result.cells) {
    std::vector<std::string> condition;
    for (const Assignment& set : cell.set) {
      if (!is_choice(set.path))
        condition.push_back(cat(short_name(set.path, result.paths), "=", short_text(set.value)));
    }
    std::vector<Choice>& choices = find_or_add(conditions, join(condition, " "));
    for (const auto& [arm, times] : cell.times) {
      std::string name = arm;
      for (const Assignment& set : cell.set) {
        const std::string shown = shown_path(set.path);
        if (concerns(set.path, arm)) name += cat(" ", shown.substr(shown.rfind('.') + 1), "=", short_text(set.value));
      }
      const auto same =
          std::find_if(choices.begin(), choices.end(), [&name](const Choice& choice) { return choice.name == name; });
      if (same == choices.end()) {
        choices.push_back({name, times});
      } else {
        add_times(same->times, times);  // a sweep of another arm's key measured it again
      }
    }
  }
  const int draws = result.cells.front().run.bootstrap;
  std::vector<std::pair<std::string, std::vector<Ranked>>> rankings;
  for (auto& [condition, choices] : conditions)
    rankings.emplace_back(condition, rank(std::move(choices), draws, result.cells.front().run.seed));
  return rankings;
}

}  // namespace specula
