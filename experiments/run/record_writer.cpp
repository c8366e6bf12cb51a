// A record as a line of JSON.  A run writes one for every turn, so the line is put together directly.
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/run/records.h"

namespace specula {
namespace {

double tenth(double us) { return std::round(us * 10) / 10; }

// The members of an object, in the order in which they are put.
class Line {
 public:
  void put(std::string_view name, bool value) { member(name) += value ? "true" : "false"; }
  void put(std::string_view name, int value) { append(member(name), value); }
  void put(std::string_view name, int64_t value) { append(member(name), value); }
  void put(std::string_view name, double value) { append(member(name), value); }
  void put(std::string_view name, const char* value) { member(name) += quoted(value); }
  void put(std::string_view name, const std::string& value) { member(name) += quoted(value); }
  void put(std::string_view name, const Line& object) { member(name) += object.text(); }
  void put_null(std::string_view name) { member(name) += "null"; }

  template <class T>
  void put(std::string_view name, const std::vector<T>& values) {
    std::string& text = member(name) += '[';
    for (const T value : values) {
      if (text.back() != '[') text += ',';
      append(text, value);
    }
    text += ']';
  }

  std::string text() const { return text_ + "}"; }

 private:
  std::string& member(std::string_view name) {
    if (text_.size() > 1) text_ += ',';
    return ((text_ += '"') += name) += "\":";
  }
  template <class Int>
  static void append(std::string& text, Int value) {
    char buffer[24];
    text.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
  }
  // NaN becomes null; a whole number stays a number with a point.
  static void append(std::string& text, double value) {
    if (!std::isfinite(value)) {
      text += "null";
      return;
    }
    char buffer[40];
    const std::string_view number(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
    text += number;
    if (number.find_first_of(".e") == std::string_view::npos) text += ".0";
  }
  static std::string quoted(const std::string& value) {
    return nlohmann::json(value).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  std::string text_ = "{";
};

template <class T>
void put_optional(Line& line, const char* name, const std::optional<T>& value, const std::string& why) {
  if (value) return line.put(name, *value);
  line.put_null(name);
  if (!why.empty()) line.put(std::string(name) + "_why", why);
}

void put_rounds(Line& line, const Rounds& rounds) {
  line.put("steps", static_cast<int64_t>(rounds.size()));
  line.put("drafted", rounds.drafted);
  if (rounds.is_tree()) line.put("depth", rounds.depth);
  line.put("accepted", rounds.accepted);
  line.put("kept", rounds.kept);
  put_optional(line, "cut_step", rounds.cut < 0 ? std::nullopt : std::optional(rounds.cut), "");
  if (!rounds.expected.empty()) line.put("expected", rounds.expected);
  if (!rounds.rule_us.empty()) line.put("rule_us", rounds.rule_us);
  if (rounds.notes.empty()) return;
  Line notes;
  for (auto [name, values] : rounds.notes) {
    values.resize(rounds.size(), std::nan(""));  // the last rounds may lack it
    notes.put(name, values);
  }
  line.put("notes", notes);
}

std::vector<double> tenths(std::vector<double> values) {
  for (double& v : values) v = tenth(v);
  return values;
}

void put_measures(Line& line, const Record& r) {
  line.put("n_in_tok", r.n_in);
  line.put("n_out_tok", r.n_out());
  line.put("stop", r.stop);
  line.put("out_ids", r.out);
  line.put("t_start_us", tenth(r.start_us));
  if (r.batch > 1) line.put("batch", r.batch);
  line.put("prefill_us", tenth(r.prefill_us));
  line.put("ttft_us", tenth(r.ttft_us()));
  line.put("decode_us", tenth(r.decode_us()));
  line.put("e2e_us", tenth(r.e2e_us));
  line.put("unbilled_us", tenth(r.unbilled_us));
  if (!r.energy_j.empty()) {
    Line energy;
    for (const auto& [domain, joules] : r.energy_j) energy.put(domain, joules);
    line.put("energy_j", energy);
  }
  put_rounds(line, r.rounds);
  line.put("ready_us", tenths(r.rounds.ready_us));
  if (!r.key.trace) return;
  Line phases;
  for (int i = 0; i < kNumPhases; ++i) phases.put(kPhaseNames[i], tenth(r.phase_us[i]));
  line.put("phase_us", phases);
}

// What only a decode measures: the text and its times.
constexpr const char* kOfDecode[] = {"n_out_tok", "stop",      "out_ids", "t_start_us",  "prefill_us",
                                     "ttft_us",   "decode_us", "e2e_us",  "unbilled_us", "ready_us"};

void put_replay(Line& line, const Record& r) {
  line.put("n_in_tok", r.n_in);
  for (const char* const name : kOfDecode) line.put_null(name);
  put_rounds(line, r.rounds);
}

void put_failure(Line& line, const Record& r) {
  for (const char* const name : {"n_in_tok", "steps", "drafted", "accepted", "kept", "cut_step"}) line.put_null(name);
  for (const char* const name : kOfDecode) line.put_null(name);
  Line error;
  error.put("type", "error");
  error.put("what", r.error);
  line.put("err", error);
}

}  // namespace

std::string to_line(const Record& r) {
  Line line;
  line.put("k", r.key.trace ? "trace" : "rec");
  line.put("v", 1);
  line.put("seg", r.segment);
  line.put("arm", r.key.arm);
  line.put("prompt", r.key.prompt);
  line.put("group", r.group);
  line.put("cat", r.category);
  line.put("turn", r.key.turn);
  line.put("rep", r.key.rep);
  line.put("order", r.order);
  line.put("request", r.request);
  line.put("status", !r.ok ? "error" : r.replayed ? "replay" : "ok");
  if (!r.ok) {
    put_failure(line, r);
  } else if (r.replayed) {
    put_replay(line, r);
  } else {
    put_measures(line, r);
  }
  put_optional(line, "exact", r.exact, r.exact_why);
  put_optional(line, "first_div_tok", r.first_difference, "");
  put_optional(line, "div_margin_nats", r.margin_nats, r.margin_why);
  return line.text();
}

}  // namespace specula
