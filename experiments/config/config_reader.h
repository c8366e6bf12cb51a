// Reads the pieces of a configuration tree into typed structs and goes on after a problem, so that all are told at
// once. Internal to config*.cpp.  Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/config/config.h"
#include "experiments/config/config_tree.h"
#include "framework/model/load.h"

namespace specula {

// One line each, beginning with the place.
struct Problems {
  std::vector<std::string> lines;
  void add(std::string line) { lines.push_back(std::move(line)); }
  void add_lines(const std::string& text);  // of a ConfigError
};

// Fills `keys` from a table; `place` is how errors call it ("[data]").  Returns every key with its value and origin.
template <class Keys>
Value read_section(const Value& table, const std::string& place, Keys& keys, Problems& problems) {
  const Params params{place, table};
  OptionReader reader(params);
  keys.visit(reader);
  for (std::string& problem : reader.problems()) problems.add(std::move(problem));
  // OptionReader leaves "name" to plug-ins, whose table has it beside the options; here it is a key like any other.
  std::vector<std::string> valid;
  for (const Option& option : list_options<Keys>()) valid.push_back(option.name);
  const Value* name = table.find("name");
  if (name != nullptr && std::find(valid.begin(), valid.end(), "name") == valid.end()) {
    problems.add(cat(name->origin, ": unknown key 'name' in ", place, suggestion("name", valid)));
  }
  return std::move(reader.resolved);
}

// Adds a problem if a text key was not given.
void require_text(const Value& table, const std::string& place, const std::string& key, Problems& problems);

// Names that a plug-in value may take or refer to.
struct PluginScope {
  const Value* shared = nullptr;    // [drafter], [verifier] or [strategy] of the file; may be null
  std::vector<std::string> models;  // names of [models]
};

// The plug-in that a drafter, verifier or strategy value means, with "name" and all of its options resolved; nothing if
// that failed.
template <class T>
std::optional<Params> read_plugin(const Registry<T>& registry, const Value& value, const std::string& place,
                                  const PluginScope& scope, Problems& problems);

// The [sampler] table in the order of application, each with all of its options.
std::vector<Params> read_samplers(const Value& table, const Registries& registries, Problems& problems);

// The samplers as a [sampler] table again: keys if they stand in the registry's order, else steps, whose order counts
// in every hash.
Value sampler_table(const std::vector<Params>& samplers, const Registries& registries, const std::string& origin);

// What the folders and files that a configuration names say: models, tokenizers, vocabularies, prompts.
// All of it goes into the hash.
struct FileFacts {
  std::vector<std::string> model_fingerprints;  // in the order of config.models
  std::string prompts_sha256;
  std::string pad_sha256;                           // "" without a file of padding
  std::map<std::string, std::string> plugin_files;  // what drafters read: path, sha256
};

// What files said, by path: the cells of a study name the same ones, and a tokenizer takes half a second to read.
struct KnownFiles {
  struct Model {
    ModelInfo info;
    std::string tokenizer{};  // fingerprint; "" without one
    int64_t tokenizer_vocab = 0;
  };
  struct Prompts {
    std::vector<std::string> categories;
    std::string sha256;
    bool names_scorers = false;
  };
  std::map<std::string, Model> models;
  std::map<std::string, Prompts> prompts;
  std::map<std::string, std::string> sha256;  // of what drafters read
};
FileFacts check_files(const ExperimentConfig& config, KnownFiles& known, Problems& problems);

// Environment, --unset, --set and the flags that stand for a key, lower precedence first.  A wrong one is a problem
// like any other: the rest is still read.
void apply_overrides(Value& root, const ConfigOverrides& overrides, Problems& problems);

// Throws ConfigError with every problem once, each with the line of the source that it is about.
void throw_if_any(const Problems& problems, const std::vector<ExperimentConfig::Source>& sources);

// The configuration of a tree without [sweep].  It is complete, with hashes, if it adds no problems.
ExperimentConfig resolve_config(const ConfigTree& tree, const std::vector<std::string>& only_arms,
                                const Registries& registries, KnownFiles& known, Problems& problems);

// "4be1c90f22_demo-at-t1"
std::string cell_name(const std::string& cfg_hash, const std::string& label);

void compute_hashes(ExperimentConfig& config, const FileFacts& facts);

// Tables as JSON objects, keys sorted.  `indent` < 0: one line.
std::string to_json(const Value& value, int indent);

}  // namespace specula
