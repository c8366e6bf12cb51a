#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/bench/result.h"
#include "experiments/run/environment.h"
#include "experiments/run/manifest.h"
#include "experiments/stream.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "specula.bench/1";

Json key_json(const BenchKey& key) {
  return std::visit([](const auto& value) { return Json(value); }, key);
}

void put_figures(const std::vector<Figure>& figures, Json& json) {
  for (const Figure& f : figures) {
    json[f.name] = f.median;
    if (f.spread) json[f.name + "_quartiles"] = {f.low, f.high};
  }
}

Json row_json(const BenchRow& row) {
  Json json = Json::object();
  for (const auto& [name, key] : row.keys) json[name] = key_json(key);
  put_figures(row.figures, json);
  if (row.repeats > 0) json["repeats"] = row.repeats;
  return json;
}

Json rows_json(const std::vector<BenchRow>& rows) {
  Json json = Json::array();
  for (const BenchRow& row : rows) json.push_back(row_json(row));
  return json;
}

Json model_json(const BenchModel& m) {
  return {{"role", m.role},
          {"path", m.path},
          {"fingerprint", m.fingerprint},
          {"dtype", m.dtype},
          {"device", m.device},
          {"engine", m.engine},
          {"weight_bytes", m.weight_bytes},
          {"kv_bytes_per_slot", m.kv_bytes_per_slot}};
}

Json machine_json(const Environment& environment) {
  const Json cpu = Json::parse(environment.json).at("cpu");
  return {{"cpu", cpu.at("model")}, {"cores", cpu.at("usable_cores")}, {"isa", cpu.at("isa")}};
}

// Of a table with one row of its kind the figures stand at the top as well, where they are easy to reach.
bool first_is_alone(const std::vector<BenchRow>& rows) {
  return std::count_if(rows.begin(), rows.end(), [&](const BenchRow& row) {
           return row.keys.front().first == rows.front().keys.front().first;
         }) == 1;
}

// The other file's row with the same keys; null if it has none.
const Json* find_row(const Json& rows, const BenchRow& wanted) {
  for (const Json& row : rows) {
    const bool same = std::all_of(wanted.keys.begin(), wanted.keys.end(), [&](const auto& key) {
      const auto found = row.find(key.first);
      return found != row.end() && *found == key_json(key.second);
    });
    if (same) return &row;
  }
  return nullptr;
}

void warn_if_different(const std::string& what, const Json& here, const Json& there, std::vector<std::string>& all) {
  if (here != there) all.push_back(cat(what, " differs: ", here.dump(), " here, ", there.dump(), " there"));
}

std::vector<std::string> find_differences(const Json& here, const Json& there) {
  std::vector<std::string> all;
  warn_if_different("machine", here.at("machine").at("cpu"), there.at("machine").at("cpu"), all);
  warn_if_different("cores", here.at("machine").at("cores"), there.at("machine").at("cores"), all);
  warn_if_different("threads", here.at("threads"), there.at("threads"), all);
  const Json &ours = here.at("models"), &theirs = there.at("models");
  warn_if_different("number of models", ours.size(), theirs.size(), all);
  for (size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    const std::string role = ours[i].at("role");
    for (const char* const field : {"fingerprint", "dtype", "device"})
      warn_if_different(cat(role, " ", field), ours[i].at(field), theirs[i].at(field), all);
  }
  return all;
}

// Everything that a comparison reads is read here once, so that a broken file is refused before anything is measured.
Json read_result(const std::filesystem::path& file, const std::string& command) {
  const std::string place = cat("--compare ", file.string());
  const std::string text = read_file(file);
  try {
    Json json = Json::parse(text);
    if (json.at("schema") != kSchema)
      throw ConfigError(cat(place, ": its schema is ", json.at("schema").dump(), "; expected \"", kSchema, "\""));
    if (json.at("command") != command) {
      throw ConfigError(cat(place, ": a result of ", json.at("command").dump(), "; expected one of \"", command, "\""));
    }
    find_differences(json, json);
    (void)json.at("stream_gb_s").get<double>();
    (void)json.at("rows").get<std::vector<Json>>();
    return json;
  } catch (const Json::exception&) {
    throw ConfigError(cat(place, ": not a result of specula bench"));
  }
}

BenchComparison compare_json(const BenchResult& result, const Json& here, const std::filesystem::path& file) {
  const Json there = read_result(file, result.command);
  BenchComparison comparison{.file = file.string(),
                             .stream_here = here.at("stream_gb_s"),
                             .stream_there = there.at("stream_gb_s"),
                             .warnings = find_differences(here, there)};
  for (const BenchRow& row : result.rows) {
    const Json* const other = find_row(there.at("rows"), row);
    if (other == nullptr) continue;
    BenchRow ratio{.keys = row.keys};
    for (const Figure& f : row.figures) {
      const auto found = other->find(f.name);
      if (found == other->end() || !found->is_number()) continue;
      ratio.figures.push_back(computed(f.name, f.median / found->get<double>()));
    }
    comparison.rows.push_back(std::move(ratio));
  }
  if (comparison.rows.empty()) comparison.warnings.emplace_back("no row of that file was measured here");
  return comparison;
}

Json result_json(const BenchResult& r) {
  const Environment environment = read_environment(r.threads);
  const auto [least, most] = std::minmax_element(r.streams.begin(), r.streams.end());
  Json json = {{"schema", kSchema},
               {"command", r.command},
               {"arguments", r.arguments},
               {"created_utc", utc_now()},
               {"commit", build_name()},
               {"machine", machine_json(environment)},
               {"threads", r.threads},
               {"load_average", r.load_average},
               {"warnings", environment.warnings},
               {"stream_gb_s", median(r.streams)},
               {"stream_gb_s_range", {*least, *most}}};
  if (!r.models.empty()) {
    json["dtype"] = r.models.front().dtype;
    json["engine"] = r.models.front().engine;
    json["weight_bytes"] = r.models.front().weight_bytes;
    json["kv_bytes"] = r.kv_bytes;
  }
  json["models"] = Json::array();
  for (const BenchModel& model : r.models) json["models"].push_back(model_json(model));
  if (first_is_alone(r.rows)) put_figures(r.rows.front().figures, json);
  json["rows"] = rows_json(r.rows);
  return json;
}

}  // namespace

void check_comparable(const std::filesystem::path& file, const std::string& command) { read_result(file, command); }

BenchComparison compare_results(const BenchResult& result, const std::filesystem::path& file) {
  return compare_json(result, result_json(result), file);
}

std::string to_json(const BenchResult& result, const BenchComparison* comparison) {
  Json json = result_json(result);
  if (comparison != nullptr) {
    json["comparison"] = {{"file", comparison->file},
                          {"stream_gb_s", {comparison->stream_here, comparison->stream_there}},
                          {"warnings", comparison->warnings},
                          {"rows", rows_json(comparison->rows)}};
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace specula
