#include "experiments/runs/list_runs.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/config/config_keys.h"
#include "experiments/config/toml.h"
#include "experiments/report/csv.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

const std::vector<std::string> kColumns = {"experiment", "cell", "state"};

std::string state_text(const FoundRun& run, std::time_t now) {
  if (!run.problem.empty()) return "unreadable: " + run.problem;
  return is_stale(run, now) ? run.state + " (stale)" : run.state;
}

// The folder's name rather than the manifest's cell: a rerun is cell.2.
std::string cell_text(const FoundRun& run) {
  return std::filesystem::absolute(run.folder).lexically_normal().filename().string();
}

std::vector<DifferingKey> columns_of(const std::vector<FoundRun>& runs) {
  std::vector<const Value*> trees;
  for (const FoundRun& run : runs) {
    if (!run.config.table().empty()) trees.push_back(&run.config);
  }
  std::vector<DifferingKey> keys = differing_keys(trees);
  // The first column tells the one, the place of the folder the other.
  std::erase_if(keys, [](const DifferingKey& k) { return k.key == "experiment.name" || k.key == "output.dir"; });
  return keys;
}

std::string text_at(const FoundRun& run, const std::string& key) {
  const Value* value = find_key(run.config, key);
  return value == nullptr ? "" : value_text(*value);
}

std::string markdown(const std::vector<FoundRun>& runs, const std::vector<DifferingKey>& keys, std::time_t now) {
  using enum MarkdownTable::Align;
  MarkdownTable table;
  for (const std::string& column : kColumns) table.column(column, kLeft);
  table.column("done", kRight);
  table.column("age", kRight);
  for (const DifferingKey& k : keys) table.column(k.key, kLeft);
  for (const FoundRun& run : runs) {
    const std::string done = run.total == 0 ? "–" : cat(run.done, "/", run.total);
    std::vector<std::string> row = {run.experiment(), cell_text(run), state_text(run, now), done,
                                    age_text(seconds_since(run.info.created_utc, now))};
    for (const DifferingKey& k : keys) {
      const std::string text = text_at(run, k.key);
      row.push_back(text.empty() ? "–" : text);
    }
    for (std::string& cell : row) {  // neither a line nor a bar may end a cell
      std::replace(cell.begin(), cell.end(), '\n', ' ');
      for (size_t at = cell.find('|'); at != std::string::npos; at = cell.find('|', at + 2)) cell.insert(at, "\\");
    }
    table.row(std::move(row));
  }
  return table.text();
}

std::string csv(const std::vector<FoundRun>& runs, const std::vector<DifferingKey>& keys, std::time_t now) {
  std::vector<std::string> titles = kColumns;
  titles.insert(titles.end(), {"done", "total", "age_s"});
  for (const DifferingKey& k : keys) titles.push_back(k.key);
  titles.emplace_back("folder");
  std::string text = csv_line(titles);
  for (const FoundRun& run : runs) {
    std::vector<std::string> row = {run.experiment(),          cell_text(run),
                                    state_text(run, now),      std::to_string(run.done),
                                    std::to_string(run.total), csv_number(seconds_since(run.info.created_utc, now))};
    for (const DifferingKey& k : keys) row.push_back(text_at(run, k.key));
    row.push_back(run.folder.string());
    text += csv_line(row);
  }
  return text;
}

Json json_of(const Value* value) {
  if (value == nullptr) return nullptr;
  if (const auto* b = std::get_if<bool>(&value->data)) return *b;
  if (const auto* i = std::get_if<int64_t>(&value->data)) return *i;
  if (const auto* d = std::get_if<double>(&value->data)) return *d;
  return value_text(*value);
}

std::string json(const std::vector<FoundRun>& runs, const std::vector<DifferingKey>& keys, std::time_t now) {
  Json all = Json::array();
  for (const FoundRun& run : runs) {
    const double age = seconds_since(run.info.created_utc, now);
    Json differing = Json::object();
    for (const DifferingKey& k : keys) differing[k.key] = json_of(find_key(run.config, k.key));
    all.push_back({{"folder", run.folder.string()},
                   {"run_id", run.info.run_id},
                   {"experiment", run.experiment()},
                   {"cell", cell_text(run)},
                   {"state", run.problem.empty() ? Json(run.state) : Json(nullptr)},
                   {"problem", run.problem.empty() ? Json(nullptr) : Json(run.problem)},
                   {"stale", is_stale(run, now)},
                   {"done", run.done},
                   {"total", run.total},
                   {"created_utc", run.info.created_utc},
                   {"age_s", std::isfinite(age) ? Json(age) : Json(nullptr)},
                   {"differing", std::move(differing)}});
  }
  return all.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

struct Condition {
  std::string key, value;
  bool equal = true;
};

Condition parse_condition(const std::string& text) {
  const size_t at = text.find('=');
  if (at == std::string::npos || at == 0 || (at == 1 && text[0] == '!'))
    throw ConfigError(cat("--where ", text, ": expected key=value or key!=value"));
  const bool equal = text[at - 1] != '!';
  return {.key = text.substr(0, at - (equal ? 0 : 1)), .value = text.substr(at + 1), .equal = equal};
}

// 0.70 is 0.7, and "x" is x.
std::string canonical(const std::string& text) {
  const auto value = parse_toml_value(text, "--where");
  if (value && std::holds_alternative<int64_t>(value->data))
    return to_text({.data = static_cast<double>(std::get<int64_t>(value->data)), .origin = {}});
  return value ? value_text(*value) : text;
}

bool is_column(const std::string& key) { return std::find(kColumns.begin(), kColumns.end(), key) != kColumns.end(); }

bool meets(const FoundRun& run, const Condition& condition) {
  if (!run.problem.empty()) return false;
  std::string text;
  if (condition.key == "experiment") {
    text = run.experiment();
  } else if (condition.key == "cell") {
    text = cell_text(run);
  } else if (condition.key == "state") {
    text = run.state;
  } else if (const Value* value = find_key(run.config, condition.key)) {
    text = value_text(*value);
  } else {
    return !condition.equal;
  }
  return (text == condition.value || canonical(text) == canonical(condition.value)) == condition.equal;
}

void check_key(const std::vector<FoundRun>& runs, const std::string& key) {
  std::vector<std::string> valid = kColumns;
  for (const FoundRun& run : runs) {
    if (is_column(key) || find_key(run.config, key) != nullptr) return;
    for (std::string& leaf : leaf_keys(run.config)) {
      if (std::find(valid.begin(), valid.end(), leaf) == valid.end()) valid.push_back(std::move(leaf));
    }
  }
  if (!runs.empty()) throw ConfigError(cat("--where ", key, ": no run has this key", suggestion(key, valid)));
}

}  // namespace

std::vector<FoundRun> where(std::vector<FoundRun> runs, const std::vector<std::string>& conditions) {
  for (const std::string& text : conditions) {
    const Condition condition = parse_condition(text);
    check_key(runs, condition.key);
    std::erase_if(runs, [&](const FoundRun& run) { return !meets(run, condition); });
  }
  return runs;
}

std::string runs_text(const std::vector<FoundRun>& runs, const std::string& format, std::time_t now) {
  const std::vector<DifferingKey> keys = columns_of(runs);
  if (format == "csv") return csv(runs, keys, now);
  return format == "json" ? json(runs, keys, now) : markdown(runs, keys, now);
}

}  // namespace specula
