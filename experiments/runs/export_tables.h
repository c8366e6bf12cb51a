// A run as flat tables, for programs that know nothing of its files: records, rounds, summary, meta.  Licence:
// Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

namespace specula {

using Field = std::variant<std::monostate, int64_t, double, std::string>;  // nothing: not measured

struct Table {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::vector<Field>> rows;  // each as long as columns
};

// records: one row for each, arrays and objects as JSON; rounds: one row for each round of each record; summary: one
// row for each metric of an arm in a category; meta: key and value, the manifest and the configuration among them.
// Throws Error if it is no run folder or a record cannot be read.
std::vector<Table> run_tables(const std::filesystem::path& run_folder);

// New files in a new folder, <table>.csv or <table>.jsonl; in CSV nothing is an empty field, in JSON null.
void write_csv(const std::vector<Table>& tables, const std::filesystem::path& folder);
void write_jsonl(const std::vector<Table>& tables, const std::filesystem::path& folder);
// A new database; a column is INTEGER, REAL or TEXT as its values are.
void write_sqlite(const std::vector<Table>& tables, const std::filesystem::path& file);

}  // namespace specula
