#include "experiments/runs/export_tables.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/report/csv.h"
#include "experiments/report/metrics.h"
#include "experiments/report/summary.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string dump(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Field field(const Json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return int64_t{json.get<bool>() ? 1 : 0};
  if (json.is_number_integer()) return json.get<int64_t>();
  if (json.is_number()) return json.get<double>();
  return json.is_string() ? json.get<std::string>() : dump(json);
}

Field field(double value) { return std::isfinite(value) ? Field(value) : Field(); }
Field field(const std::string& text) { return text.empty() ? Field() : Field(text); }

// Where the column is, added if it is new.
size_t column(Table& table, const std::string& name) {
  const auto found = std::find(table.columns.begin(), table.columns.end(), name);
  if (found != table.columns.end()) return static_cast<size_t>(found - table.columns.begin());
  table.columns.push_back(name);
  return table.columns.size() - 1;
}

void set(Table& table, std::vector<Field>& row, const std::string& name, Field value) {
  const size_t at = column(table, name);
  if (row.size() <= at) row.resize(at + 1);
  row[at] = std::move(value);
}

void fill_up(Table& table) {
  for (std::vector<Field>& row : table.rows) row.resize(table.columns.size());
}

Table records_table(const RecordSet& set_of) {
  Table table{.name = "records"};
  for (const Record& record : set_of.records) {
    std::vector<Field> row;
    const Json line = Json::parse(to_line(record));
    for (const auto& [key, value] : line.items()) set(table, row, key, field(value));
    table.rows.push_back(std::move(row));
  }
  fill_up(table);
  return table;
}

void add_rounds(const Record& r, Table& table) {
  const auto at = [](const std::vector<double>& values, size_t i) {
    return i < values.size() ? field(values[i]) : Field();
  };
  for (size_t i = 0; i < r.rounds.size(); ++i) {
    std::vector<Field> row = {std::string(r.key.trace ? "trace" : "rec"),
                              int64_t{r.segment},
                              r.key.arm,
                              r.key.prompt,
                              int64_t{r.key.turn},
                              int64_t{r.key.rep},
                              static_cast<int64_t>(i),
                              int64_t{r.rounds.drafted[i]},
                              int64_t{r.rounds.depth[i]},
                              int64_t{r.rounds.accepted[i]},
                              int64_t{r.rounds.kept[i]},
                              int64_t{static_cast<int>(i) == r.rounds.cut ? 1 : 0},
                              at(r.rounds.ready_us, i),
                              at(r.rounds.expected, i),
                              at(r.rounds.rule_us, i)};
    for (const auto& [name, values] : r.rounds.notes) set(table, row, "note_" + name, at(values, i));
    table.rows.push_back(std::move(row));
  }
}

Table rounds_table(const RecordSet& set_of) {
  Table table{.name = "rounds",
              .columns = {"k", "seg", "arm", "prompt", "turn", "rep", "round", "drafted", "depth", "accepted", "kept",
                          "cut", "ready_us", "expected", "rule_us"}};
  for (const Record& record : set_of.records) add_rounds(record, table);
  fill_up(table);
  return table;
}

Table summary_table(const Summary& summary) {
  Table table{.name = "summary",
              .columns = {"arm", "category", "metric", "value", "ci_low", "ci_high", "n", "unit", "method", "why"}};
  for (const CellSummary& cell : summary.cells) {
    for (const NamedEstimate& m : cell.metrics) {
      const Estimate& e = m.estimate;
      table.rows.push_back({cell.arm, field(cell.category), m.name, field(e.value), field(e.interval.low),
                            field(e.interval.high), e.n, find_metric(m.name)->unit, field(e.method), field(e.why)});
    }
  }
  return table;
}

Table meta_table(const fs::path& folder, const RunInfo& run) {
  Table table{.name = "meta", .columns = {"key", "value"}};
  const auto add = [&](const char* key, const std::string& value) {
    table.rows.push_back({std::string(key), field(value)});
  };
  add("schema", "specula.tables/1.0");
  add("run_id", run.run_id);
  add("experiment", run.experiment);
  add("cell", run.cell);
  add("created_utc", run.created_utc);
  add("build", run.build);
  for (const char* const file : {"manifest.json", "config.resolved.toml", "env.json"}) {
    if (fs::exists(folder / file)) add(file, read_file(folder / file));
  }
  return table;
}

std::string csv_field(const Field& field) {
  if (const auto* i = std::get_if<int64_t>(&field)) return std::to_string(*i);
  if (const auto* d = std::get_if<double>(&field)) return csv_number(*d);
  const auto* text = std::get_if<std::string>(&field);
  return text == nullptr ? "" : *text;
}

Json json_field(const Field& field) {
  if (const auto* i = std::get_if<int64_t>(&field)) return *i;
  if (const auto* d = std::get_if<double>(&field)) return *d;
  const auto* text = std::get_if<std::string>(&field);
  return text == nullptr ? Json(nullptr) : Json(*text);
}

void make_new_folder(const fs::path& folder) {
  if (fs::exists(folder)) throw ConfigError(cat("--out ", folder.string(), ": exists already; expected a new folder"));
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) throw Error(cat(folder.string(), ": cannot create the folder: ", code.message()));
}

}  // namespace

std::vector<Table> run_tables(const fs::path& folder) {
  const RunInfo run = read_manifest(folder);
  const RecordSet records = read_records(folder);
  return {records_table(records), rounds_table(records), summary_table(summarize(run, records)),
          meta_table(folder, run)};
}

void write_csv(const std::vector<Table>& tables, const fs::path& folder) {
  make_new_folder(folder);
  for (const Table& table : tables) {
    std::string text = csv_line(table.columns);
    for (const std::vector<Field>& row : table.rows) {
      std::vector<std::string> texts;
      for (const Field& field : row) texts.push_back(csv_field(field));
      text += csv_line(texts);
    }
    write_file_atomically(folder / (table.name + ".csv"), text);
  }
}

void write_jsonl(const std::vector<Table>& tables, const fs::path& folder) {
  make_new_folder(folder);
  for (const Table& table : tables) {
    std::string text;
    for (const std::vector<Field>& row : table.rows) {
      Json line = Json::object();
      for (size_t c = 0; c < row.size(); ++c) line[table.columns[c]] = json_field(row[c]);
      text += dump(line) + "\n";
    }
    write_file_atomically(folder / (table.name + ".jsonl"), text);
  }
}

}  // namespace specula
