#include "experiments/config/config_tree.h"

#include <algorithm>
#include <cctype>

#include "experiments/config/toml.h"
#include "framework/core/files.h"

namespace specula {
namespace {

// The name that an arm or a plug-in table gives itself, or "".
std::string own_name(const Value& table) {
  const Value* name = table.find("name");
  return name != nullptr && name->is_string() ? name->string() : "";
}

Value* find_arm(Value& arms, const std::string& name) {
  for (Value& arm : arms.array()) {
    if (own_name(arm) == name) return &arm;
  }
  return nullptr;
}

enum class Kind { kPlain, kRoot, kArm, kShared, kPlugin };

Kind kind_below(Kind parent, const std::string& key) {
  if (parent == Kind::kRoot && is_plugin_key(key)) return Kind::kShared;
  if (parent == Kind::kShared || (parent == Kind::kArm && is_plugin_key(key))) return Kind::kPlugin;
  return Kind::kPlain;
}

void merge(Value& into, Value from, Kind kind) {
  const bool tables = into.is_table() && from.is_table();
  const bool other_plugin =
      tables && kind == Kind::kPlugin && !own_name(from).empty() && own_name(from) != own_name(into);
  if (!tables || other_plugin) {
    into = std::move(from);
    return;
  }
  into.origin = from.origin;
  for (Entry& entry : from.table()) {
    Value* old = into.find(entry.key);
    if (old == nullptr) {
      into.set(entry.key, std::move(entry.value));
    } else if (kind == Kind::kRoot && entry.key == "arm" && old->is_array() && entry.value.is_array()) {
      for (Value& arm : entry.value.array()) {
        Value* same = find_arm(*old, own_name(arm));
        if (same != nullptr) {
          merge(*same, std::move(arm), Kind::kArm);
        } else {
          old->array().push_back(std::move(arm));
        }
      }
    } else {
      merge(*old, std::move(entry.value), kind_below(kind, entry.key));
    }
  }
}

// Merging is by name, so an unnamed arm, or two of one name in one file, must be caught before it.
void check_arms(const Value& file_root) {
  const Value* arms = file_root.find("arm");
  if (arms == nullptr) return;
  if (!arms->is_array())
    throw ConfigError(cat(arms->origin, ": arm is ", kind_name(*arms), "; expected [[arm]] tables"));
  std::vector<std::string> names;
  for (const Value& arm : arms->array()) {
    if (!arm.is_table()) throw ConfigError(cat(arm.origin, ": arm is ", kind_name(arm), "; expected [[arm]] tables"));
    const std::string name = own_name(arm);
    if (name.empty()) throw ConfigError(arm.origin + ": [[arm]] lacks its name; expected name = \"<text>\"");
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      throw ConfigError(
          cat(arm.origin, ": arm name = ", quoted(name), " is given twice in this file; names are unique"));
    }
    names.push_back(name);
  }
}

// The texts of a key of the root that steers the reading ("include", "unset"), which is taken out.
std::vector<Value> take_texts(Value& root, const std::string& key) {
  const Value* value = root.find(key);
  if (value == nullptr) return {};
  const auto expected = [&](const Value& v) {
    return ConfigError(cat(v.origin, ": ", key, " is ", kind_name(v), "; expected an array of strings"));
  };
  if (!value->is_array()) throw expected(*value);
  for (const Value& element : value->array()) {
    if (!element.is_string()) throw expected(element);
  }
  std::vector<Value> texts = value->array();
  root.erase(key);
  return texts;
}

class TreeReader {
 public:
  Value read(const std::filesystem::path& file, const std::string& asked_at) {
    const std::string name = file.string();
    const std::string identity = std::filesystem::weakly_canonical(file).string();
    enter(name, identity, asked_at);
    std::string content;
    try {
      content = read_file(file);
    } catch (const Error& e) {
      throw ConfigError(cat(asked_at.empty() ? "" : asked_at + ": include: ", e.what()));
    }
    if (std::find(known_.begin(), known_.end(), identity) == known_.end()) {
      known_.push_back(identity);
      sources.push_back({name, content});
    }
    Value own = parse_toml(content, name);
    check_arms(own);
    const std::vector<Value> includes = take_texts(own, "include"), unsets = take_texts(own, "unset");
    Value tree;
    tree.origin = own.origin;
    for (const Value& include : includes) {
      merge(tree, read((file.parent_path() / include.string()).lexically_normal(), include.origin), Kind::kRoot);
    }
    for (const Value& unset : unsets) apply_unset(tree, unset.string(), unset.origin);
    merge(tree, std::move(own), Kind::kRoot);
    chain_.pop_back();
    return tree;
  }

  std::vector<ExperimentConfig::Source> sources;

 private:
  void enter(const std::string& name, const std::string& identity, const std::string& asked_at) {
    std::vector<std::string> names;
    bool circular = false;
    for (const auto& [link_name, link_identity] : chain_) {
      circular = circular || link_identity == identity;
      if (circular) names.push_back(link_name);
    }
    if (circular) throw ConfigError(cat(asked_at, ": include cycle: ", join(names, " -> "), " -> ", name));
    chain_.emplace_back(name, identity);
  }

  std::vector<std::pair<std::string, std::string>> chain_;  // files being read: name, canonical path
  std::vector<std::string> known_;
};

}  // namespace

ConfigTree read_config_tree(const std::filesystem::path& file) {
  TreeReader reader;
  ConfigTree tree;
  tree.root = reader.read(file, "");
  tree.sources = std::move(reader.sources);
  return tree;
}

bool is_plugin_key(const std::string& key) { return key == "drafter" || key == "verifier" || key == "strategy"; }

Value plugin_table(const Value& value, const Value* shared) {
  if (value.is_table()) return value;
  if (!value.is_string()) {
    throw ConfigError(cat(value.origin, ": ", to_text(value), " is ", kind_name(value),
                          "; expected a name, \"name(key=value)\" or { name = \"...\", key = value }"));
  }
  const Value* entry = shared != nullptr ? shared->find(value.string()) : nullptr;
  if (entry != nullptr) return plugin_table(*entry, nullptr);
  return parse_call(value.string(), value.origin);
}

std::string absolute_path(const Value& path) {
  return (folder_of_origin(path.origin) / path.string()).lexically_normal().string();
}

std::filesystem::path folder_of_origin(const std::string& origin) {
  // "folder/file.toml:12:3"; flags and variables have another form.
  const size_t column = origin.rfind(':');
  const size_t line = column == std::string::npos || column == 0 ? std::string::npos : origin.rfind(':', column - 1);
  const auto digits = [&](size_t from, size_t to) {
    return from < to &&
           std::all_of(origin.begin() + static_cast<ptrdiff_t>(from), origin.begin() + static_cast<ptrdiff_t>(to),
                       [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  const bool file = line != std::string::npos && digits(line + 1, column) && digits(column + 1, origin.size()) &&
                    !origin.starts_with("--") && !origin.starts_with("SPECULA_SET__");
  const std::filesystem::path folder =
      file ? std::filesystem::path(origin.substr(0, line)).parent_path() : std::filesystem::path();
  return std::filesystem::absolute(folder.empty() ? "." : folder).lexically_normal();
}

}  // namespace specula
