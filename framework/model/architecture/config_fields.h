// Fields of one JSON object of a config.json, with bounds, defaults and errors that name file, field, the given value
// and the valid ones.  Licence: Apache-2.0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace specula {

class ConfigFields {
 public:
  using Json = nlohmann::json;
  // `object` is lent.
  ConfigFields(const Json& object, std::string place) : object_(object), place_(std::move(place)) {}

  [[noreturn]] void fail(const std::string& field, const std::string& what) const;
  const Json* find(const std::string& field) const;  // null where it is missing or null
  bool has(const std::string& field) const { return find(field) != nullptr; }
  bool is_null(const std::string& field) const;  // given as null, which is not the same as missing to some
  int64_t size(const std::string& field, int64_t most) const;  // 1..most; missing: an error
  int64_t size_or(const std::string& field, int64_t otherwise, int64_t most) const;
  int64_t count_or(const std::string& field, int64_t otherwise, int64_t most) const;  // 0..most
  double number_or(const std::string& field, double otherwise, double least, double most) const;
  bool flag_or(const std::string& field, bool otherwise) const;
  std::string text_or(const std::string& field, const std::string& otherwise) const;
  std::vector<std::string> texts(const std::string& field) const;  // empty where it is missing
  std::vector<double> numbers(const std::string& field, double least, double most) const;
  ConfigFields object(const std::string& field) const;  // an error where it is no object
  // Throws unless the field is missing or has this value: what cannot be computed otherwise.
  void require_flag(const std::string& field, bool only, bool otherwise) const;
  const std::string& place() const { return place_; }

 private:
  int64_t bounded(const std::string& field, const Json& value, int64_t least, int64_t most) const;

  const Json& object_;
  std::string place_;
};

}  // namespace specula
