#include "framework/core/params.h"

#include <algorithm>
#include <cmath>

namespace specula {
namespace {

std::string bound(double v) { return to_text({.data = v, .origin = {}}); }

}  // namespace

std::string call_text(const Params& params) {
  const Value* given = params.values.find("name");
  const std::string name = given != nullptr && given->is_string() ? given->string() : "";
  std::vector<std::string> arguments;
  for (const Entry& e : params.values.table()) {
    if (e.key == "name") continue;
    arguments.push_back(e.key.empty() || e.key == name ? to_text(e.value) : e.key + " = " + to_text(e.value));
  }
  return arguments.empty() ? name : cat(name, "(", join(arguments), ")");
}

std::string OptionLister::range_text(int64_t low, int64_t high) {
  return high == kMaxInteger || high == std::numeric_limits<int>::max() ? cat("at least ", low) : cat(low, "..", high);
}

std::string OptionLister::range_text(double low, double high) {
  if (high == kMaxNumber) return low == -kMaxNumber ? "any" : "at least " + bound(low);
  return bound(low) + ".." + bound(high);
}

void OptionLister::operator()(const char* name, bool& value, const char* help) {
  options.push_back({name, "boolean", value ? "true" : "false", "true, false", "", help});
}

void OptionLister::operator()(const char* name, std::string& value, const char* help) {
  options.push_back({name, "string", quoted(value), "", "", help});
}

void OptionLister::operator()(const char* name, std::string& value, const std::vector<std::string>& choices,
                              const char* help) {
  options.push_back({name, "string", quoted(value), join(choices), "", help});
}

void OptionLister::operator()(const char* name, std::vector<std::string>& value, const char* help) {
  std::vector<std::string> texts;
  for (const std::string& text : value) texts.push_back(quoted(text));
  options.push_back({name, "strings", cat("[", join(texts), "]"), "", "", help});
}

void OptionLister::operator()(const char* name, std::vector<double>& value, double low, double high, const char* help,
                              const char* unit) {
  std::vector<std::string> numbers;
  for (const double number : value) numbers.push_back(bound(number));
  options.push_back({name, "numbers", cat("[", join(numbers), "]"), cat("each ", range_text(low, high)), unit, help});
}

void OptionLister::operator()(const char* name, ModelName& value, const char* help) {
  options.push_back({name, "model", quoted(value.name), "a name of [models]", "", help});
}

void OptionLister::operator()(const char* name, FileName& value, const char* help) {
  options.push_back({name, "file", quoted(value.path), "a file", "", help});
}

void OptionLister::operator()(const char* name, Call& value, const char* kind, const char* help) {
  options.push_back({name, kind, value.is_given() ? quoted(text_of(value)) : "none", cat("a ", kind), "", help});
}

void OptionLister::operator()(const char* name, std::vector<Call>& value, const char* kind, const char* help) {
  std::vector<std::string> calls;
  for (const Call& call : value) calls.push_back(quoted(text_of(call)));
  options.push_back({name, cat(kind, "s"), cat("[", join(calls), "]"), cat("an array of ", kind, "s"), "", help});
}

std::string OptionLister::text_of(const Call& call) { return call_text({.place = "", .values = call.values}); }

Call default_call(const std::string& text) { return {parse_call(text, "default")}; }

const Value* OptionReader::given(const char* name) {
  known_.emplace_back(name);
  const Value* named = params_.values.find(name);
  const Value* bare = known_.size() == 1 ? params_.values.find("") : nullptr;
  if (named != nullptr && bare != nullptr)
    problems_.push_back(cat(bare->origin, ": ", params_.place, ": '", name, "' is given twice"));
  return named != nullptr ? named : bare;
}

void OptionReader::wrong(const char* name, const Value& value, const std::string& expected) {
  problems_.push_back(cat(value.origin, ": ", params_.place, " ", name, " = ", to_text(value), " is ", kind_name(value),
                          "; expected ", expected));
}

void OptionReader::keep(const char* name, decltype(Value::data) value, const Value* from) {
  resolved.set(name, {.data = std::move(value), .origin = from != nullptr ? from->origin : "default"});
}

void OptionReader::integer(const char* name, int64_t& value, int64_t low, int64_t high) {
  const Value* v = given(name);
  if (v != nullptr) {
    const auto* i = std::get_if<int64_t>(&v->data);
    if (i == nullptr) return wrong(name, *v, "an integer");
    if (*i < low || *i > high) {
      problems_.push_back(
          cat(v->origin, ": ", params_.place, " ", name, " = ", *i, " is out of range ", low, "..", high));
      return;
    }
    value = *i;
  }
  keep(name, value, v);
}

// Whether `value` is a number in the range, which is then read into `read`.
bool OptionReader::number_of(const char* name, const Value& value, double low, double high, double& read) {
  if (const auto* f = std::get_if<double>(&value.data)) {
    read = *f;
  } else if (const auto* i = std::get_if<int64_t>(&value.data)) {
    read = static_cast<double>(*i);
  } else {
    wrong(name, value, "a number");
    return false;
  }
  if (read >= low && read <= high) return true;  // written so that NaN is out of range
  problems_.push_back(cat(value.origin, ": ", params_.place, " ", name, " = ", bound(read), " is out of range ",
                          bound(low), "..", bound(high)));
  return false;
}

void OptionReader::number(const char* name, double& value, double low, double high) {
  const Value* v = given(name);
  double read = value;
  if (v != nullptr && !number_of(name, *v, low, high, read)) return;
  value = read;
  keep(name, value, v);
}

void OptionReader::operator()(const char* name, bool& value, const char* /*help*/) {
  const Value* v = given(name);
  if (v != nullptr) {
    const auto* b = std::get_if<bool>(&v->data);
    if (b == nullptr) return wrong(name, *v, "true or false");
    value = *b;
  }
  keep(name, value, v);
}

void OptionReader::operator()(const char* name, std::string& value, const char* /*help*/) {
  const Value* v = given(name);
  if (v != nullptr) {
    if (!v->is_string()) return wrong(name, *v, "a string");
    value = v->string();
  }
  keep(name, value, v);
}

void OptionReader::operator()(const char* name, std::string& value, const std::vector<std::string>& choices,
                              const char* /*help*/) {
  const Value* v = given(name);
  if (v != nullptr) {
    if (!v->is_string()) return wrong(name, *v, "one of " + join(choices));
    if (std::find(choices.begin(), choices.end(), v->string()) == choices.end()) {
      const std::string near = nearest(v->string(), choices);
      problems_.push_back(cat(v->origin, ": ", params_.place, " ", name, " = ", to_text(*v), ": not one of ",
                              join(choices), near.empty() ? "" : cat("; did you mean '", near, "'?")));
      return;
    }
    value = v->string();
  }
  keep(name, value, v);
}

void OptionReader::operator()(const char* name, std::vector<std::string>& value, const char* /*help*/) {
  const Value* v = given(name);
  if (v != nullptr) {
    if (!v->is_array()) return wrong(name, *v, "an array of strings");
    value.clear();
    for (const Value& element : v->array()) {
      if (!element.is_string()) return wrong(name, element, "an array of strings");
      value.push_back(element.string());
    }
  }
  Value::Array copy;
  for (const std::string& s : value) copy.push_back({.data = s, .origin = {}});
  keep(name, std::move(copy), v);
}

void OptionReader::operator()(const char* name, std::vector<double>& value, double low, double high,
                              const char* /*help*/, const char* /*unit*/) {
  const Value* v = given(name);
  if (v != nullptr) {
    if (!v->is_array()) return wrong(name, *v, "an array of numbers");
    value.clear();
    for (const Value& element : v->array()) {
      if (!number_of(name, element, low, high, value.emplace_back())) return;
    }
  }
  Value::Array copy;
  for (const double number : value) copy.push_back({.data = number, .origin = {}});
  keep(name, std::move(copy), v);
}

void OptionReader::operator()(const char* name, ModelName& value, const char* help) { (*this)(name, value.name, help); }

void OptionReader::operator()(const char* name, FileName& value, const char* help) { (*this)(name, value.path, help); }

// Whether `value` is a call, which is then read into `call`.
bool OptionReader::call_of(const char* name, const Value& value, Call& call) {
  if (value.is_string() && !value.string().empty()) {
    call.values = parse_call(value.string(), value.origin);
  } else if (value.find("name") != nullptr && value.find("name")->is_string()) {
    call.values = value;
  } else {
    wrong(name, value, "a call as in \"name(key = value)\" or { name = \"name\", key = value }");
    return false;
  }
  return true;
}

void OptionReader::operator()(const char* name, Call& value, const char* /*kind*/, const char* /*help*/) {
  const Value* v = given(name);
  if (v != nullptr && !call_of(name, *v, value)) return;
  if (value.is_given()) keep(name, value.values.data, v);
}

void OptionReader::operator()(const char* name, std::vector<Call>& value, const char* /*kind*/, const char* /*help*/) {
  const Value* v = given(name);
  if (v != nullptr) {
    if (!v->is_array()) return wrong(name, *v, "an array of calls");
    value.clear();
    for (const Value& element : v->array()) {
      if (!call_of(name, element, value.emplace_back())) return;
    }
  }
  Value::Array copy;
  for (const Call& call : value) copy.push_back(call.values);
  keep(name, std::move(copy), v);
}

std::vector<std::string> OptionReader::problems() {
  for (const Entry& e : params_.values.table()) {
    if (e.key == "name" || std::find(known_.begin(), known_.end(), e.key) != known_.end()) continue;
    if (e.key.empty()) {
      if (known_.empty())
        problems_.push_back(
            cat(e.value.origin, ": ", params_.place, " has no options, but ", to_text(e.value), " was given"));
      continue;
    }
    problems_.push_back(
        cat(e.value.origin, ": unknown key '", e.key, "' in ", params_.place, suggestion(e.key, known_)));
  }
  return std::move(problems_);
}

void OptionReader::finish() {
  const std::vector<std::string> all = problems();
  if (!all.empty()) throw ConfigError(join(all, "\n"));
}

}  // namespace specula
