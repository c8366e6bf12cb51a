// A record, read back from its line.
#include <simdjson.h>

#include <limits>

#include "experiments/run/records.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

constexpr Token kUnpublished = -1;

// A key of an object, by the type that it must have; whatever is wrong names the key.
class Fields {
 public:
  explicit Fields(object json) : json_(json) {}

  bool has(const char* name) const { return find(name).has_value(); }  // and it is not null
  std::string text(const char* name) const { return std::string(get<std::string_view>(at(name), name)); }
  std::string text(const char* name, const std::string& otherwise) const { return has(name) ? text(name) : otherwise; }
  int64_t integer(const char* name) const { return get<int64_t>(at(name), name); }
  int64_t integer(const char* name, int64_t otherwise) const { return has(name) ? integer(name) : otherwise; }
  double number(const char* name) const { return get<double>(at(name), name); }
  double number(const char* name, double otherwise) const { return has(name) ? number(name) : otherwise; }
  bool boolean(const char* name) const { return get<bool>(at(name), name); }
  object table(const char* name) const { return get<object>(at(name), name); }

  template <class Int>
  std::vector<Int> integers(const char* name) const {
    std::vector<Int> values;
    for (const element value : get<simdjson::dom::array>(at(name), name)) {
      const auto wide = get<int64_t>(value, name);
      if (wide < std::numeric_limits<Int>::min() || wide > std::numeric_limits<Int>::max())
        throw Error(cat("'", name, "' holds ", wide));
      values.push_back(static_cast<Int>(wide));
    }
    return values;
  }
  // null is NaN.
  std::vector<double> numbers(const char* name) const { return numbers_of(at(name), name); }

  static std::vector<double> numbers_of(element list, std::string_view name) {
    std::vector<double> values;
    for (const element value : get<simdjson::dom::array>(list, name))
      values.push_back(value.is_null() ? std::numeric_limits<double>::quiet_NaN() : get<double>(value, name));
    return values;
  }

  template <class T>
  static T get(element value, std::string_view name) {
    T result{};
    if (value.get(result) != simdjson::SUCCESS) throw Error(cat("'", name, "' is ", simdjson::minify(value)));
    return result;
  }

 private:
  std::optional<element> find(const char* name) const {
    element value;
    if (json_.at_key(name).get(value) != simdjson::SUCCESS || value.is_null()) return std::nullopt;
    return value;
  }
  element at(const char* name) const {
    element value;
    if (json_.at_key(name).get(value) != simdjson::SUCCESS) throw Error(cat("it has no '", name, "'"));
    return value;
  }
  object json_;
};

void read_rounds(const Fields& json, Rounds& rounds) {
  rounds.drafted = json.integers<int>("drafted");
  rounds.depth = json.has("depth") ? json.integers<int>("depth") : rounds.drafted;
  rounds.accepted = json.integers<int>("accepted");
  rounds.kept = json.integers<int>("kept");
  rounds.cut = static_cast<int>(json.integer("cut_step", -1));
  if (json.has("expected")) rounds.expected = json.numbers("expected");
  if (json.has("rule_us")) rounds.rule_us = json.numbers("rule_us");
  if (json.has("notes")) {
    for (const auto& [name, values] : json.table("notes"))
      rounds.notes[std::string(name)] = Fields::numbers_of(values, name);
  }
  const size_t n = rounds.size();
  const auto fits = [&](const std::vector<double>& values) { return values.empty() || values.size() == n; };
  if (rounds.drafted.size() != n || rounds.depth.size() != n || rounds.accepted.size() != n)
    throw Error("drafted, depth, accepted and kept differ in length");
  if (!fits(rounds.expected) || !fits(rounds.rule_us)) throw Error("expected or rule_us differs in length from kept");
  for (const auto& [name, values] : rounds.notes) {
    if (!fits(values)) throw Error("the notes '" + name + "' differ in length from kept");
  }
}

void read_measures(const Fields& json, Record& r) {
  r.n_in = json.integer("n_in_tok");
  read_rounds(json, r.rounds);
  if (r.replayed) return;
  r.stop = json.text("stop");
  if (json.has("out_ids")) {
    r.out = json.integers<Token>("out_ids");
  } else {  // a public copy holds their number alone
    const int64_t count = json.integer("n_out_tok");
    constexpr int64_t kMost = int64_t{1} << 32;
    if (count < 0 || count > kMost) throw Error(cat("'n_out_tok' is ", count));
    r.out.assign(static_cast<size_t>(count), kUnpublished);
  }
  r.start_us = json.number("t_start_us");
  r.batch = static_cast<int>(json.integer("batch", 1));
  if (r.batch < 1) throw Error(cat("'batch' is ", r.batch, "; expected 1 or more"));
  r.prefill_us = json.number("prefill_us");
  r.e2e_us = json.number("e2e_us");
  r.unbilled_us = json.number("unbilled_us");
  r.rounds.ready_us = json.numbers("ready_us");
  if (r.rounds.ready_us.size() != r.rounds.size()) throw Error("ready_us differs in length from kept");
  if (json.has("energy_j")) {
    for (const auto& [domain, joules] : json.table("energy_j"))
      r.energy_j[std::string(domain)] = Fields::get<double>(joules, domain);
  }
  if (json.has("phase_us")) {
    const Fields phases(json.table("phase_us"));
    for (int i = 0; i < kNumPhases; ++i) r.phase_us[i] = phases.number(kPhaseNames[i], 0);
  }
  if (json.has("exact")) r.exact = json.boolean("exact");
  if (json.has("first_div_tok")) r.first_difference = json.integer("first_div_tok");
  if (json.has("div_margin_nats")) r.margin_nats = json.number("div_margin_nats");
  r.exact_why = json.text("exact_why", "");
  r.margin_why = json.text("div_margin_nats_why", "");
}

Record read_record(const Fields& json) {
  Record r;
  const std::string kind = json.text("k");
  if (kind != "rec" && kind != "trace") throw Error("\"k\" is \"" + kind + "\"; valid: rec, trace");
  r.key = {.trace = kind == "trace",
           .arm = json.text("arm"),
           .prompt = json.text("prompt"),
           .turn = static_cast<int>(json.integer("turn")),
           .rep = static_cast<int>(json.integer("rep"))};
  r.segment = static_cast<int>(json.integer("seg"));
  r.group = json.text("group");
  r.category = json.text("cat");
  r.order = json.integer("order", 0);
  r.request = json.integer("request", 0);
  const std::string status = json.text("status");
  r.replayed = status == "replay";
  r.ok = r.replayed || status == "ok";
  if (r.ok) {
    read_measures(json, r);
  } else if (json.has("err")) {
    r.error = Fields(json.table("err")).text("what", "");
  }
  return r;
}

}  // namespace

Record parse_record(std::string_view line, const std::string& place) {
  thread_local simdjson::dom::parser parser;  // keeps its memory from line to line
  try {
    object json;
    const simdjson::error_code code = parser.parse(line.data(), line.size()).get(json);
    if (code != simdjson::SUCCESS) throw Error(simdjson::error_message(code));
    return read_record(Fields(json));
  } catch (const std::exception& e) {
    throw Error(cat(place, ": not a record: ", e.what()));
  }
}

}  // namespace specula
