#include "experiments/config/config_schema.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "experiments/config/config_reader.h"
#include "experiments/config/config_sections.h"
#include "experiments/config/toml.h"
#include "framework/decode/tree_shape.h"
#include "strategies/register.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json reference(const std::string& name) { return {{"$ref", "#/$defs/" + name}}; }

// "1..64", "at least 0", "any".
void add_range(const std::string& range, Json& json) {
  static const std::string kAtLeast = "at least ";
  const auto add = [&](const char* key, const std::string& text) {
    const double value = std::strtod(text.c_str(), nullptr);
    if (!std::isfinite(value)) return;
    if (json.at("type") == "integer") {
      json[key] = std::strtoll(text.c_str(), nullptr, 10);
    } else {
      json[key] = value;
    }
  };
  if (range.starts_with(kAtLeast)) add("minimum", range.substr(kAtLeast.size()));
  const size_t dots = range.find("..");
  if (dots == std::string::npos) return;
  add("minimum", range.substr(0, dots));
  add("maximum", range.substr(dots + 2));
}

Json choices(const std::string& range) {
  Json names = Json::array();
  for (size_t start = 0; start <= range.size();) {
    const size_t comma = std::min(range.find(", ", start), range.size());
    names.push_back(range.substr(start, comma - start));
    start = comma + 2;
  }
  return names;
}

Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

// The values that an option takes.
Json type_of(const Option& option) {
  if (option.type == "integer" || option.type == "number") {
    Json json = {{"type", option.type}};
    add_range(option.range, json);
    return json;
  }
  if (option.type == "table") return {{"type", "object"}};
  if (option.type == "tables") return list_of({{"type", "object"}});
  if (option.type == "boolean") return {{"type", "boolean"}};
  if (option.type == "strings") return list_of({{"type", "string"}});
  if (option.type == "numbers") {
    Json item = {{"type", "number"}};
    add_range(option.range.substr(std::min(option.range.size(), std::string("each ").size())), item);
    if (option.range.starts_with("each -inf")) item["type"] = {"number", "null"};  // JSON has no infinity
    return list_of(std::move(item));
  }
  for (const char* const kind : {"drafter", "stopper", "tree"}) {
    if (option.type == kind) return reference(kind);
    if (option.type == std::string(kind) + "s") return list_of(reference(kind));
  }
  Json json = {{"type", "string"}};  // a text, or the name of a model or a file
  if (option.type == "string" && !option.range.empty()) json["enum"] = choices(option.range);
  return json;
}

Json schema_of(const Option& option) {
  Json json = type_of(option);
  json["description"] = option.help + (option.unit.empty() ? "" : " [" + option.unit + "]");
  const auto value = parse_toml_value(option.default_text, "default");
  if (value && !value->is_table() && !json.contains("$ref")) json["default"] = Json::parse(to_json(*value, -1));
  return json;
}

Json table_of(const std::vector<Option>& options) {
  Json properties = Json::object();
  for (const Option& option : options) properties[option.name] = schema_of(option);
  return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

// A plug-in as a value: a call or the name of a shared table; a table with its options; one without a name, which an
// arm of an included file completes.
template <class T>
Json plugin(const Registry<T>& registry) {
  Json forms = Json::array({{{"type", "string"}}});
  for (const std::string& name : registry.order) {
    const auto& entry = registry.entries.at(name);
    Json table = table_of(entry.options);
    table["properties"]["name"] = {{"const", name}, {"description", entry.summary}};
    table["required"] = Json::array({"name"});
    table["description"] = entry.summary;
    forms.push_back(std::move(table));
  }
  forms.push_back({{"type", "object"}, {"not", {{"required", Json::array({"name"})}}}});
  return {{"anyOf", std::move(forms)}};
}

// [sampler]: each processor by its name, as a table or as the value of its first option.
Json sampler(const Registries& registries) {
  Json properties = Json::object();
  for (const std::string& name : registries.samplers.order) {
    const auto& entry = registries.samplers.entries.at(name);
    Json forms = Json::array({table_of(entry.options)});
    if (!entry.options.empty()) forms.push_back(type_of(entry.options.front()));
    properties[name] = {{"description", entry.summary}, {"anyOf", std::move(forms)}};
  }
  for (const SectionDocs& section : config_sections(registries)) {
    if (section.name != "sampler") continue;
    for (const Option& option : section.options) {
      if (option.name == "order") properties["order"] = schema_of(option);
      if (option.name == "steps") properties["steps"] = list_of(reference("sampler"));
    }
  }
  return {{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
}

Json lists_of_files(const char* what) {
  return {{"description", what}, {"anyOf", {{{"type", "string"}}, list_of({{"type", "string"}})}}};
}

// "[measure]", a table; "[models.<name>]", a table of tables; "[[arm]]", a list of them.
Json section_schema(const SectionDocs& section, const Registries& registries) {
  const std::string stem = section.name.substr(0, section.name.find('.'));
  Json json;
  if (section.name == "sampler") {
    json = sampler(registries);
  } else if (stem == "drafter" || stem == "verifier" || stem == "strategy") {
    json = {{"type", "object"}, {"additionalProperties", reference(stem)}};
  } else {
    json = table_of(section.options);
    if (stem == "arm") {
      for (const char* const kind : {"drafter", "verifier", "strategy"}) {
        Json& value = json["properties"][kind];
        value = {{"description", value.at("description")}, {"$ref", cat("#/$defs/", kind)}};
      }
    }
    if (section.is_list()) {
      json["required"] = Json::array({section.options.front().name});
      json = list_of(std::move(json));
    } else if (stem != section.name) {
      json = {{"type", "object"}, {"additionalProperties", std::move(json)}};
    }
  }
  json["description"] = section.help;
  return json;
}

}  // namespace

std::string config_schema(const Registries& registries) {
  Json schema = {
      {"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Specula experiment"}, {"type", "object"}};
  Json& properties = schema["properties"];
  properties["include"] = lists_of_files("files that are read before this one, relative to it");
  properties["unset"] = lists_of_files("keys or arms of included files to take out");
  for (const SectionDocs& section : config_sections(registries)) {
    const std::string stem = section.name.substr(0, section.name.find('.'));
    properties[stem] = section_schema(section, registries);
  }
  schema["additionalProperties"] = false;
  schema["$defs"] = {{"drafter", plugin(registries.drafters)}, {"verifier", plugin(registries.verifiers)},
                     {"strategy", plugin(all_strategies())},   {"sampler", plugin(registries.samplers)},
                     {"stopper", plugin(registries.stoppers)}, {"tree", plugin(tree_shapes())}};
  return schema.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace specula
