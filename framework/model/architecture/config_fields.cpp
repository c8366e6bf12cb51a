#include "framework/model/architecture/config_fields.h"

#include <nlohmann/json.hpp>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kMostItems = 4096;  // of a list

}  // namespace

void ConfigFields::fail(const std::string& field, const std::string& what) const {
  throw Error(cat(place_, ": field '", field, "' ", what));
}

const ConfigFields::Json* ConfigFields::find(const std::string& field) const {
  const auto found = object_.find(field);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigFields::is_null(const std::string& field) const {
  const auto found = object_.find(field);
  return found != object_.end() && found->is_null();
}

int64_t ConfigFields::bounded(const std::string& field, const Json& value, int64_t least, int64_t most) const {
  const bool fits =
      value.is_number_integer() && value.get<double>() >= double(least) && value.get<double>() <= double(most);
  if (!fits) fail(field, cat("is ", value.dump(), "; expected an integer in ", least, "..", most));
  return value.get<int64_t>();
}

int64_t ConfigFields::size(const std::string& field, int64_t most) const {
  const Json* value = find(field);
  if (value == nullptr) fail(field, cat("is missing; expected an integer in 1..", most));
  return bounded(field, *value, 1, most);
}

int64_t ConfigFields::size_or(const std::string& field, int64_t otherwise, int64_t most) const {
  const Json* value = find(field);
  return value == nullptr ? otherwise : bounded(field, *value, 1, most);
}

int64_t ConfigFields::count_or(const std::string& field, int64_t otherwise, int64_t most) const {
  const Json* value = find(field);
  return value == nullptr ? otherwise : bounded(field, *value, 0, most);
}

double ConfigFields::number_or(const std::string& field, double otherwise, double least, double most) const {
  const Json* value = find(field);
  if (value == nullptr) return otherwise;
  const bool fits = value->is_number() && value->get<double>() >= least && value->get<double>() <= most;
  if (!fits) fail(field, cat("is ", value->dump(), "; expected a number in ", least, "..", most));
  return value->get<double>();
}

bool ConfigFields::flag_or(const std::string& field, bool otherwise) const {
  const Json* value = find(field);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) fail(field, cat("is ", value->dump(), "; expected true or false"));
  return value->get<bool>();
}

std::string ConfigFields::text_or(const std::string& field, const std::string& otherwise) const {
  const Json* value = find(field);
  if (value == nullptr) return otherwise;
  if (!value->is_string()) fail(field, cat("is ", value->dump(), "; expected a string"));
  return value->get<std::string>();
}

std::vector<std::string> ConfigFields::texts(const std::string& field) const {
  const Json* value = find(field);
  std::vector<std::string> all;
  if (value == nullptr) return all;
  if (!value->is_array() || value->size() > kMostItems)
    fail(field, cat("must be a list of at most ", kMostItems, " strings"));
  for (const Json& item : *value) {
    if (!item.is_string()) fail(field, cat("holds ", item.dump(), "; expected strings"));
    all.push_back(item.get<std::string>());
  }
  return all;
}

std::vector<double> ConfigFields::numbers(const std::string& field, double least, double most) const {
  const Json* value = find(field);
  std::vector<double> all;
  if (value == nullptr) return all;
  if (!value->is_array() || value->size() > kMostItems)
    fail(field, cat("must be a list of at most ", kMostItems, " numbers"));
  for (const Json& item : *value) {
    const bool fits = item.is_number() && item.get<double>() >= least && item.get<double>() <= most;
    if (!fits) fail(field, cat("holds ", item.dump(), "; expected numbers in ", least, "..", most));
    all.push_back(item.get<double>());
  }
  return all;
}

ConfigFields ConfigFields::object(const std::string& field) const {
  const Json* value = find(field);
  if (value == nullptr || !value->is_object()) {
    fail(field, cat(value == nullptr ? "is missing" : "is " + value->dump(), "; expected an object"));
  }
  return {*value, cat(place_, ": ", field)};
}

void ConfigFields::require_flag(const std::string& field, bool only, bool otherwise) const {
  if (flag_or(field, otherwise) != only) {
    fail(field, cat("is ", only ? "false" : "true", ", which is not supported; valid: ", only ? "true" : "false"));
  }
}

}  // namespace specula
