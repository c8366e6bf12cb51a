// sweep.json, written and read.
#include <nlohmann/json.hpp>

#include "experiments/config/config_reader.h"
#include "experiments/study/study_results.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Value value_of(const Json& json) {
  Value value;
  if (json.is_object()) {
    value.data = Value::Table{};
    for (const auto& [key, element] : json.items()) value.set(key, value_of(element));
  } else if (json.is_array()) {
    value.data = Value::Array{};
    for (const Json& element : json) value.array().push_back(value_of(element));
  } else if (json.is_boolean()) {
    value.data = json.get<bool>();
  } else if (json.is_number_integer()) {
    value.data = json.get<int64_t>();
  } else if (json.is_number()) {
    value.data = json.get<double>();
  } else {
    value.data = json.get<std::string>();
  }
  return value;
}

StudyCellResult cell_of(const Json& json) {
  StudyCellResult cell{.cell = json.at("cell"),
                       .label = json.at("label"),
                       .set = {},
                       .state = json.at("state"),
                       .error = json.value("error", "")};
  if (cell.cell.empty() || cell.cell.find('/') != std::string::npos)
    throw Error(cat("sweep.json: cell ", quoted(cell.cell), " is no folder's name"));
  for (const auto& [path, value] : json.at("set").items()) cell.set.push_back({path, value_of(value)});
  return cell;
}

}  // namespace

std::string study_json(const StudyResult& result) {
  Json json = {{"schema", "specula.sweep/1.0"}, {"experiment", result.name}, {"seed", result.seed},
               {"bootstrap", result.draws},     {"keys", result.paths},      {"cells", Json::array()}};
  for (const StudyCellResult& cell : result.cells) {
    Json set = Json::object();
    for (const Assignment& assignment : cell.set) set[assignment.path] = Json::parse(to_json(assignment.value, -1));
    Json entry = {{"cell", cell.cell}, {"label", cell.label}, {"set", std::move(set)}, {"state", cell.state}};
    if (!cell.error.empty()) entry["error"] = cell.error;
    json["cells"].push_back(std::move(entry));
  }
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

StudyResult read_plan(const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / "sweep.json";
  if (!std::filesystem::exists(file)) throw ConfigError(cat(folder.string(), ": not a study (it has no sweep.json)"));
  try {
    const Json json = Json::parse(read_file(file));
    StudyResult result{.name = json.at("experiment"),
                       .paths = json.at("keys"),
                       .draws = json.at("bootstrap"),
                       .seed = json.at("seed"),
                       .cells = {}};
    for (const Json& cell : json.at("cells")) result.cells.push_back(cell_of(cell));
    return result;
  } catch (const Json::exception& e) {
    throw Error(cat(file.string(), ": not a plan of specula.sweep/1: ", e.what()));
  }
}

}  // namespace specula
