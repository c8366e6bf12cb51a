#include "experiments/config/config_keys.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/core/params.h"

namespace specula {
namespace {

// [[arm]]: tables that are told apart by their names.
bool is_named_list(const Value& value) {
  return value.is_array() && !value.array().empty() &&
         std::all_of(value.array().begin(), value.array().end(), [](const Value& element) {
           const Value* name = element.find("name");
           return name != nullptr && name->is_string();
         });
}

// What lies directly below a table or a named list.
std::vector<std::pair<std::string, const Value*>> children(const Value& value) {
  std::vector<std::pair<std::string, const Value*>> all;
  if (value.is_table()) {
    for (const Entry& entry : value.table()) all.emplace_back(entry.key, &entry.value);
  } else if (is_named_list(value)) {
    for (const Value& element : value.array()) all.emplace_back(element.find("name")->string(), &element);
  }
  return all;
}

const Value* child(const Value* value, const std::string& name) {
  if (value == nullptr) return nullptr;
  for (const auto& [key, below] : children(*value)) {
    if (key == name) return below;
  }
  return nullptr;
}

std::string below(const std::string& key, const std::string& name) { return key.empty() ? name : key + "." + name; }

void add_leaves(const std::string& key, const Value& value, std::vector<std::string>& keys) {
  const auto inside = children(value);
  if (inside.empty() && !value.is_table()) keys.push_back(key);
  for (const auto& [name, next] : inside) add_leaves(below(key, name), *next, keys);
}

bool is_section(const std::string& key) { return key.find('.') == std::string::npos; }

// Of a plug-in, which is what its name says; arms and [experiment] are no plug-ins.
std::string plugin_of(const std::string& key, const Value& value) {
  const bool is_arm = key.starts_with("arm.") && std::count(key.begin(), key.end(), '.') == 1;
  const Value* name = is_arm || is_section(key) ? nullptr : value.find("name");
  return name != nullptr && name->is_string() ? name->string() : "";
}

// Whether the values are to be compared key by key.
bool can_descend(const std::string& key, const std::vector<const Value*>& values) {
  const Value* first = nullptr;
  for (const Value* value : values) {
    if (value == nullptr) {
      if (!is_section(key)) return false;
      continue;
    }
    if (!value->is_table() && !is_named_list(*value)) return false;
    if (first == nullptr) first = value;
    if (plugin_of(key, *value) != plugin_of(key, *first)) return false;
  }
  return first != nullptr;
}

bool are_equal(const std::vector<const Value*>& values) {
  const auto text = [](const Value* value) { return value == nullptr ? "" : to_text(*value); };
  return std::all_of(values.begin(), values.end(), [&](const Value* v) { return text(v) == text(values.front()); });
}

void differ(const std::string& key, const std::vector<const Value*>& values, std::vector<DifferingKey>& found) {
  if (are_equal(values)) return;
  if (!can_descend(key, values)) {
    found.push_back({key, values});
    return;
  }
  std::vector<std::string> names;
  for (const Value* value : values) {
    if (value == nullptr) continue;
    for (const auto& [name, unused] : children(*value)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    std::vector<const Value*> next;
    for (const Value* value : values) next.push_back(child(value, name));
    differ(below(key, name), next, found);
  }
}

}  // namespace

const Value* find_key(const Value& tree, const std::string& key) {
  for (const auto& [name, value] : children(tree)) {  // names may have dots
    if (key == name) return value;
    if (!key.starts_with(name + ".")) continue;
    if (const Value* found = find_key(*value, key.substr(name.size() + 1))) return found;
  }
  return nullptr;
}

std::vector<std::string> leaf_keys(const Value& tree) {
  std::vector<std::string> keys;
  add_leaves("", tree, keys);
  return keys;
}

std::string value_text(const Value& value) {
  if (value.is_string()) return value.string();
  if (!value.is_table()) return to_text(value);
  for (const char* const way : {"strategy", "drafter"}) {
    const Value* found = value.find(way);
    if (found == nullptr) continue;
    const Value* rule = value.find("verifier");
    return cat(value_text(*found), rule == nullptr ? "" : " + " + value_text(*rule));
  }
  return value.find("name") == nullptr ? to_text(value) : call_text({.place = "", .values = value});
}

std::vector<DifferingKey> differing_keys(const std::vector<const Value*>& trees) {
  std::vector<DifferingKey> found;
  if (!trees.empty()) differ("", trees, found);
  return found;
}

}  // namespace specula
