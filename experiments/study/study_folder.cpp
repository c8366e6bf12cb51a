// A study as its folder tells it: sweep.json has the plan, the cells' folders what was measured.
#include <nlohmann/json.hpp>

#include "experiments/config/toml.h"
#include "experiments/study/study_results.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Value value_of(const Json& json, const std::string& origin) {
  const std::string text = json.dump();
  return parse_toml_value(text, origin).value_or(Value{.data = text, .origin = origin});
}

StudyCellResult read_cell(const Json& json, const std::string& origin) {
  StudyCellResult cell{.cell = json.at("cell").get<std::string>(), .label = json.at("label").get<std::string>()};
  if (cell.cell.empty() || cell.cell.find('/') != std::string::npos)
    throw Error(cat(origin, ": cell ", quoted(cell.cell), " is no folder's name"));
  for (const auto& [path, value] : json.at("set").items()) cell.set.push_back({path, value_of(value, origin)});
  cell.state = json.at("state").get<std::string>();
  cell.error = json.value("error", "");
  return cell;
}

StudyResult read_plan(const std::filesystem::path& file) {
  try {
    const Json json = Json::parse(read_file(file));
    StudyResult result{.name = json.at("experiment").get<std::string>(),
                       .paths = json.at("keys").get<std::vector<std::string>>(),
                       .cells = {}};
    for (const Json& cell : json.at("cells")) result.cells.push_back(read_cell(cell, file.string()));
    return result;
  } catch (const nlohmann::json::exception& e) {
    throw ConfigError(cat(file.string(), ": no plan of a study: ", e.what()));
  }
}

}  // namespace

bool is_study_folder(const std::filesystem::path& folder) { return std::filesystem::exists(folder / "sweep.json"); }

StudyResult read_study(const std::filesystem::path& folder) {
  StudyResult result = read_plan(folder / "sweep.json");
  bool is_first = true;
  for (StudyCellResult& cell : result.cells) {
    const std::filesystem::path run_folder = folder / cell.cell;
    if (!std::filesystem::exists(run_folder / "manifest.json")) continue;
    add_run(run_folder, summarize(read_manifest(run_folder), read_records(run_folder)), cell);
    if (is_first) {
      result.draws = cell.run.bootstrap;
      result.seed = cell.run.seed;
    }
    is_first = false;
  }
  return result;
}

void write_study(const std::filesystem::path& folder, const StudyResult& result, const Rankings& rankings) {
  write_file_atomically(folder / "study.md", study_table(result, rankings));
  write_file_atomically(folder / "study.csv", study_csv(result));
  write_file_atomically(folder / "report.html", study_html(result, rankings));
}

}  // namespace specula
