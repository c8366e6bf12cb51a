#include "experiments/config/config.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "experiments/config/config_reader.h"
#include "experiments/config/config_sections.h"
#include "framework/model/dtype.h"
#include "strategies/register.h"

namespace specula {
namespace {

// "4be1c90f22_demo-at-t1": letters, digits and single dashes, short enough for a folder.
std::string slug(const std::string& name) {
  std::string text;
  for (const char c : name) {
    const auto u = static_cast<unsigned char>(c);
    if (std::isalnum(u) != 0 || c == '_' || c == '.') {
      text += static_cast<char>(std::tolower(u));
    } else if (!text.empty() && text.back() != '-') {
      text += '-';
    }
  }
  text = text.substr(0, 40);
  while (!text.empty() && text.back() == '-') text.pop_back();
  return text.empty() ? "run" : text;
}

// Builds the typed configuration out of a tree.  Each step reads one section and writes it, resolved, into
// config.resolved.
class Builder {
 public:
  Builder(const Value& root, const Registries& registries, ExperimentConfig& config, Problems& problems)
      : root_(root), registries_(registries), config_(config), problems_(problems) {}

  void build(const std::vector<std::string>& only_arms) {
    config_.resolved = {.data = Value::Table{}, .origin = root_.origin};
    check_sections();
    experiment();
    models();
    data();
    sampler();
    arms(only_arms);
    config_.resolved.set("measure", read_section(section("measure"), "[measure]", config_.measure, problems_));
    config_.resolved.set("quality", read_section(section("quality"), "[quality]", config_.quality, problems_));
    config_.resolved.set("cost", read_section(section("cost"), "[cost]", config_.cost, problems_));
    expectations();
    output();
  }

 private:
  void check_sections() {
    std::vector<std::string> valid, all_keys;
    for (const SectionDocs& docs : config_sections(registries_))
      valid.push_back(docs.name.substr(0, docs.name.find('.')));
    for (const Entry& entry : root_.table()) {
      if (std::find(valid.begin(), valid.end(), entry.key) != valid.end()) continue;
      problems_.add(cat(entry.value.origin, ": unknown section '", entry.key, "'", home_of(entry.key, valid)));
    }
    for (const char* required : {"experiment", "models", "data", "sampler", "arm"}) {
      if (root_.find(required) != nullptr) continue;
      const bool is_arm = std::string(required) == "arm";
      problems_.add(cat(root_.origin, ": the section ", is_arm ? "[[arm]]" : cat("[", required, "]"), " is missing"));
    }
  }

  // A key that was given without its section is more helpful than the nearest section.
  std::string home_of(const std::string& key, const std::vector<std::string>& sections) const {
    for (const SectionDocs& docs : config_sections(registries_)) {
      for (const Option& option : docs.options) {
        if (option.name == key) return cat("; did you mean '", docs.name, ".", key, "'?");
      }
    }
    return suggestion(key, sections);
  }

  // The table of a section, or an empty one.
  const Value& section(const std::string& name) {
    static const Value kEmpty{.data = Value::Table{}, .origin = "default"};
    const Value* value = root_.find(name);
    if (value == nullptr) return kEmpty;
    if (value->is_table()) return *value;
    problems_.add(cat(value->origin, ": ", name, " = ", to_text(*value), " is ", kind_name(*value),
                      "; expected a table [", name, "]"));
    return kEmpty;
  }

  void experiment() {
    const Value& table = section("experiment");
    ExperimentKeys keys;
    config_.resolved.set("experiment", read_section(table, "[experiment]", keys, problems_));
    if (root_.find("experiment") != nullptr) require_text(table, "[experiment]", "name", problems_);
    if (keys.name.find('/') != std::string::npos || keys.name.starts_with(".")) {
      problems_.add(cat(table.find("name")->origin, ": [experiment] name = ", quoted(keys.name),
                        " cannot name a folder; expected text without '/' and without a '.' in front"));
    }
    config_.name = keys.name;
    config_.seed = static_cast<uint64_t>(keys.seed);
  }

