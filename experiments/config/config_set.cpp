// Addressing by path: --set, --unset, `unset = [...]` and SPECULA_SET__ variables.  Licence: Apache-2.0.
#include <algorithm>
#include <cctype>

#include "experiments/config/config_tree.h"
#include "experiments/config/toml.h"

namespace specula {
namespace {

enum class Match { kExact, kFolded };

std::string folded(std::string text) {
  for (char& c : text) c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool equal(const std::string& a, const std::string& b, Match match) {
  return match == Match::kExact ? a == b : folded(a) == folded(b);
}

// "arm.sps-g5.drafter" or "models.\"a.b\".path" in parts.
std::vector<std::string> split_path(const std::string& path, const std::string& origin) {
  std::vector<std::string> parts(1);
  bool in_quotes = false;
  for (const char c : path) {
    if (c == '"') {
      in_quotes = !in_quotes;
    } else if (c == '.' && !in_quotes) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  for (const std::string& part : parts) {
    if (part.empty() || in_quotes)
      throw ConfigError(cat(origin, ": '", path, "' is not a path; expected the form section.key"));
  }
  return parts;
}

// Walks a path from the root.  Tables of named things ([models], [[arm]], [drafter], [verifier], [strategy]) never gain
// a name on the way, and a section may only be made by its known name: that is checked with all the other keys when the
// tree is read.
class Walker {
 public:
  Walker(Value& root, std::string origin, Match match) : root_(root), origin_(std::move(origin)), match_(match) {}

  // The table that holds the last part; parts become the keys as they are spelled in the tree.
  Value& holder(std::vector<std::string>& parts) {
    const bool in_arm = parts[0] == "arm";
    if (in_arm && parts.size() < 3)
      throw ConfigError(origin_ + ": an arm is changed key by key; expected arm.<name>.<key>");
    Value* at = in_arm ? arm(parts[1]) : &root_;
    for (size_t i = in_arm ? 2 : 0; i + 1 < parts.size(); ++i) at = &step(*at, parts, i);
    if (!at->is_table()) not_a_table(*at, parts, parts.size() - 1);
    parts.back() = spelling(*at, parts.back());
    return *at;
  }

  Value* arm(const std::string& name) {
    Value* arms = root_.find("arm");
    if (arms == nullptr || !arms->is_array())
      throw ConfigError(cat(origin_, ": there is no arm '", name, "'; there is none at all"));
    std::vector<std::string> names;
    for (Value& candidate : arms->array()) {
      const Value* own = candidate.find("name");
      if (own == nullptr || !own->is_string()) continue;
      if (equal(own->string(), name, match_)) return &candidate;
      names.push_back(own->string());
    }
    throw ConfigError(cat(origin_, ": there is no arm '", name, "'", suggestion(name, names)));
  }

 private:
  Value& step(Value& at, std::vector<std::string>& parts, size_t i) {
    if (!at.is_table()) not_a_table(at, parts, i);
    parts[i] = spelling(at, parts[i]);
    Value* next = at.find(parts[i]);
    if (next == nullptr && i == 1 && (parts[0] == "models" || is_plugin_key(parts[0]))) {
      std::vector<std::string> names;
      for (const Entry& entry : at.table()) names.push_back(entry.key);
      throw ConfigError(
          cat(origin_, ": there is no '", parts[1], "' in [", parts[0], "]", suggestion(parts[1], names)));
    }
    if (next == nullptr) next = &at.set(parts[i], {.data = Value::Table{}, .origin = origin_});
    const bool plugin = (parts[0] == "arm" && i == 2 && is_plugin_key(parts[2])) || (i == 1 && is_plugin_key(parts[0]));
    if (plugin && next->is_string()) {
      Value spelled_out = plugin_table(*next, parts[0] == "arm" ? root_.find(parts[2]) : nullptr);
      *next = std::move(spelled_out);
    }
    return *next;
  }

  std::string spelling(const Value& table, const std::string& part) const {
    for (const Entry& entry : table.table()) {
      if (equal(entry.key, part, match_)) return entry.key;
    }
    return match_ == Match::kExact ? part : folded(part);
  }

  [[noreturn]] void not_a_table(const Value& value, const std::vector<std::string>& parts, size_t depth) const {
    const std::vector<std::string> above(parts.begin(), parts.begin() + static_cast<ptrdiff_t>(depth));
    throw ConfigError(cat(origin_, ": ", join(above, "."), " = ", to_text(value), " is ", kind_name(value),
                          "; it has no key '", parts[depth], "'"));
  }

  Value& root_;
  std::string origin_;
  Match match_;
};

void set_value(Value& root, const std::string& path, Value value, Match match) {
  const std::string origin = value.origin;
  std::vector<std::string> parts = split_path(path, origin);
  Value& holder = Walker(root, origin, match).holder(parts);
  holder.set(parts.back(), std::move(value));
}

void set_path(Value& root, const std::string& path, const std::string& text, const std::string& origin, Match match) {
  Value value;
  if (std::optional<Value> parsed = parse_toml_value(text, origin)) {
    value = std::move(*parsed);
  } else {
    value = {.data = text, .origin = origin};
  }
  set_value(root, path, std::move(value), match);
}

}  // namespace

void apply_value(Value& root, const std::string& path, Value value) {
  set_value(root, path, std::move(value), Match::kExact);
}

std::optional<Value> find_value(Value root, const std::string& path, const std::string& origin) {
  std::vector<std::string> parts = split_path(path, origin);
  const Value* found = Walker(root, origin, Match::kExact).holder(parts).find(parts.back());
  return found == nullptr ? std::nullopt : std::optional<Value>(*found);
}

void apply_set(Value& root, const std::string& assignment, const std::string& origin) {
  const size_t sign = assignment.find('=');
  if (sign == std::string::npos)
    throw ConfigError(cat(origin, ": '", assignment, "' has no '='; expected the form section.key=value"));
  set_path(root, assignment.substr(0, sign), assignment.substr(sign + 1), origin, Match::kExact);
}

void apply_unset(Value& root, const std::string& path, const std::string& origin) {
  std::vector<std::string> parts = split_path(path, origin);
  if (parts.size() == 2 && parts[0] == "arm") {
    const Value* gone = Walker(root, origin, Match::kExact).arm(parts[1]);
    Value::Array& arms = root.find("arm")->array();
    arms.erase(arms.begin() + (gone - arms.data()));
    return;
  }
  if (parts.size() == 1 && root.erase(path)) return;
  Value& holder = Walker(root, origin, Match::kExact).holder(parts);
  if (holder.erase(parts.back())) return;
  std::vector<std::string> keys;
  for (const Entry& entry : holder.table()) keys.push_back(entry.key);
  throw ConfigError(cat(origin, ": unset '", path, "': there is no such key", suggestion(parts.back(), keys)));
}

void apply_environment(Value& root, std::vector<std::string> environment) {
  static const std::string kPrefix = "SPECULA_SET__";
  std::sort(environment.begin(), environment.end());
  for (const std::string& variable : environment) {
    const size_t sign = variable.find('=');
    if (!variable.starts_with(kPrefix) || sign == std::string::npos) continue;
    std::string path;
    for (size_t at = kPrefix.size(); at < sign; ++at) {
      const bool separator = variable[at] == '_' && at + 1 < sign && variable[at + 1] == '_';
      path += separator ? '.' : static_cast<char>(std::tolower(static_cast<unsigned char>(variable[at])));
      at += separator ? 1 : 0;
    }
    set_path(root, path, variable.substr(sign + 1), variable.substr(0, sign), Match::kFolded);
  }
}

}  // namespace specula
