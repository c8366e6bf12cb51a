#include "experiments/study/axis.h"

#include <charconv>
#include <cmath>
#include <optional>

#include "experiments/config/toml.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/keyring.h"

namespace specula {
namespace {

constexpr uint32_t kSweepStream = 0x5377;  // of the keyring

struct Range {
  double low = 0, high = 0, step = 1;
  bool multiplies = false, whole = true;
};

std::optional<double> take_number(std::string_view& text, bool& whole) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  const std::string_view taken = text.substr(0, static_cast<size_t>(end - text.data()));
  whole = whole && taken.find('.') == std::string_view::npos;
  text.remove_prefix(taken.size());
  return number;
}

std::optional<Range> parse_range(std::string_view text) {
  Range range;
  const auto low = take_number(text, range.whole);
  if (!low || text.empty() || text[0] != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto high = take_number(text, range.whole);
  if (!high) return std::nullopt;
  range.low = *low;
  range.high = *high;
  if (text.empty()) return range;
  range.multiplies = text[0] == '*';
  if (!range.multiplies && text[0] != '+') return std::nullopt;
  text.remove_prefix(1);
  const auto step = take_number(text, range.whole);
  if (!step || !text.empty()) return std::nullopt;
  range.step = *step;
  return range;
}

Value number_value(double number, bool whole, const std::string& origin) {
  if (whole) return {.data = static_cast<int64_t>(std::llround(number)), .origin = origin};
  // 0.1 + 0.2 is not what was meant: twelve digits are.
  return {.data = std::round(number * 1e12) / 1e12, .origin = origin};
}

std::vector<Value> expand(const Range& range, const std::string& text, const std::string& path,
                          const std::string& origin) {
  const auto fail = [&](const std::string& why) {
    throw ConfigError(cat(origin, ": ", path, " = \"", text, "\": ", why));
  };
  if (range.high < range.low) fail("the range ends before it begins");
  if (range.multiplies ? range.step <= 1 || range.low <= 0 : range.step <= 0) {
    fail(range.multiplies ? "a factor must be above 1 and the start above 0" : "a step must be above 0");
  }
  std::vector<Value> values;
  const double slack = 1e-9 * range.step;
  for (int64_t i = 0;; ++i) {
    const double at = range.multiplies ? range.low * std::pow(range.step, static_cast<double>(i))
                                       : range.low + static_cast<double>(i) * range.step;
    if (at > range.high + slack) return values;
    if (values.size() == kMostAxisValues) fail(cat("more than ", kMostAxisValues, " values"));
    values.push_back(number_value(at, range.whole, origin));
  }
}

[[noreturn]] void no_axis(const Value& given, const std::string& path) {
  throw ConfigError(cat(given.origin, ": ", path, " = ", to_text(given), " is ", kind_name(given),
                        given.is_table()
                            ? "; a swept key stands in quotes: \"a.b\" = [1, 2]"
                            : "; expected an array of values or a range: \"1-8\", \"1-16*2\", \"0-1+0.25\""));
}

double number_of(const Value& value) {
  if (const auto* whole = std::get_if<int64_t>(&value.data)) return static_cast<double>(*whole);
  if (const auto* number = std::get_if<double>(&value.data)) return *number;
  throw ConfigError(cat(value.origin, ": ", to_text(value), " is ", kind_name(value), "; expected a number"));
}

}  // namespace

std::vector<Value> axis_values(const Value& given, const std::string& path) {
  if (given.is_array()) {
    if (given.array().empty()) throw ConfigError(cat(given.origin, ": ", path, " = [] has no values"));
    if (given.array().size() > kMostAxisValues)
      throw ConfigError(
          cat(given.origin, ": ", path, " has ", given.array().size(), " values; at most ", kMostAxisValues));
    return given.array();
  }
  if (!given.is_string()) no_axis(given, path);
  const auto range = parse_range(given.string());
  if (!range) no_axis(given, path);
  return expand(*range, given.string(), path, given.origin);
}

std::vector<Value> axis_values_of_flag(const std::string& text, const std::string& path, const std::string& origin) {
  if (const auto range = parse_range(text)) return expand(*range, text, path, origin);
  const auto parsed = parse_toml_value(text, origin);
  if (parsed && parsed->is_array()) return axis_values(*parsed, path);
  std::vector<Value> values;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    auto value = parse_toml_value(word, origin);
    if (word.empty()) throw ConfigError(cat(origin, ": a value is missing; expected the form key=1,2,4 or key=1-8"));
    values.push_back(value ? std::move(*value) : Value{.data = word, .origin = origin});
    begin = end + 1;
  }
  return values;
}

std::vector<Value> random_values(const Value& law, const std::string& path, int64_t n, uint64_t seed) {
  const auto expected = [&] {
    return ConfigError(cat(law.origin, ": ", path, " = ", to_text(law),
                           ": expected { uniform = [a, b] }, { log_uniform = [a, b] }, ",
                           "{ integers = [a, b] } or { choice = [...] }"));
  };
  if (!law.is_table() || law.table().size() != 1 || !law.table()[0].value.is_array()) throw expected();
  const std::string& name = law.table()[0].key;
  const Value::Array& given = law.table()[0].value.array();
  const Keyring keys = Keyring(seed).fork(kSweepStream);
  const auto request = static_cast<int64_t>(std::stoull(sha256(path).substr(0, 16), nullptr, 16) >> 1);
  const auto u = [&](int64_t j) { return keys.uniform(Use::kSearch, request, j, 0); };
  std::vector<Value> values;
  if (name == "choice") {
    if (given.empty()) throw expected();
    for (int64_t j = 0; j < n; ++j)
      values.push_back(given[static_cast<size_t>(u(j) * static_cast<double>(given.size()))]);
    return values;
  }
  if (given.size() != 2) throw expected();
  const double low = number_of(given[0]), high = number_of(given[1]);
  if (!(low < high) || (name == "log_uniform" && low <= 0))
    throw ConfigError(cat(law.origin, ": ", path, ": ", name, " = ", to_text(law.table()[0].value), " is no interval",
                          name == "log_uniform" ? " of positive numbers" : ""));
  for (int64_t j = 0; j < n; ++j) {
    if (name == "uniform") {
      values.push_back({.data = low + u(j) * (high - low), .origin = law.origin});
    } else if (name == "log_uniform") {
      values.push_back({.data = low * std::pow(high / low, u(j)), .origin = law.origin});
    } else if (name == "integers") {
      values.push_back({.data = static_cast<int64_t>(low + std::floor(u(j) * (high - low + 1))), .origin = law.origin});
    } else {
      throw expected();
    }
  }
  return values;
}

}  // namespace specula
