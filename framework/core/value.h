// A configuration value with the place it came from: what a TOML file, a --set flag and a "name(k=v)" string all
// become. Tables keep the order in which keys were given.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace specula {

struct Entry;

struct Value {
  using Array = std::vector<Value>;
  using Table = std::vector<Entry>;

  std::variant<Table, bool, int64_t, double, std::string, Array> data;
  std::string origin;  // "run.toml:22:3", "--set arm.x.length=5", "default"

  bool is_table() const { return std::holds_alternative<Table>(data); }
  bool is_array() const { return std::holds_alternative<Array>(data); }
  bool is_string() const { return std::holds_alternative<std::string>(data); }
  const Table& table() const { return std::get<Table>(data); }
  Table& table() { return std::get<Table>(data); }
  const Array& array() const { return std::get<Array>(data); }
  Array& array() { return std::get<Array>(data); }
  const std::string& string() const { return std::get<std::string>(data); }

  const Value* find(const std::string& key) const;  // null: no such key (or not a table)
  Value* find(const std::string& key);
  Value& set(const std::string& key, Value value);  // adds or replaces
  bool erase(const std::string& key);
};

struct Entry {
  std::string key;
  Value value;
};

std::string kind_name(const Value& value);  // "a boolean", "an integer", "a number", "a string", "an array", "a table"
std::string to_text(const Value& value);    // one line of TOML: 4, 0.7, "first", [1, 2], { name = "x" }
std::string quoted(const std::string& text);  // a TOML basic string

// Parses "prompt_lookup(max_ngram=3, length=10)" or a bare name into { name = ..., max_ngram = 3, ... }; a bare value,
// as in temperature(0.7), gets the key "" and goes to the first option.  Arguments may nest and be arrays:
// "fallback(drafters=[echo(2), none])". Several, separated by commas, as in "temperature(0.7),top_p(0.9)".  Throws
// ConfigError with the column.
std::vector<Value> parse_calls(const std::string& text, const std::string& origin);
Value parse_call(const std::string& text, const std::string& origin);  // exactly one

}  // namespace specula
