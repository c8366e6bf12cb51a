#include "experiments/scores/score_file.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const RecordKey& key, const RecordScore& score) {
  Json json = {{"k", "score"},     {"v", 1},         {"arm", key.arm},        {"prompt", key.prompt},
               {"turn", key.turn}, {"rep", key.rep}, {"scorer", score.scorer}};
  json["score"] = std::isfinite(score.value) ? Json(score.value) : Json(nullptr);
  if (!score.why.empty()) json["score_why"] = score.why;
  if (!score.found.empty()) json["found"] = score.found;
  return json;
}

std::pair<RecordKey, RecordScore> of_line(const std::string& line, const std::string& place) {
  try {
    const Json json = Json::parse(line);
    const Json& value = json.at("score");
    return {{.trace = false,
             .arm = json.at("arm"),
             .prompt = json.at("prompt"),
             .turn = json.at("turn"),
             .rep = json.at("rep")},
            {.scorer = json.at("scorer"),
             .value = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>(),
             .why = json.value("score_why", ""),
             .found = json.value("found", "")}};
  } catch (const Json::exception& e) {
    throw Error(cat(place, ": not a score: ", e.what()));
  }
}

}  // namespace

void write_scores(const std::filesystem::path& run_folder, const Scores& scores) {
  std::string lines;
  for (const auto& [key, score] : scores)
    lines += to_json(key, score).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  write_file_atomically(run_folder / "scores.jsonl", lines);
}

Scores read_scores(const std::filesystem::path& run_folder) {
  const std::filesystem::path file = run_folder / "scores.jsonl";
  Scores scores;
  if (!std::filesystem::exists(file)) return scores;
  std::istringstream lines(read_file(file));
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) scores.insert(of_line(line, cat(file.string(), ":", ++number)));
  return scores;
}

void attach_scores(const Scores& scores, std::vector<Record>& records) {
  for (Record& record : records) {
    const auto found = scores.find(record.key);
    if (found != scores.end()) record.score = found->second;
  }
}

}  // namespace specula
