#include "experiments/run/records.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "experiments/scores/score_file.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

constexpr Token kUnpublished = -1;

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

std::vector<double> read_values(const Json& array) {
  std::vector<double> values;
  for (const Json& v : array)
    values.push_back(v.is_null() ? std::numeric_limits<double>::quiet_NaN() : v.get<double>());
  return values;
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
  json["prefill_us"] = tenth(r.prefill_us);
  json["ttft_us"] = tenth(r.ttft_us());
  json["decode_us"] = tenth(r.decode_us());
  json["e2e_us"] = tenth(r.e2e_us);
  json["unbilled_us"] = tenth(r.unbilled_us);
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

template <class T>
std::optional<T> optional_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

void read_rounds(const Json& json, Rounds& rounds) {
  rounds.drafted = json.at("drafted").get<std::vector<int>>();
  rounds.depth = json.contains("depth") ? json.at("depth").get<std::vector<int>>() : rounds.drafted;
  rounds.accepted = json.at("accepted").get<std::vector<int>>();
  rounds.kept = json.at("kept").get<std::vector<int>>();
  rounds.cut = optional_of<int>(json, "cut_step").value_or(-1);
  if (const auto found = json.find("expected"); found != json.end()) rounds.expected = read_values(*found);
  if (const auto found = json.find("rule_us"); found != json.end()) rounds.rule_us = read_values(*found);
  if (const auto found = json.find("notes"); found != json.end()) {
    for (const auto& [name, values] : found->items()) rounds.notes[name] = read_values(values);
  }
  const size_t n = rounds.size();
  const auto fits = [&](const std::vector<double>& values) { return values.empty() || values.size() == n; };
  if (rounds.drafted.size() != n || rounds.depth.size() != n || rounds.accepted.size() != n) {
    throw Error("drafted, depth, accepted and kept differ in length");
  }
  if (!fits(rounds.expected) || !fits(rounds.rule_us)) throw Error("expected or rule_us differs in length from kept");
  for (const auto& [name, values] : rounds.notes) {
    if (!fits(values)) throw Error("the notes '" + name + "' differ in length from kept");
  }
}

void read_measures(const Json& json, Record& r) {
  r.n_in = json.at("n_in_tok").get<int64_t>();
  read_rounds(json, r.rounds);
  if (r.replayed) return;
  r.stop = json.at("stop").get<std::string>();
  if (json.at("out_ids").is_null()) {  // a public copy holds their number alone
    r.out.assign(json.at("n_out_tok").get<size_t>(), kUnpublished);
  } else {
    r.out = json.at("out_ids").get<std::vector<Token>>();
  }
  r.start_us = json.at("t_start_us").get<double>();
  r.prefill_us = json.at("prefill_us").get<double>();
  r.e2e_us = json.at("e2e_us").get<double>();
  r.unbilled_us = json.at("unbilled_us").get<double>();
  r.rounds.ready_us = json.at("ready_us").get<std::vector<double>>();
  if (r.rounds.ready_us.size() != r.rounds.size()) throw Error("ready_us differs in length from kept");
  if (const auto phases = json.find("phase_us"); phases != json.end()) {
    for (int i = 0; i < kNumPhases; ++i) r.phase_us[i] = phases->value(kPhaseNames[i], 0.0);
  }
  r.exact = optional_of<bool>(json, "exact");
  r.first_difference = optional_of<int64_t>(json, "first_div_tok");
  r.margin_nats = optional_of<double>(json, "div_margin_nats");
  r.exact_why = json.value("exact_why", "");
  r.margin_why = json.value("div_margin_nats_why", "");
}

void read_file_into(const std::filesystem::path& file, std::vector<Record>& all) {
  const std::string text = read_file(file);
  int64_t number = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) return;  // torn: the writer died in this line
    ++number;
    if (end > start) all.push_back(parse_record(text.substr(start, end - start), cat(file.string(), ":", number)));
    start = end + 1;
  }
}

RecordSet one_of_each_key(std::vector<Record> all) {
  RecordSet set;
  std::map<RecordKey, size_t> kept;
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

double Record::ttft_us() const {
  for (size_t i = 0; i < rounds.ready_us.size(); ++i) {
    if (rounds.kept[i] > 0) return rounds.ready_us[i];
  }
  return 0;
}

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

Record parse_record(const std::string& line, const std::string& place) {
  try {
    const Json json = Json::parse(line);
    Record r;
    const auto kind = json.at("k").get<std::string>();
    if (kind != "rec" && kind != "trace") throw Error("\"k\" is \"" + kind + "\"; valid: rec, trace");
    r.key = {.trace = kind == "trace",
             .arm = json.at("arm").get<std::string>(),
             .prompt = json.at("prompt").get<std::string>(),
             .turn = json.at("turn").get<int>(),
             .rep = json.at("rep").get<int>()};
    r.segment = json.at("seg").get<int>();
    r.group = json.at("group").get<std::string>();
    r.category = json.at("cat").get<std::string>();
    r.order = json.value("order", int64_t{0});
    r.request = json.value("request", int64_t{0});
    const auto status = json.at("status").get<std::string>();
    r.replayed = status == "replay";
    r.ok = r.replayed || status == "ok";
    if (r.ok) {
      read_measures(json, r);
    } else if (json.contains("err") && json.at("err").is_object()) {
      r.error = json.at("err").value("what", "");
    }
    return r;
  } catch (const std::exception& e) {
    throw Error(cat(place, ": not a record: ", e.what()));
  }
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
