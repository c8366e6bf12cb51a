// What a benchmark found, in the one form that JSON, the table on the screen and --compare share: a table whose rows
// have keys (what was measured) and figures (what came out), under a head that says on what machine.
// Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "experiments/bench/figure.h"

namespace specula {

using BenchKey = std::variant<int64_t, double, std::string>;

struct BenchRow {
  std::vector<std::pair<std::string, BenchKey>> keys;  // {"dtype", "bf16"}, {"rows", 5}; unique within a result
  std::vector<Figure> figures;
  int repeats = 0;  // samples behind each figure with a spread
};

struct BenchModel {
  std::string role;  // model, target, draft
  std::string path, fingerprint, dtype, device, engine;
  int64_t weight_bytes = 0, kv_bytes_per_slot = 0;
};

struct BenchResult {
  std::string command;  // "bench forward"
  std::vector<std::string> arguments;
  int threads = 0;
  double load_average = 0;
  Samples streams;  // [GB/s] read between the timed passes
  std::vector<BenchModel> models;
  int64_t kv_bytes = 0;  // of the first model, at the first row's context
  std::vector<BenchRow> rows;
};

// How the figures of a result relate to those of another file, made by the same command.
struct BenchComparison {
  std::string file;
  double stream_here = 0, stream_there = 0;  // [GB/s]
  std::vector<std::string> warnings;         // what differs besides the figures
  std::vector<BenchRow> rows;                // this result's rows that the other has too; figures: here over there
};

// Throws ConfigError unless `file` is a result of `command`: asked before anything is measured.
void check_comparable(const std::filesystem::path& file, const std::string& command);
BenchComparison compare_results(const BenchResult& result, const std::filesystem::path& file);

// `comparison` may be null.
std::string to_json(const BenchResult& result, const BenchComparison* comparison);  // schema specula.bench/1
std::string to_text(const BenchResult& result, const BenchComparison* comparison);

}  // namespace specula
