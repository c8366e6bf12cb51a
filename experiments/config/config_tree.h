// The raw tree of a configuration before any key is checked: files with their includes, then the environment, then
// --set. Later ones win: tables merge deeply, scalars and arrays replace, [[arm]] merges by name, and a drafter,
// verifier or strategy table that names another plug-in replaces the old one with its options.  Every value keeps the
// place it came from. Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/config/config.h"

namespace specula {

struct ConfigTree {
  Value root;
  std::vector<ExperimentConfig::Source> sources;  // every file once, in the order of reading
};

// Reads a file and what it includes.  Throws ConfigError: syntax, a missing or circular include, an arm without a name.
ConfigTree read_config_tree(const std::filesystem::path& file);

// "a.b=V": V is read as TOML, else it is a bare string.  Arms are addressed by name: arm.<name>.drafter.length; a
// drafter given as a call or as the name of a shared table is spelled out first.  Throws ConfigError.
void apply_set(Value& root, const std::string& assignment, const std::string& origin);
// The same with a value that is there already; its origin is where it was given.
void apply_value(Value& root, const std::string& path, Value value);
// The value at a path; nothing if no key is there.  Throws ConfigError for an arm that is not there.
std::optional<Value> find_value(Value root, const std::string& path, const std::string& origin);
void apply_unset(Value& root, const std::string& path, const std::string& origin);

// SPECULA_SET__A__B=V of "NAME=value" strings, in the order of the names.  Names are folded: lower case, and an
// underscore also matches a dash, so that SPECULA_SET__ARM__SPS_G5__DRAFTER__LENGTH finds arm.sps-g5.drafter.length.
void apply_environment(Value& root, std::vector<std::string> environment);

// Keys of an arm whose value is a plug-in, and sections of shared ones: drafter, verifier, strategy.
bool is_plugin_key(const std::string& key);

// The table that such a value stands for: a table is itself; a text is the name of a shared table in `shared`
// ([drafter.<name>]; may be null) or a call "name(key=value)".  Throws ConfigError.
Value plugin_table(const Value& value, const Value* shared);

// The folder that a relative path with this origin is relative to: the file's, or the working directory.
std::filesystem::path folder_of_origin(const std::string& origin);

std::string absolute_path(const Value& path);  // of a text that is a path

}  // namespace specula
