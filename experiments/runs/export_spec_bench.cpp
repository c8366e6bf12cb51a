#include "experiments/runs/export_spec_bench.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "experiments/run/manifest.h"
#include "experiments/run/records.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Turns = std::map<int, const Record*>;          // by turn
using Repetitions = std::map<int, Turns>;            // by repetition
using Answers = std::map<std::string, Repetitions>;  // by prompt

const std::string& folder_of_target(const RunInfo& run, const ArmInfo& arm) {
  for (const RunModel& m : run.models) {
    if (m.name == arm.target) return m.path;
  }
  throw Error(cat("arm ", arm.name, ": the manifest knows no model '", arm.target, "'"));
}

Answers answers_of(const RecordSet& set, const std::string& arm) {
  Answers answers;
  for (const Record& r : set.records) {
    if (r.key.arm == arm && !r.key.trace) answers[r.key.prompt][r.key.rep][r.key.turn] = &r;
  }
  std::erase_if(answers, [](const auto& answer) {
    for (const auto& [rep, turns] : answer.second) {
      for (const auto& [turn, r] : turns) {
        if (!r->ok) return true;
      }
    }
    return false;
  });
  return answers;
}

Json choice_json(int rep, const Turns& turns, const Tokenizer& tokenizer) {
  Json json = {{"index", rep}};
  for (const char* const list : {"turns", "decoding_steps", "new_tokens", "wall_time", "accept_lengths"})
    json[list] = Json::array();
  for (const auto& [turn, r] : turns) {
    json["turns"].push_back(tokenizer.decode(r->out));
    json["decoding_steps"].push_back(r->rounds.size());
    json["new_tokens"].push_back(r->n_out());
    json["wall_time"].push_back(r->e2e_us * 1e-6);
    for (const int kept : r->rounds.kept) json["accept_lengths"].push_back(kept);
  }
  return json;
}

// Spec-Bench counts its questions; other prompts keep their names.
Json question_id(const std::string& prompt) {
  const bool number = !prompt.empty() && prompt.size() < 18 &&
                      std::all_of(prompt.begin(), prompt.end(), [](char c) { return c >= '0' && c <= '9'; });
  return number ? Json(std::stoll(prompt)) : Json(prompt);
}

std::string answers_text(const RunInfo& run, const ArmInfo& arm, const RecordSet& set, const Tokenizer& tokenizer) {
  std::string text;
  for (const auto& [prompt, repetitions] : answers_of(set, arm.name)) {
    Json line = {{"question_id", question_id(prompt)},
                 {"category", repetitions.begin()->second.begin()->second->category},
                 {"answer_id", cat(run.run_id, "-", arm.name, "-", prompt)},
                 {"model_id", arm.name},
                 {"choices", Json::array()},
                 {"tstamp", run.created_utc}};
    for (const auto& [rep, turns] : repetitions) line["choices"].push_back(choice_json(rep, turns, tokenizer));
    text += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return text;
}

}  // namespace

std::vector<fs::path> write_spec_bench(const fs::path& run_folder, const fs::path& folder) {
  const RunInfo run = read_manifest(run_folder);
  const RecordSet set = read_records(run_folder);
  if (fs::exists(folder)) throw ConfigError(cat("--out ", folder.string(), ": exists already; expected a new folder"));
  std::map<std::string, std::unique_ptr<Tokenizer>> tokenizers;
  for (const ArmInfo& arm : run.arms) {
    const std::string& path = folder_of_target(run, arm);
    if (!tokenizers.contains(path)) tokenizers.emplace(path, load_tokenizer(path));
  }
  fs::create_directories(folder);
  std::vector<fs::path> files;
  for (const ArmInfo& arm : run.arms) {
    files.push_back(folder / (arm.name + ".jsonl"));
    write_file_atomically(files.back(), answers_text(run, arm, set, *tokenizers.at(folder_of_target(run, arm))));
  }
  return files;
}

}  // namespace specula
