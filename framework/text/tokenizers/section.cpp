#include "framework/text/tokenizers/section.h"

#include <nlohmann/json.hpp>
#include "framework/core/error.h"
#include "framework/text/tokenizers/unicode.h"

namespace specula {

using Json = nlohmann::json;

bool is_token_id(const Json& value) { return value.is_number_integer() && value >= 0 && value < kMaxVocab; }

Section::Section(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
  if (!json_.is_object()) fail(cat("expected an object, got ", json_.type_name()));
}

void Section::fail(const std::string& message) const { throw Error(cat(place_, ": ", message)); }

void Section::wrong(const char* key, const char* expected) const {
  const auto found = json_.find(key);
  fail(cat(key, " must be ", expected, ", got ", found == json_.end() ? "nothing" : found->type_name()));
}

bool Section::has(const char* key) const {
  const auto found = json_.find(key);
  return found != json_.end() && !found->is_null();
}

bool Section::is_text(const char* key) const { return has(key) && json_.at(key).is_string(); }

const Json& Section::at(const char* key, const char* expected) const {
  const auto found = json_.find(key);
  if (found == json_.end()) wrong(key, expected);
  return *found;
}

std::string Section::text(const char* key) const {
  const Json& value = at(key, "a string");
  if (!value.is_string()) wrong(key, "a string");
  return value.get<std::string>();
}

std::string Section::text(const char* key, const std::string& fallback) const {
  return has(key) ? text(key) : fallback;
}

bool Section::flag(const char* key, bool fallback) const {
  if (!has(key)) return fallback;
  if (!json_.at(key).is_boolean()) wrong(key, "true or false");
  return json_.at(key).get<bool>();
}

int64_t Section::number(const char* key, int64_t low, int64_t high) const {
  const Json& value = at(key, "a whole number");
  const bool fits = value.is_number_integer() && !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX);
  if (!fits || value.get<int64_t>() < low || value.get<int64_t>() > high)
    fail(cat(key, " must be a whole number in ", low, "..", high, ", got ", value.dump().substr(0, 40)));
  return value.get<int64_t>();
}

int64_t Section::number(const char* key, int64_t low, int64_t high, int64_t fallback) const {
  return has(key) ? number(key, low, high) : fallback;
}

Section Section::object(const char* key) const {
  const Json& value = at(key, "an object");
  if (!value.is_object()) wrong(key, "an object");
  return {value, cat(place_, ".", key)};
}

const Json& Section::array(const char* key) const {
  const Json& value = at(key, "a list");
  if (!value.is_array()) wrong(key, "a list");
  return value;
}

std::vector<Section> Section::objects(const char* key) const {
  std::vector<Section> sections;
  const Json& list = array(key);
  sections.reserve(list.size());
  for (size_t i = 0; i < list.size(); ++i) sections.emplace_back(list[i], cat(place_, ".", key, "[", i, "]"));
  return sections;
}

std::string Section::character(const char* key, const char* fallback) const {
  const std::string value = text(key, fallback);
  if (value.empty() || character_at(value, 0).length != value.size())
    fail(cat(key, " must be one character, got '", value, "'"));
  return value;
}

void Section::unknown_type(const std::vector<std::string>& valid) const {
  fail(cat("unknown type '", type(), "'; valid: ", join(valid)));
}

}  // namespace specula
