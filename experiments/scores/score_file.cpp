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

constexpr char kScores[] = "scores.jsonl", kLikelihoods[] = "nll.jsonl";

Json key_json(const char* kind, const RecordKey& key) {
  return {{"k", kind}, {"v", 1}, {"arm", key.arm}, {"prompt", key.prompt}, {"turn", key.turn}, {"rep", key.rep}};
}

Json to_json(const RecordKey& key, const RecordScore& score) {
  Json json = key_json("score", key);
  json["scorer"] = score.scorer;
  json["score"] = std::isfinite(score.value) ? Json(score.value) : Json(nullptr);
  if (!score.why.empty()) json["score_why"] = score.why;
  if (!score.found.empty()) json["found"] = score.found;
  return json;
}

Json to_json(const RecordKey& key, const RecordNll& nll) {
  Json json = key_json("nll", key);
  json["nll_sum_nats"] = nll.sum_nats;
  json["n_tok"] = nll.tokens;
  return json;
}

RecordKey key_of(const Json& json) {
  return {.trace = false,
          .arm = json.at("arm"),
          .prompt = json.at("prompt"),
          .turn = json.at("turn"),
          .rep = json.at("rep")};
}

void read_value(const Json& json, RecordScore& score) {
  const Json& value = json.at("score");
  score = {.scorer = json.at("scorer"),
           .value = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>(),
           .why = json.value("score_why", ""),
           .found = json.value("found", "")};
}

void read_value(const Json& json, RecordNll& nll) {
  nll = {.sum_nats = json.at("nll_sum_nats"), .tokens = json.at("n_tok")};
}

template <class T>
void write_lines(const std::filesystem::path& file, const std::map<RecordKey, T>& of_records) {
  std::string lines;
  for (const auto& [key, value] : of_records)
    lines += to_json(key, value).dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  write_file_atomically(file, lines);
}

template <class T>
std::map<RecordKey, T> read_lines(const std::filesystem::path& file, const char* what) {
  std::map<RecordKey, T> of_records;
  if (!std::filesystem::exists(file)) return of_records;
  std::istringstream lines(read_file(file));
  size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    try {
      const Json json = Json::parse(line);
      T value;
      read_value(json, value);
      of_records.emplace(key_of(json), std::move(value));
    } catch (const Json::exception& e) {
      throw Error(cat(file.string(), ":", number, ": not ", what, ": ", e.what()));
    }
  }
  return of_records;
}

}  // namespace

void write_scores(const std::filesystem::path& run_folder, const Scores& scores) {
  write_lines(run_folder / kScores, scores);
}

void write_likelihoods(const std::filesystem::path& run_folder, const Likelihoods& likelihoods) {
  write_lines(run_folder / kLikelihoods, likelihoods);
}

Scores read_scores(const std::filesystem::path& run_folder) {
  return read_lines<RecordScore>(run_folder / kScores, "a score");
}

Likelihoods read_likelihoods(const std::filesystem::path& run_folder) {
  return read_lines<RecordNll>(run_folder / kLikelihoods, "a likelihood");
}

void attach_scores(const std::filesystem::path& run_folder, std::vector<Record>& records) {
  const Scores scores = read_scores(run_folder);
  const Likelihoods likelihoods = read_likelihoods(run_folder);
  for (Record& record : records) {
    if (const auto found = scores.find(record.key); found != scores.end()) record.score = found->second;
    if (const auto found = likelihoods.find(record.key); found != likelihoods.end()) record.nll = found->second;
  }
}

}  // namespace specula