  void models() {
    Value& resolved = config_.resolved.set("models", {.data = Value::Table{}, .origin = section("models").origin});
    for (const Entry& entry : section("models").table()) {
      const std::string place = cat("[models.", entry.key, "]");
      if (!entry.value.is_table()) {
        problems_.add(cat(entry.value.origin, ": ", place, " is ", kind_name(entry.value),
                          "; expected a table with the key 'path'"));
        continue;
      }
      ModelConfig model;
      model.name = entry.key;
      Value values = read_section(entry.value, place, model, problems_);
      require_text(entry.value, place, "path", problems_);
      if (!model.path.empty()) {
        Value& path = *values.find("path");
        model.folder = absolute_path(path);
        path.data = model.folder;
      }
      resolved.set(entry.key, std::move(values));
      config_.models.push_back(std::move(model));
      model_names_.push_back(entry.key);
    }
  }

  void data() {
    const Value& table = section("data");
    Value values = read_section(table, "[data]", config_.data, problems_);
    if (root_.find("data") != nullptr) require_text(table, "[data]", "prompts", problems_);
    if (!config_.data.prompts.empty()) {
      Value& prompts = *values.find("prompts");
      config_.data.file = absolute_path(prompts);
      prompts.data = config_.data.file;
    }
    read_padding(table, values);
    config_.resolved.set("data", std::move(values));
  }

  void read_padding(const Value& table, Value& values) {
    DataConfig& data = config_.data;
    if (!data.pad_text.empty()) {
      Value& text = *values.find("pad_text");
      data.pad_file = absolute_path(text);
      text.data = data.pad_file;
    }
    if (data.pad_to_tok > 0 && data.chat_template != kNoFormat)
      problems_.add(cat(table.find("pad_to_tok")->origin, ": [data] pad_to_tok = ", data.pad_to_tok,
                        " pads plain text, and chat_template is ", quoted(data.chat_template), "; expected \"none\""));
    if (data.pad_to_tok == 0 && !data.pad_text.empty())
      problems_.add(cat(table.find("pad_text")->origin, ": [data] pad_text means nothing without pad_to_tok"));
  }

  void sampler() {
    const Value& table = section("sampler");
    const size_t before = problems_.lines.size();
    config_.samplers = read_samplers(table, registries_, problems_);
    samplers_fit_ = problems_.lines.size() == before;
    if (samplers_fit_) config_.resolved.set("sampler", sampler_table(config_.samplers, registries_, table.origin));
  }

  void arms(const std::vector<std::string>& only_arms) {
    shared_plugins(registries_.drafters, "drafter");
    shared_plugins(registries_.verifiers, "verifier");
    shared_plugins(all_strategies(), "strategy");
    const Value* list = root_.find("arm");
    if (list == nullptr || !list->is_array()) return;
    std::vector<Value> resolved;
    for (const Value& table : list->array()) resolved.push_back(arm(with_original(table, *list)));
    choose_baseline(*list, resolved);
    select_arms(only_arms, resolved);
    for (size_t i = 0; i < config_.arms.size(); ++i) write_arm(config_.arms[i], resolved[i]);
    config_.resolved.set("arm", {.data = Value::Array(resolved.begin(), resolved.end()), .origin = list->origin});
  }

  // Shared tables are checked even where no arm uses them.
  template <class T>
  void shared_plugins(const Registry<T>& registry, const std::string& kind) {
    if (root_.find(kind) == nullptr) return;
    for (const Entry& entry : section(kind).table()) {
      read_plugin(registry, entry.value, cat("[", kind, ".", entry.key, "]"), {nullptr, model_names_}, problems_);
    }
  }

  // A duplicate decodes as the arm that it names: what that one says stands in its place.
  Value with_original(const Value& table, const Value& list) {
    const Value* wanted = table.find("duplicate_of");
    if (wanted == nullptr || !wanted->is_string()) return table;
    const std::string place = cat("[arm.", table.find("name")->string(), "]");
    for (const Entry& entry : table.table()) {
      if (entry.key != "name" && entry.key != "duplicate_of")
        problems_.add(cat(entry.value.origin, ": ", place, " ", entry.key, ": a duplicate decodes as ",
                          quoted(wanted->string()), " does and has no other keys; take this one out"));
    }
    std::vector<std::string> originals;
    for (const Value& candidate : list.array()) {
      if (candidate.find("duplicate_of") != nullptr) continue;
      originals.push_back(candidate.find("name")->string());
      if (originals.back() != wanted->string()) continue;
      Value copy = candidate;
      copy.erase("baseline");
      copy.set("name", *table.find("name"));
      copy.set("duplicate_of", *wanted);
      copy.origin = table.origin;
      return copy;
    }
    problems_.add(cat(wanted->origin, ": ", place, " duplicate_of = ", quoted(wanted->string()),
                      ": there is no such arm that is no duplicate itself", suggestion(wanted->string(), originals)));
    return table;
  }

