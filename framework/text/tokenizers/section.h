// A JSON object of a tokenizer's file with the place where it stands, for reading it with checks.  Licence: Apache-2.0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "framework/core/token.h"

namespace specula {

// Ids of a vocabulary are below this: 16 times the largest that is known.
inline constexpr int64_t kMaxVocab = int64_t{1} << 22;

bool is_token_id(const nlohmann::json& value);

class Section {
 public:
  // `json` outlives this.  Throws Error unless it is an object.
  Section(const nlohmann::json& json, std::string place);

  const std::string& place() const { return place_; }
  const nlohmann::json& json() const { return json_; }
  bool has(const char* key) const;  // and is not null
  bool is_text(const char* key) const;

  // All throw Error for another type, and without a fallback for a missing key.
  std::string text(const char* key) const;
  std::string text(const char* key, const std::string& fallback) const;
  bool flag(const char* key, bool fallback) const;
  int64_t number(const char* key, int64_t low, int64_t high) const;
  int64_t number(const char* key, int64_t low, int64_t high, int64_t fallback) const;
  Section object(const char* key) const;
  std::vector<Section> objects(const char* key) const;                 // a list of objects
  const nlohmann::json& array(const char* key) const;                  // a list
  std::string character(const char* key, const char* fallback) const;  // one character

  // "type" of a component.
  std::string type() const { return text("type"); }
  [[noreturn]] void unknown_type(const std::vector<std::string>& valid) const;
  [[noreturn]] void fail(const std::string& message) const;

 private:
  [[noreturn]] void wrong(const char* key, const char* expected) const;
  const nlohmann::json& at(const char* key, const char* expected) const;

  const nlohmann::json& json_;
  std::string place_;
};

}  // namespace specula
