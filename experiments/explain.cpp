// `specula explain NAME`: one screen on a plug-in, its option, a section or key of a configuration, or a metric.
// Licence: Apache-2.0.
#include <algorithm>
#include <iostream>
#include <optional>

#include "experiments/cli/cli_commands.h"
#include "experiments/commands.h"
#include "experiments/config/config_sections.h"
#include "experiments/report/metrics.h"
#include "framework/decode/tree_shape.h"
#include "strategies/register.h"

namespace specula {
namespace {

std::string option_text(const Option& option) {
  std::vector<std::string> facts{option.type};
  if (!option.range.empty()) facts.push_back(option.range);
  if (!option.unit.empty()) facts.push_back(option.unit);
  return cat(option.help, " [", join(facts, "; "), "; default ", option.default_text, "]");
}

std::string options_text(const std::vector<Option>& options) {
  std::string out;
  for (const Option& option : options) out += labelled(option.name, option_text(option), 20);
  return out;
}

// What a TOML file says to get the plug-in with its defaults.
std::string example_line(const std::string& kind, const std::string& name, const std::vector<Option>& options) {
  std::vector<std::string> pairs;
  if (kind == "sampler") {
    if (options.size() == 1) return cat("[sampler]\n", name, " = ", options[0].default_text);
    for (const Option& option : options) pairs.push_back(cat(option.name, " = ", option.default_text));
    return cat("[sampler]\n", name, " = { ", join(pairs), " }");
  }
  pairs.push_back(cat("name = ", quoted(name)));
  for (const Option& option : options) {
    const bool is_absent = option.default_text == "none" || (option.type == "file" && option.default_text == "\"\"");
    if (!is_absent) pairs.push_back(cat(option.name, " = ", option.default_text));
  }
  return cat(kind == "stopper" ? "stop" : kind, " = { ", join(pairs), " }");
}

template <class T>
std::string plugin_text(const Registry<T>& registry, const std::string& name) {
  const auto& plugin = registry.entries.at(name);
  std::string out = cat(name, " (", registry.kind, ")\n") + wrapped(plugin.summary, 2);
  if (!plugin.paper.empty()) out += wrapped("Paper: " + plugin.paper, 2);
  if (!plugin.definition.empty()) out += wrapped("Defined as in: " + plugin.definition, 2);
  out += plugin.options.empty() ? "\nIt has no options.\n" : "\nOptions:\n" + options_text(plugin.options);
  return out + "\nIn a configuration:\n" + example_line(registry.kind, name, plugin.options) + "\n";
}

// Everything that can be explained by its full name, so that a wrong one gets the nearest.
class Explainer {
 public:
  explicit Explainer(const Registries& registries) : registries_(registries), sections_(config_sections(registries)) {}

  std::string text(const std::string& name) {
    std::vector<std::string> texts;
    add_plugin(registries_.drafters, name, texts);
    add_plugin(registries_.verifiers, name, texts);
    add_plugin(registries_.samplers, name, texts);
    add_plugin(all_strategies(), name, texts);
    add_plugin(registries_.stoppers, name, texts);
    add_plugin(tree_shapes(), name, texts);
    add_sections(name, texts);
    for (const MetricDefinition& metric : metric_definitions()) {
      names_.push_back(metric.name);
      if (metric.name == name) texts.push_back(metric_text(metric));
    }
    if (texts.empty()) throw ConfigError(unknown(name));
    return join(texts, "\n");
  }

 private:
  template <class T>
  void add_plugin(const Registry<T>& registry, const std::string& name, std::vector<std::string>& texts) {
    for (const std::string& plugin : registry.order) {
      names_.push_back(plugin);
      if (plugin == name) texts.push_back(plugin_text(registry, plugin));
      for (const Option& option : registry.entries.at(plugin).options) {
        const std::string full = plugin + "." + option.name;
        names_.push_back(full);
        if (full == name)
          texts.push_back(cat(full, " (option of the ", registry.kind, " ", plugin, ")\n") +
                          wrapped(option_text(option), 2));
      }
    }
  }

  // "models.<name>" is also found as "models" and by a name in the place of <name>.
  void add_sections(const std::string& name, std::vector<std::string>& texts) {
    for (const SectionDocs& section : sections_) {
      const bool named = section.name.find('.') != std::string::npos;
      const std::string stem = section.name.substr(0, section.name.find('.'));
      names_.push_back(stem);
      if (name == stem || name == section.name) {
        texts.push_back(cat("[", section.name, "] (section of a configuration)\n") + wrapped(section.help, 2) +
                        "\nKeys:\n" + options_text(section.options));
      }
      for (const Option& option : section.options) {
        names_.push_back(stem + "." + option.name);
        const bool in_any =
            (named || stem == "arm") && name.starts_with(stem + ".") && name.ends_with("." + option.name);
        if (name != names_.back() && !in_any) continue;
        texts.push_back(cat(section.name, ".", option.name, " (key of a configuration)\n") +
                        wrapped(option_text(option), 2));
      }
    }
  }

  static std::string metric_text(const MetricDefinition& metric) {
    std::string out = cat(metric.name, " (metric, ", metric.unit, ")\n") + wrapped(metric.definition, 2);
    out += wrapped("Comparable between machines: " + metric.portable, 2);
    if (!metric.also_called.empty()) out += wrapped("Also called: " + metric.also_called, 2);
    return out;
  }

  // A bare option name is not unique; the full names that end in it are the best answer.
  std::string unknown(const std::string& name) const {
    const std::string what = cat("explain: nothing is called '", name, "'");
    std::vector<std::string> leaves, ending;
    for (const std::string& full : names_) leaves.push_back(full.substr(full.rfind('.') + 1));
    const std::string leaf =
        std::find(leaves.begin(), leaves.end(), name) != leaves.end() ? name : nearest(name, leaves);
    for (size_t i = 0; i < names_.size() && !leaf.empty(); ++i) {
      if (leaves[i] == leaf) ending.push_back(names_[i]);
    }
    if (leaf != name && !nearest(name, names_).empty()) return what + suggestion(name, names_);
    if (!ending.empty()) return cat(what, "; did you mean ", join(ending, " or "), "?");
    return what + "; see specula list for plug-ins, and specula explain measure, data, sampler, arm or models for keys";
  }

  const Registries& registries_;
  std::vector<SectionDocs> sections_;
  std::vector<std::string> names_;
};

}  // namespace

ExitCode explain_command(const std::string& name) {
  const Registries registries = make_registries();
  std::cout << Explainer(registries).text(name);
  return ExitCode::kOk;
}

}  // namespace specula