  Value arm(const Value& table) {
    ArmKeys keys;
    const Value* given_name = table.find("name");
    const std::string place = cat("[arm.", given_name->string(), "]");
    Value texts = table;  // plug-ins are read apart: they may be tables
    for (const char* plugin_key : {"drafter", "verifier", "strategy"}) texts.erase(plugin_key);
    Value values = read_section(texts, place, keys, problems_);
    for (const char* plugin_key : {"drafter", "verifier", "strategy"}) values.erase(plugin_key);  // write_arm sets them
    ArmConfig arm;
    arm.name = keys.name;
    arm.baseline = keys.baseline;
    arm.max_tv = keys.max_tv;
    arm.duplicate_of = keys.duplicate_of;
    arm.target = keys.target.name;
    if (std::find(model_names_.begin(), model_names_.end(), arm.target) == model_names_.end() &&
        root_.find("models") != nullptr) {
      const Value* target = table.find("target");
      problems_.add(cat(target != nullptr ? target->origin : table.origin, ": ", place, " target = ",
                        quoted(arm.target), ": no such entry of [models]", suggestion(arm.target, model_names_)));
    }
    if (table.find("strategy") != nullptr) {
      read_strategy(table, place, arm);
    } else {
      read_drafter_and_verifier(table, place, keys.drafter, arm);
    }
    config_.arms.push_back(std::move(arm));
    return values;
  }

  void read_strategy(const Value& table, const std::string& place, ArmConfig& arm) {
    for (const char* other : {"drafter", "verifier"}) {
      const Value* given = table.find(other);
      if (given != nullptr)
        problems_.add(cat(given->origin, ": ", place, " has a ", other,
                          " beside its strategy, which decodes without; take one of them out"));
    }
    arm.strategy = plugin(all_strategies(), table, place, "strategy", "");
    if (arm.strategy && samplers_fit_)
      compose(check_strategy(all_strategies(), registries_, *arm.strategy, config_.samplers), arm);
  }

  void read_drafter_and_verifier(const Value& table, const std::string& place, const std::string& default_drafter,
                                 ArmConfig& arm) {
    const auto drafter = plugin(registries_.drafters, table, place, "drafter", default_drafter);
    std::optional<Params> verifier;
    if (table.find("verifier") != nullptr || samplers_fit_) {
      verifier = plugin(registries_.verifiers, table, place, "verifier",
                        table.find("verifier") == nullptr ? default_verifier(registries_, config_.samplers) : "");
    }
    if (drafter) arm.drafter = *drafter;
    if (verifier) arm.verifier = *verifier;
    if (drafter && verifier && samplers_fit_)
      compose(check_composition(registries_, {*drafter, *verifier, config_.samplers}), arm);
  }

  void compose(Composed composed, ArmConfig& arm) {
    arm.composed = std::move(composed);
    for (const std::string& problem : arm.composed.problems) problems_.add(problem);
  }

  template <class T>
  std::optional<Params> plugin(const Registry<T>& registry, const Value& table, const std::string& place,
                               const std::string& key, const std::string& fallback) {
    const Value* given = table.find(key);
    Value value;
    if (given != nullptr) {
      value = *given;
    } else {
      value.origin = table.origin;
      value.set("name", {.data = fallback, .origin = "default"});
    }
    return read_plugin(registry, value, cat(place, " ", key), {root_.find(key), model_names_}, problems_);
  }

