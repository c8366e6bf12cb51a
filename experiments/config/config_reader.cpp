#include "experiments/config/config_reader.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <sstream>

#include "drafters/register.h"
#include "samplers/register.h"

namespace specula {
namespace {

// Calls `look` with each option that was given or resolved, those of drafters inside a drafter too.
void each_option(const std::vector<Option>& options, Params& params,
                 const std::function<void(const Option& option, Value& value, const std::string& place)>& look) {
  const auto inside = [&](const Option& option, Value& call) {
    const Value* name = call.find("name");
    const auto entry = name == nullptr || !name->is_string() ? all_drafters().entries.end()
                                                             : all_drafters().entries.find(name->string());
    if (entry == all_drafters().entries.end()) return;  // told elsewhere
    Params inner{.place = cat(params.place, " ", option.name), .values = std::move(call)};
    each_option(entry->second.options, inner, look);
    call = std::move(inner.values);
  };
  for (const Option& option : options) {
    Value* value = params.values.find(option.name);
    if (value == nullptr) continue;
    look(option, *value, params.place);
    if (option.type == "drafter" && value->is_table()) inside(option, *value);
    if (option.type == "drafters" && value->is_array()) {
      for (Value& call : value->array()) {
        if (call.is_table()) inside(option, call);
      }
    }
  }
}

std::string origin_of(const Value& value, const Params& params) {
  return value.origin == "default" ? params.values.origin : value.origin;
}

// What of a plug-in's options must be checked outside the plug-in: that a given model is one of [models].  Returns
// whether.
bool models_exist(const std::vector<Option>& options, Params params, const PluginScope& scope, Problems& problems) {
  const size_t before = problems.lines.size();
  each_option(options, params, [&](const Option& option, const Value& value, const std::string& place) {
    if (option.type != "model" || !value.is_string()) return;
    const std::string& model = value.string();
    if (std::find(scope.models.begin(), scope.models.end(), model) != scope.models.end()) return;
    problems.add(cat(origin_of(value, params), ": ", place, " ", option.name, " = ", to_text(value),
                     ": no such entry of [models]", suggestion(model, scope.models)));
  });
  return problems.lines.size() == before;
}

// Makes the paths of files absolute, each relative to the file that gives it.  Returns whether all are files.
bool files_exist(const std::vector<Option>& options, Params& params, Problems& problems) {
  const size_t before = problems.lines.size();
  each_option(options, params, [&](const Option& option, Value& value, const std::string& place) {
    if (option.type != "file" || !value.is_string() || value.string().empty()) return;
    const std::string given = to_text(value);
    value.data = absolute_path(value);
    std::error_code code;
    if (std::filesystem::is_regular_file(value.string(), code)) return;
    problems.add(cat(origin_of(value, params), ": ", place, " ", option.name, " = ", given, ": there is no file ",
                     value.string()));
  });
  return problems.lines.size() == before;
}

bool in_registry_order(const std::vector<Params>& samplers, const Registries& registries) {
  ptrdiff_t last = -1;
  for (const Params& sampler : samplers) {
    const auto& order = registries.samplers.order;
    const ptrdiff_t at = std::find(order.begin(), order.end(), plugin_name(sampler)) - order.begin();
    if (at <= last) return false;
    last = at;
  }
  return true;
}

// Puts the samplers into the order of a preset.
void apply_preset(const Value& preset, std::vector<Params>& samplers, Problems& problems) {
  const std::vector<std::string> valid = sampler_presets();
  if (!preset.is_string() || std::find(valid.begin(), valid.end(), preset.string()) == valid.end()) {
    problems.add(cat(preset.origin, ": [sampler] order = ", to_text(preset), "; expected one of ", join(valid),
                     ", or no order: then they apply as they stand"));
    return;
  }
  const std::vector<std::string> order = sampler_order(preset.string());
  const auto rank = [&](const Params& sampler) {
    return std::find(order.begin(), order.end(), plugin_name(sampler)) - order.begin();
  };
  std::stable_sort(samplers.begin(), samplers.end(),
                   [&](const Params& a, const Params& b) { return rank(a) < rank(b); });
}

// An entry of [sampler], 0.7 or { temperature = 0.7 }, as the plug-in's table.
Value named_options(const std::string& name, const Value& given) {
  Value values{.data = Value::Table{}, .origin = given.origin};
  values.set("name", {.data = name, .origin = given.origin});
  if (given.is_table()) {
    for (const Entry& option : given.table()) values.set(option.key, option.value);
  } else {
    values.set("", given);
  }
  return values;
}

}  // namespace

void Problems::add_lines(const std::string& text) {
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
}

void require_text(const Value& table, const std::string& place, const std::string& key, Problems& problems) {
  const Value* value = table.find(key);
  if (value == nullptr) {
    problems.add(cat(table.origin, ": ", place, " lacks the key '", key, "'; expected ", key, " = \"<text>\""));
  } else if (value->is_string() && value->string().empty()) {
    problems.add(cat(value->origin, ": ", place, " ", key, " = \"\" is empty; expected text"));
  }
}

template <class T>
std::optional<Params> read_plugin(const Registry<T>& registry, const Value& value, const std::string& place,
                                  const PluginScope& scope, Problems& problems) {
  try {
    Params params{place, plugin_table(value, scope.shared)};
    const Value* given = params.values.find("name");
    if (given == nullptr) {
      problems.add(cat(params.values.origin, ": ", place, " lacks the key 'name'; valid: ", join(registry.order)));
      return std::nullopt;
    }
    const std::string name = plugin_name(params);
    const auto entry = registry.entries.find(name);
    if (entry == registry.entries.end()) {
      std::vector<std::string> valid = registry.order;
      if (scope.shared != nullptr && scope.shared->is_table()) {
        for (const Entry& shared : scope.shared->table()) valid.push_back(shared.key);
      }
      problems.add(
          cat(given->origin, ": ", place, ": unknown ", registry.kind, " '", name, "'", suggestion(name, valid)));
      return std::nullopt;
    }
    const bool models_fit = models_exist(entry->second.options, params, scope, problems);
    const Value name_value = *given;
    const Value options = entry->second.resolve(params);
    params.values.data = Value::Table{};
    params.values.set("name", name_value);
    for (const Entry& option : options.table()) params.values.set(option.key, option.value);
    // A second look finds a model that was not given and whose default is missing.
    if (!models_fit || !models_exist(entry->second.options, params, scope, problems)) return std::nullopt;
    if (!files_exist(entry->second.options, params, problems)) return std::nullopt;
    return params;
  } catch (const ConfigError& e) {
    problems.add_lines(e.what());
    return std::nullopt;
  }
}

template std::optional<Params> read_plugin(const Registry<Drafter>&, const Value&, const std::string&,
                                           const PluginScope&, Problems&);
template std::optional<Params> read_plugin(const Registry<Verifier>&, const Value&, const std::string&,
                                           const PluginScope&, Problems&);
template std::optional<Params> read_plugin(const Registry<Strategy>&, const Value&, const std::string&,
                                           const PluginScope&, Problems&);
template std::optional<Params> read_plugin(const Registry<LogitsProcessor>&, const Value&, const std::string&,
                                           const PluginScope&, Problems&);

std::vector<Params> read_samplers(const Value& table, const Registries& registries, Problems& problems) {
  std::vector<Params> samplers;
  const auto& registry = registries.samplers;
  const auto add = [&](const Value& value, const std::string& place) {
    if (auto params = read_plugin(registry, value, place, {}, problems)) samplers.push_back(std::move(*params));
  };
  if (const Value* steps = table.find("steps")) {
    if (!steps->is_array()) {
      problems.add(cat(steps->origin, ": [sampler] steps is ", kind_name(*steps), "; expected an array of calls"));
    } else {
      for (const Value& step : steps->array()) add(step, "[sampler] steps");
    }
    for (const Entry& entry : table.table()) {
      if (entry.key == "steps") continue;
      problems.add(cat(entry.value.origin, ": [sampler] has the key '", entry.key,
                       "' beside steps; steps alone gives the order"));
    }
    return samplers;
  }
  std::vector<std::string> valid = registry.order;
  valid.insert(valid.end(), {"steps", "order"});
  for (const Entry& entry : table.table()) {
    if (registry.entries.contains(entry.key)) {
      add(named_options(entry.key, entry.value), "[sampler] " + entry.key);
    } else if (entry.key != "order") {
      problems.add(
          cat(entry.value.origin, ": unknown key '", entry.key, "' in [sampler]", suggestion(entry.key, valid)));
    }
  }
  if (const Value* preset = table.find("order")) apply_preset(*preset, samplers, problems);
  return samplers;
}

Value sampler_table(const std::vector<Params>& samplers, const Registries& registries, const std::string& origin) {
  Value table{.data = Value::Table{}, .origin = origin};
  if (in_registry_order(samplers, registries)) {
    for (const Params& sampler : samplers) {
      Value options = sampler.values;
      options.erase("name");
      table.set(plugin_name(sampler), std::move(options));
    }
    return table;
  }
  Value::Array steps;
  for (const Params& sampler : samplers) steps.push_back(sampler.values);
  table.set("steps", {.data = std::move(steps), .origin = origin});
  return table;
}

}  // namespace specula
