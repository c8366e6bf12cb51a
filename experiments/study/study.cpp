#include "experiments/study/study.h"

#include <algorithm>
#include <set>

#include "experiments/config/config_reader.h"
#include "experiments/run/run_arm.h"
#include "experiments/study/condition.h"

namespace specula {
namespace {

// Cells that load the same models, in the order of their first.
void put_same_models_together(std::vector<StudyCell>& cells) {
  std::vector<std::string> order;
  const auto place = [&](const StudyCell& cell) {
    return std::find(order.begin(), order.end(), models_key(cell.config)) - order.begin();
  };
  for (const StudyCell& cell : cells) {
    if (place(cell) == static_cast<ptrdiff_t>(order.size())) order.push_back(models_key(cell.config));
  }
  std::stable_sort(cells.begin(), cells.end(),
                   [&](const StudyCell& a, const StudyCell& b) { return place(a) < place(b); });
}

class StudyReader {
 public:
  StudyReader(ConfigTree tree, const ConfigOverrides& overrides, const Registries& registries)
      : tree_(std::move(tree)), overrides_(overrides), registries_(registries) {}

  Study read() {
    Study study;
    Problems problems;
    apply_overrides(tree_.root, overrides_, problems);
    throw_if_any(problems, tree_.sources);
    study.is_sweep = tree_.root.find("sweep") != nullptr || !overrides_.sweeps.empty();
    if (!study.is_sweep) {
      study.cells.push_back(
          {.label = "", .set = {}, .config = resolve_config(tree_, overrides_.arms, registries_, known_, problems)});
    } else {
      read_sweep(study, problems);
    }
    throw_if_any(problems, tree_.sources);
    name(study);
    return study;
  }

 private:
  void read_sweep(Study& study, Problems& problems) {
    Sweep sweep = take_sweep(tree_.root, overrides_.sweeps, overrides_.sets);
    study.keys = sweep.keys;
    study.paths = sweep.paths;
    for (const std::string& text : sweep.keys.exclude) conditions_.emplace_back(text, sweep.origin);
    for (SweepPoint& point : sweep.points) {
      StudyCell cell{.label = label_of(point, sweep.paths), .set = std::move(point.set), .config = {}};
      Problems own;
      if (read_cell(cell, own)) {
        study.cells.push_back(std::move(cell));
        problems.lines.insert(problems.lines.end(), own.lines.begin(), own.lines.end());
      } else {
        ++study.excluded;
      }
    }
    if (study.cells.empty() && problems.lines.empty())
      throw ConfigError(cat(sweep.origin, ": [sweep] leaves no cell; ", study.excluded, " are excluded"));
  }

  // False: the cell is excluded, whatever else is wrong with it.
  bool read_cell(StudyCell& cell, Problems& problems) {
    ConfigTree tree = tree_;
    try {
      for (const Assignment& set : cell.set) apply_value(tree.root, set.path, set.value);
    } catch (const ConfigError& e) {
      problems.add_lines(e.what());
      return true;
    }
    cell.config = resolve_config(tree, overrides_.arms, registries_, known_, problems);
    const auto lookup = [&](const std::string& path, const std::string& origin) {
      if (auto value = find_value(tree.root, path, origin)) return *value;
      if (auto value = find_value(cell.config.resolved, path, origin)) return *value;
      throw ConfigError(cat(origin, ": exclude: there is no key '", path, "'"));
    };
    return std::none_of(conditions_.begin(), conditions_.end(),
                        [&](const Condition& condition) { return condition.holds(lookup); });
  }

  static void name(Study& study) {
    study.name = study.cells.front().config.name;
    study.out = study.cells.front().config.out;
    if (!study.is_sweep) return;
    std::set<std::string> hashes;
    std::vector<StudyCell> kept;
    for (StudyCell& cell : study.cells) {
      if (!hashes.insert(cell.config.cfg_hash).second) {
        study.repeated.push_back(cell.label);
        continue;
      }
      cell.config.cell = cell_name(cell.config.cfg_hash, cell.label);
      kept.push_back(std::move(cell));
    }
    study.cells = std::move(kept);
    put_same_models_together(study.cells);
  }

  ConfigTree tree_;
  const ConfigOverrides& overrides_;
  const Registries& registries_;
  std::vector<Condition> conditions_;
  KnownFiles known_;
};

}  // namespace

Study load_study(const std::filesystem::path& file, const ConfigOverrides& overrides, const Registries& registries) {
  return StudyReader(read_config_tree(file), overrides, registries).read();
}

}  // namespace specula