  void choose_baseline(const Value& list, const std::vector<Value>& resolved) {
    std::vector<size_t> said, plain;
    std::vector<std::string> names;
    bool all_read = true;  // an arm whose drafter could not be read might have been the one
    for (size_t i = 0; i < config_.arms.size(); ++i) {
      const ArmConfig& arm = config_.arms[i];
      names.push_back(arm.name);
      if (arm.baseline) said.push_back(i);
      if (arm.strategy || !arm.duplicate_of.empty()) continue;
      const Value* drafter = arm.drafter.values.find("name");
      all_read = all_read && drafter != nullptr;
      if (drafter != nullptr && drafter->string() == "none") plain.push_back(i);
    }
    if (said.size() > 1) {
      const Value* second = resolved[said[1]].find("baseline");
      problems_.add(cat(second->origin, ": [arm.", names[said[1]], "] baseline = true, and so has [arm.",
                        names[said[0]], "]; exactly one arm is the baseline"));
    } else if (said.empty() && plain.size() == 1) {
      config_.arms[plain[0]].baseline = true;
    } else if (said.empty() && !names.empty() && all_read) {
      problems_.add(cat(list.array().front().origin, ": no arm is the baseline, and ",
                        plain.empty() ? "none is" : "several are",
                        " without a drafter; set baseline = true in one of: ", join(names)));
    }
  }

  void select_arms(const std::vector<std::string>& only, std::vector<Value>& resolved) {
    if (only.empty()) return;
    std::vector<std::string> names;
    for (const ArmConfig& arm : config_.arms) names.push_back(arm.name);
    for (const std::string& wanted : only) {
      if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
      problems_.add(cat("--arms ", wanted, ": there is no arm '", wanted, "'", suggestion(wanted, names)));
    }
    std::vector<std::string> kept = only;
    for (const ArmConfig& arm : config_.arms) {  // a duplicate without the arm that it repeats says nothing
      if (std::find(only.begin(), only.end(), arm.name) != only.end()) kept.push_back(arm.duplicate_of);
    }
    for (size_t i = config_.arms.size(); i-- > 0;) {
      const ArmConfig& arm = config_.arms[i];
      if (arm.baseline || std::find(kept.begin(), kept.end(), arm.name) != kept.end()) continue;
      config_.arms.erase(config_.arms.begin() + static_cast<ptrdiff_t>(i));
      resolved.erase(resolved.begin() + static_cast<ptrdiff_t>(i));
    }
  }

  static void write_arm(const ArmConfig& arm, Value& resolved) {
    if (!arm.duplicate_of.empty()) {
      std::erase_if(resolved.table(),
                    [](const Entry& entry) { return entry.key != "name" && entry.key != "duplicate_of"; });
      return;
    }
    resolved.erase("duplicate_of");
    if (Value* baseline = resolved.find("baseline")) baseline->data = arm.baseline;
    if (arm.strategy) {
      resolved.set("strategy", arm.strategy->values);
    } else {
      resolved.set("drafter", arm.drafter.values);
      resolved.set("verifier", arm.verifier.values);
    }
  }

  void expectations() {
    const Value* list = root_.find("expect");
    if (list == nullptr) return;
    std::vector<std::string> all, kept;
    if (const Value* arms = root_.find("arm"); arms != nullptr && arms->is_array()) {
      for (const Value& table : arms->array()) all.push_back(table.find("name")->string());
    }
    for (const ArmConfig& arm : config_.arms) kept.push_back(arm.name);
    Value resolved;
    config_.expectations = read_expectations(*list, all, kept, resolved, problems_);
    if (!config_.expectations.empty()) config_.resolved.set("expect", std::move(resolved));
  }

  void output() {
    OutputKeys keys;
    Value values = read_section(section("output"), "[output]", keys, problems_);
    if (keys.dir.empty())
      problems_.add(cat(values.find("dir")->origin, ": [output] dir = \"\" is empty; expected a folder"));
    config_.out = keys.dir;
    config_.record = keys.record;
    config_.sort = keys.sort;
    // Runs belong to where the user stands; everything that is read belongs to the file that names it.
    if (Value* dir = values.find("dir")) dir->data = std::filesystem::absolute(keys.dir).lexically_normal().string();
    config_.resolved.set("output", std::move(values));
  }

  const Value& root_;
  const Registries& registries_;
  ExperimentConfig& config_;
  Problems& problems_;
  std::vector<std::string> model_names_;
  bool samplers_fit_ = false;
};

std::vector<std::string> environment_of_process() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);
  return variables;
}

