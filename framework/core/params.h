// Options of a plug-in or of a config section, declared once.  An Options struct lists its members in
//   template <class V> void visit(V& v) { v("length", length, 1, 64, "tokens drafted in a round"); }
// and its defaults are its member initialisers.  From that one list come reading, checking, error texts with
// suggestions, help, and the resolved dump in which defaulted values are marked.  Licence: Apache-2.0.
#pragma once

#include <limits>
#include <type_traits>

#include "framework/core/error.h"
#include "framework/core/value.h"

namespace specula {

inline constexpr int64_t kMaxInteger = std::numeric_limits<int64_t>::max();
inline constexpr double kMaxNumber = std::numeric_limits<double>::max();

// The name of an entry of [models]; kept apart from plain text so that it is checked before any weights load.
struct ModelName {
  std::string name;
};

// A plug-in as an option of another: text as in "confidence(threshold = 0.4)", or a table with the key "name".
struct Call {
  Value values{.data = Value::Table{}, .origin = "default"};  // a table with "name"; empty: none was given
  bool is_given() const { return values.find("name") != nullptr; }
};
Call default_call(const std::string& text);  // of a plug-in's own default: "draft_model(length = 2)"

// A file that a plug-in reads.  A configuration resolves it (relative to the file that gives it), checks that it is
// there, and counts its content in the hash of the run.
struct FileName {
  std::string path;  // "": none
};

// What was given to a plug-in: a table, and the place that errors name ("[arm.sps] drafter").
struct Params {
  std::string place;
  Value values;  // a table; the key "name" is the plug-in's own and is not an option
};

// "draft_model(model = "small", length = 4)": what was given; a value named as its plug-in, or without a name, stands
// alone: "temperature(0.7)".
std::string call_text(const Params& params);

struct Option {
  std::string name, type, default_text, range, unit, help;
};

// Visitor: what the options are.
class OptionLister {
 public:
  std::vector<Option> options;
  template <class Number>
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) void operator()(
      const char* name, Number& value, std::type_identity_t<Number> low, std::type_identity_t<Number> high,
      const char* help, const char* unit = "") {
    options.push_back(
        {name, std::is_integral_v<Number> ? "integer" : "number", text_of(value), range_text(low, high), unit, help});
  }
  void operator()(const char* name, bool& value, const char* help);
  void operator()(const char* name, std::string& value, const char* help);
  void operator()(const char* name, std::string& value, const std::vector<std::string>& choices, const char* help);
  void operator()(const char* name, std::vector<std::string>& value, const char* help);
  void operator()(const char* name, std::vector<double>& value, double low, double high, const char* help,
                  const char* unit = "");
  void operator()(const char* name, ModelName& value, const char* help);
  void operator()(const char* name, FileName& value, const char* help);
  // `kind` of the plug-in that is called: "drafter", "stopper"; the option's type is "<kind>" or "<kind>s".
  void operator()(const char* name, Call& value, const char* kind, const char* help);
  void operator()(const char* name, std::vector<Call>& value, const char* kind, const char* help);

 private:
  static std::string text_of(int64_t v) { return to_text({.data = v, .origin = {}}); }
  static std::string text_of(const Call& call);
  static std::string text_of(int v) { return text_of(static_cast<int64_t>(v)); }
  static std::string text_of(double v) { return to_text({.data = v, .origin = {}}); }
  static std::string range_text(int64_t low, int64_t high);
  static std::string range_text(int low, int high) {
    return range_text(static_cast<int64_t>(low), static_cast<int64_t>(high));
  }
  static std::string range_text(double low, double high);
};

// Visitor: reads a table into the members.  Every problem is collected; finish() throws them all in one ConfigError,
// and otherwise leaves in `resolved` every option with its value and origin ("default" for those not given).
class OptionReader {
 public:
  explicit OptionReader(const Params& params) : params_(params) { resolved.origin = params.values.origin; }
  Value resolved;

  template <class Number>
  requires(std::is_arithmetic_v<Number> && !std::is_same_v<Number, bool>) void operator()(
      const char* name, Number& value, std::type_identity_t<Number> low, std::type_identity_t<Number> high,
      const char* /*help*/, const char* /*unit*/ = "") {
    if constexpr (std::is_integral_v<Number>) {
      int64_t wide = value;
      integer(name, wide, low, high);
      value = static_cast<Number>(wide);
    } else {
      number(name, value, low, high);
    }
  }
  void operator()(const char* name, bool& value, const char* help);
  void operator()(const char* name, std::string& value, const char* help);
  void operator()(const char* name, std::string& value, const std::vector<std::string>& choices, const char* help);
  void operator()(const char* name, std::vector<std::string>& value, const char* help);
  void operator()(const char* name, std::vector<double>& value, double low, double high, const char* help,
                  const char* unit = "");
  void operator()(const char* name, ModelName& value, const char* help);
  void operator()(const char* name, FileName& value, const char* help);
  void operator()(const char* name, Call& value, const char* kind, const char* help);
  void operator()(const char* name, std::vector<Call>& value, const char* kind, const char* help);
  void finish();                        // throws ConfigError
  std::vector<std::string> problems();  // the same, as a list; for callers that go on collecting

 private:
  const Value* given(const char* name);  // by its name, or the value without a key if this is the first option
  bool call_of(const char* name, const Value& value, Call& call);
  bool number_of(const char* name, const Value& value, double low, double high, double& read);
  void integer(const char* name, int64_t& value, int64_t low, int64_t high);
  void number(const char* name, double& value, double low, double high);
  void wrong(const char* name, const Value& value, const std::string& expected);
  void keep(const char* name, decltype(Value::data) value, const Value* from);

  const Params& params_;
  std::vector<std::string> known_;
  std::vector<std::string> problems_;
};

// The options of a plug-in read from what was given.  Throws ConfigError.
template <class Options>
Options read_options(const Params& params, Value* resolved = nullptr) {
  Options options;
  OptionReader reader(params);
  options.visit(reader);
  reader.finish();
  if (resolved != nullptr) *resolved = std::move(reader.resolved);
  return options;
}

template <class Options>
std::vector<Option> list_options() {
  Options options;
  OptionLister lister;
  options.visit(lister);
  return std::move(lister.options);
}

}  // namespace specula
