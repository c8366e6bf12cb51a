#include "experiments/config/toml.h"

#include <toml++/toml.h>

#include <algorithm>
#include <utility>

#include "framework/core/error.h"

namespace specula {
namespace {

// Turns toml++ nodes into Values.  A fixed origin, where given, stands in for the places in the text.
class Converter {
 public:
  Converter(std::string file, std::string fixed_origin) : file_(std::move(file)), fixed_(std::move(fixed_origin)) {}

  Value value(const toml::node& node) const {
    Value result;
    result.origin = origin(node.source());
    if (const auto* table = node.as_table()) {
      result.data = entries(*table);
    } else if (const auto* array = node.as_array()) {
      Value::Array elements;
      for (const toml::node& element : *array) elements.push_back(value(element));
      result.data = std::move(elements);
    } else if (const auto* text = node.as_string()) {
      result.data = text->get();
    } else if (const auto* integer = node.as_integer()) {
      result.data = integer->get();
    } else if (const auto* number = node.as_floating_point()) {
      result.data = number->get();
    } else if (const auto* boolean = node.as_boolean()) {
      result.data = boolean->get();
    } else {
      throw ConfigError(result.origin + ": a date or time; expected text, a number, true, false, an array or a table");
    }
    return result;
  }

 private:
  // toml++ sorts keys by name; the order of the text is restored from their places.
  Value::Table entries(const toml::table& table) const {
    std::vector<std::pair<const toml::key*, const toml::node*>> keys;
    for (auto&& [key, node] : table) keys.emplace_back(&key, &node);
    std::stable_sort(keys.begin(), keys.end(),
                     [](const auto& a, const auto& b) { return a.first->source().begin < b.first->source().begin; });
    Value::Table result;
    for (const auto& [key, node] : keys) result.push_back({std::string(key->str()), value(*node)});
    return result;
  }

  std::string origin(const toml::source_region& region) const {
    return fixed_.empty() ? cat(file_, ":", region.begin.line, ":", region.begin.column) : fixed_;
  }

  std::string file_, fixed_;
};

}  // namespace

Value parse_toml(const std::string& text, const std::string& name) {
  try {
    return Converter(name, "").value(toml::parse(text, name));
  } catch (const toml::parse_error& e) {
    throw ConfigError(cat(name, ":", e.source().begin.line, ":", e.source().begin.column, ": ", e.description()));
  }
}

std::optional<Value> parse_toml_value(const std::string& text, const std::string& origin) {
  try {
    const toml::table table = toml::parse("v = " + text);
    if (table.size() != 1) return std::nullopt;  // a newline in the text began another key
    return Converter("", origin).value(*table.get("v"));
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

}  // namespace specula