// "   22 |   lenght = 5" and a caret under the column, for a problem whose place is in a file that was read.
std::string excerpt(const std::string& problem, const std::vector<ExperimentConfig::Source>& sources) {
  for (const ExperimentConfig::Source& source : sources) {
    size_t line = 0, column = 0;
    if (!problem.starts_with(source.path + ":")) continue;
    if (std::sscanf(problem.c_str() + source.path.size(), ":%zu:%zu:", &line, &column) != 2 || line == 0 || column == 0)
      continue;
    size_t begin = 0;
    for (size_t i = 1; i < line && begin != std::string::npos; ++i) {
      begin = source.content.find('\n', begin);
      if (begin != std::string::npos) ++begin;
    }
    if (begin == std::string::npos || begin >= source.content.size()) return "";
    const std::string text = source.content.substr(begin, source.content.find('\n', begin) - begin);
    const std::string number = std::to_string(line), pad(number.size() < 5 ? 5 - number.size() : 0, ' ');
    return cat("\n", pad, number, " | ", text, "\n", std::string(std::max<size_t>(number.size(), 5), ' '), " | ",
               std::string(column - 1, ' '), "^");
  }
  return "";
}

}  // namespace

void apply_overrides(Value& root, const ConfigOverrides& overrides, Problems& problems) {
  const auto attempt = [&](const auto& action) {
    try {
      action();
    } catch (const ConfigError& e) {
      problems.add_lines(e.what());
    }
  };
  attempt([&] { apply_environment(root, environment_of_process()); });
  for (const std::string& path : overrides.unsets) attempt([&] { apply_unset(root, path, "--unset " + path); });
  for (const std::string& set : overrides.sets) attempt([&] { apply_set(root, set, "--set " + set); });
  const auto flag = [&](const std::string& name, const std::string& key, const std::string& value) {
    attempt([&] { apply_set(root, cat(key, "=", value), cat("--", name, " ", value)); });
  };
  if (!overrides.out.empty()) flag("out", "output.dir", quoted(overrides.out));
  if (overrides.limit >= 0) flag("limit", "data.limit", std::to_string(overrides.limit));
  if (overrides.threads >= 0) flag("threads", "measure.threads", std::to_string(overrides.threads));
  if (overrides.seed >= 0) flag("seed", "experiment.seed", std::to_string(overrides.seed));
}

void throw_if_any(const Problems& problems, const std::vector<ExperimentConfig::Source>& sources) {
  if (problems.lines.empty()) return;
  std::vector<std::string> texts;
  for (const std::string& line : problems.lines) {
    const std::string text = line + excerpt(line, sources);
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(text);
  }
  throw ConfigError(join(texts, "\n"));
}

std::vector<std::string> dtype_choices() {
  std::vector<std::string> choices = dtype_names();
  choices.insert(choices.begin(), "auto");
  return choices;
}

const ModelConfig& ExperimentConfig::model(const std::string& model_name) const {
  for (const ModelConfig& candidate : models) {
    if (candidate.name == model_name) return candidate;
  }
  broken_invariant(__FILE__, __LINE__, "model is one of [models]", model_name);
}

const ArmConfig& ExperimentConfig::baseline() const {
  for (const ArmConfig& arm : arms) {
    if (arm.baseline) return arm;
  }
  broken_invariant(__FILE__, __LINE__, "one arm is the baseline", name);
}

std::string cell_name(const std::string& cfg_hash, const std::string& label) {
  return cat(cfg_hash.substr(0, 10), "_", slug(label));
}

ExperimentConfig resolve_config(const ConfigTree& tree, const std::vector<std::string>& only_arms,
                                const Registries& registries, KnownFiles& known, Problems& problems) {
  ExperimentConfig config;
  const size_t before = problems.lines.size();
  config.sources = tree.sources;
  Builder(tree.root, registries, config, problems).build(only_arms);
  const FileFacts facts = check_files(config, known, problems);
  if (problems.lines.size() > before) return config;
  compute_hashes(config, facts);
  config.cell = cell_name(config.cfg_hash, config.name);
  return config;
}

ExperimentConfig load_config(const std::filesystem::path& file, const ConfigOverrides& overrides,
                             const Registries& registries) {
  ConfigTree tree = read_config_tree(file);
  Problems problems;
  apply_overrides(tree.root, overrides, problems);
  if (const Value* sweep = tree.root.find("sweep")) {
    problems.add(cat(sweep->origin,
                     ": [sweep] makes several cells of this file, and this command takes one; --unset sweep takes the "
                     "file without it"));
  }
  KnownFiles known;
  ExperimentConfig config = resolve_config(tree, overrides.arms, registries, known, problems);
  throw_if_any(problems, tree.sources);
  return config;
}

}  // namespace specula
