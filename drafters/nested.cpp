#include "drafters/nested.h"

#include <algorithm>

#include "drafters/register.h"

namespace specula {
namespace {

Params params_of(const Call& call, const std::string& place) {
  if (!call.is_given()) throw ConfigError(cat(call.values.origin, ": ", place, " lacks a drafter"));
  return {.place = place, .values = call.values};
}

const Registry<Drafter>::Entry& entry_of(const Params& params) {
  const Value& name = *params.values.find("name");
  return all_drafters().at(name.string(), cat(name.origin, ": ", params.place));
}

void add_new(std::vector<std::string>& to, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
  }
}

Value resolved_call(const Value& call, const std::string& place) {
  const Params params{.place = place, .values = call};
  Value resolved{.data = Value::Table{}, .origin = call.origin};
  resolved.set("name", *call.find("name"));
  const Value options = entry_of(params).resolve(params);
  for (const Entry& option : options.table()) resolved.set(option.key, option.value);
  return resolved;
}

}  // namespace

Facts nested_facts(const Call& call, const std::string& place, Policy policy) {
  const Params params = params_of(call, place);
  return entry_of(params).facts(params, policy);
}

std::unique_ptr<Drafter> make_nested(const Call& call, const std::string& place, const Parts& parts) {
  const Params params = params_of(call, place);
  return entry_of(params).make(params, parts);
}

void add_needs(Facts& facts, const Facts& of_inner) {
  add_new(facts.models, of_inner.models);
  add_new(facts.foreign_models, of_inner.foreign_models);
  add_new(facts.files, of_inner.files);
  facts.scope = std::max(facts.scope, of_inner.scope);
  if (of_inner.memory.empty()) return;
  facts.memory = facts.memory.empty() ? of_inner.memory : cat(facts.memory, "; ", of_inner.memory);
}

Registry<Drafter>::Entry with_nested(Registry<Drafter>::Entry entry) {
  entry.resolve = [resolve = entry.resolve, options = entry.options](const Params& params) {
    Value resolved = resolve(params);
    for (const Option& option : options) {
      Value* value = resolved.find(option.name);
      if (value == nullptr) continue;
      const std::string place = cat(params.place, " ", option.name);
      if (option.type == "drafter") *value = resolved_call(*value, place);
      if (option.type != "drafters") continue;
      for (Value& call : value->array()) call = resolved_call(call, place);
    }
    return resolved;
  };
  return entry;
}

}  // namespace specula
