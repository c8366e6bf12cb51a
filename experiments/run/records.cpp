#include "experiments/run/records.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "experiments/scores/score_file.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

double tenth(double us) { return std::round(us * 10) / 10; }

Json tenths(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double v : values) array.push_back(tenth(v));
  return array;
}

// NaN becomes null.
Json values_of(const std::vector<double>& values) {
  Json array = Json::array();
  for (const double v : values) array.push_back(std::isfinite(v) ? Json(v) : Json(nullptr));
  return array;
}

template <class T>
void put_optional(Json& json, const char* name, const std::optional<T>& value, const std::string& why) {
  if (value) {
    json[name] = *value;
    return;
  }
  json[name] = nullptr;
  if (!why.empty()) json[std::string(name) + "_why"] = why;
}

void put_rounds(Json& json, const Rounds& rounds) {
  json["steps"] = rounds.size();
  json["drafted"] = rounds.drafted;
  if (rounds.is_tree()) json["depth"] = rounds.depth;
  json["accepted"] = rounds.accepted;
  json["kept"] = rounds.kept;
  json["cut_step"] = rounds.cut < 0 ? Json(nullptr) : Json(rounds.cut);
  if (!rounds.expected.empty()) json["expected"] = values_of(rounds.expected);
  if (!rounds.rule_us.empty()) json["rule_us"] = values_of(rounds.rule_us);
  for (const auto& [name, values] : rounds.notes) {
    Json& noted = json["notes"][name] = values_of(values);
    while (noted.size() < rounds.size()) noted.push_back(nullptr);  // the last rounds lack it
  }
}

void put_measures(Json& json, const Record& r) {
  json["n_in_tok"] = r.n_in;
  json["n_out_tok"] = r.n_out();
  json["stop"] = r.stop;
  json["out_ids"] = r.out;
  json["t_start_us"] = tenth(r.start_us);
  if (r.batch > 1) json["batch"] = r.batch;
  json["prefill_us"] = tenth(r.prefill_us);
  json["ttft_us"] = tenth(r.ttft_us());
  json["decode_us"] = tenth(r.decode_us());
  json["e2e_us"] = tenth(r.e2e_us);
  json["unbilled_us"] = tenth(r.unbilled_us);
  if (!r.energy_j.empty()) json["energy_j"] = r.energy_j;
  put_rounds(json, r.rounds);
  json["ready_us"] = tenths(r.rounds.ready_us);
  if (r.key.trace) {
    Json phases = Json::object();
    for (int i = 0; i < kNumPhases; ++i) phases[kPhaseNames[i]] = tenth(r.phase_us[i]);
    json["phase_us"] = std::move(phases);
  }
}

// What only a decode measures: the text and its times.
constexpr const char* kOfDecode[] = {"n_out_tok", "stop",      "out_ids", "t_start_us",  "prefill_us",
                                     "ttft_us",   "decode_us", "e2e_us",  "unbilled_us", "ready_us"};

void put_replay(Json& json, const Record& r) {
  json["n_in_tok"] = r.n_in;
  for (const char* const name : kOfDecode) json[name] = nullptr;
  put_rounds(json, r.rounds);
}

void put_failure(Json& json, const Record& r) {
  for (const char* const name : {"n_in_tok", "steps", "drafted", "accepted", "kept", "cut_step"}) json[name] = nullptr;
  for (const char* const name : kOfDecode) json[name] = nullptr;
  json["err"] = {{"type", "error"}, {"what", r.error}};
}

void read_file_into(const std::filesystem::path& file, std::vector<Record>& all) {
  const std::string text = read_file(file);
  int64_t number = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) return;  // torn: the writer died in this line
    ++number;
    if (end > start)
      all.push_back(parse_record(std::string_view(text).substr(start, end - start), cat(file.string(), ":", number)));
    start = end + 1;
  }
}

RecordSet one_of_each_key(std::vector<Record> all) {
  RecordSet set;
  std::unordered_map<RecordKey, size_t, RecordKeyHash> kept;
  for (Record& record : all) {
    const auto [found, is_new] = kept.emplace(record.key, set.records.size());
    if (is_new) {
      set.records.push_back(std::move(record));
      continue;
    }
    Record& old = set.records[found->second];
    if (old.ok && record.ok) set.duplicates.push_back(record.key);
    ++set.superseded;
    if (record.ok || !old.ok) old = std::move(record);
  }
  return set;
}

}  // namespace

void Rounds::add_notes(const std::vector<std::pair<std::string, double>>& of_round) {
  for (const auto& [name, value] : of_round) {
    std::vector<double>& values = notes[name];
    values.resize(size(), std::numeric_limits<double>::quiet_NaN());
    values.back() = value;
  }
}

size_t RecordKeyHash::operator()(const RecordKey& key) const {
  const std::hash<std::string> of_text;
  const auto numbers =
      (static_cast<size_t>(key.turn) * 1000003 + static_cast<size_t>(key.rep)) * 2 + (key.trace ? 1 : 0);
  return (of_text(key.prompt) * 31 + of_text(key.arm)) * 31 + numbers;
}

double Record::ttft_us() const {
  for (size_t i = 0; i < rounds.ready_us.size(); ++i) {
    if (rounds.kept[i] > 0) return rounds.ready_us[i];
  }
  return 0;
}

double Record::latency_us() const { return batch == 1 || rounds.ready_us.empty() ? e2e_us : rounds.ready_us.back(); }

std::string to_line(const Record& r) {
  Json json;
  json["k"] = r.key.trace ? "trace" : "rec";
  json["v"] = 1;
  json["seg"] = r.segment;
  json["arm"] = r.key.arm;
  json["prompt"] = r.key.prompt;
  json["group"] = r.group;
  json["cat"] = r.category;
  json["turn"] = r.key.turn;
  json["rep"] = r.key.rep;
  json["order"] = r.order;
  json["request"] = r.request;
  json["status"] = !r.ok ? "error" : r.replayed ? "replay" : "ok";
  if (!r.ok) {
    put_failure(json, r);
  } else if (r.replayed) {
    put_replay(json, r);
  } else {
    put_measures(json, r);
  }
  put_optional(json, "exact", r.exact, r.exact_why);
  put_optional(json, "first_div_tok", r.first_difference, "");
  put_optional(json, "div_margin_nats", r.margin_nats, r.margin_why);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<Record> read_every_record(const std::filesystem::path& file) {
  std::vector<Record> all;
  if (std::filesystem::exists(file)) read_file_into(file, all);
  return all;
}

RecordSet read_records_of(const std::filesystem::path& file) { return one_of_each_key(read_every_record(file)); }

RecordSet read_records(const std::filesystem::path& run_folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(run_folder / "records")) {
    for (const auto& entry : std::filesystem::directory_iterator(run_folder / "records")) {
      if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Record> all;
  for (const auto& file : files) read_file_into(file, all);
  RecordSet set = one_of_each_key(std::move(all));
  // The records of a unit lie in one file, in the order in which its arms were played.
  std::stable_sort(set.records.begin(), set.records.end(),
                   [](const Record& a, const Record& b) { return a.order < b.order; });
  attach_scores(read_scores(run_folder), set.records);
  return set;
}

}  // namespace specula
