#include "framework/decode/compose.h"

#include <algorithm>
#include <optional>
#include <sstream>

namespace specula {
namespace {

// The facts of one plug-in; problems (unknown name, wrong options) are added to the list, one line each.
template <class T>
std::optional<Facts> facts_of(const Registry<T>& registry, const Params& params, Policy policy,
                              std::vector<std::string>& problems) {
  try {
    const std::string name = plugin_name(params);
    const Value* given = params.values.find("name");
    return registry.at(name, cat(given->origin, ": ", params.place)).facts(params, policy);
  } catch (const ConfigError& e) {
    std::istringstream lines(e.what());
    for (std::string line; std::getline(lines, line);) problems.push_back(line);
    return std::nullopt;
  }
}

}  // namespace

std::string plugin_name(const Params& params) {
  const Value* name = params.values.find("name");
  if (name == nullptr) throw ConfigError(cat(params.values.origin, ": ", params.place, " has no key 'name'"));
  if (!name->is_string())
    throw ConfigError(cat(name->origin, ": ", params.place, " name = ", to_text(*name), " is not a string"));
  return name->string();
}

Composed check_composition(const Registries& registries, const Composition& composition) {
  Composed composed;
  std::vector<std::string>& problems = composed.problems;
  for (const Params& sampler : composition.samplers) {
    if (const auto facts = facts_of(registries.samplers, sampler, Policy::kSampled, problems))
      composed.one_hot |= facts->one_hot;
  }
  const auto verifier = facts_of(registries.verifiers, composition.verifier, Policy::kSampled, problems);
  const auto drafter =
      facts_of(registries.drafters, composition.drafter, verifier ? verifier->policy : Policy::kSampled, problems);
  if (!problems.empty()) return composed;
  composed.drafter = *drafter;
  composed.verifier = *verifier;
  composed.guarantee = verifier->guarantee;

  const std::string who =
      cat(composition.drafter.values.origin, ": ", composition.drafter.place, " '", plugin_name(composition.drafter),
          "' does not fit verifier '", plugin_name(composition.verifier), "': ");
  for (const Draw law : drafter->laws) {
    if (law == Draw::kProbe || std::find(verifier->laws.begin(), verifier->laws.end(), law) != verifier->laws.end())
      continue;
    problems.push_back(cat(who, "it drafts ", name_of(law), ", the verifier takes ", names_of(verifier->laws)));
  }
  if (drafter->trees && !verifier->trees) problems.push_back(who + "it drafts trees, the verifier takes chains only");
  if (verifier->q_next && !drafter->q_next)
    problems.push_back(who + "the verifier needs q after every row, which this drafter does not give");
  if (verifier->one_hot && !composed.one_hot) {
    problems.push_back(cat(composition.verifier.values.origin, ": ", composition.verifier.place, " '",
                           plugin_name(composition.verifier),
                           "' needs a sampler whose every row has one token: set temperature = 0, or take verifier "
                           "'rejection' or 'agreement'"));
  }
  return composed;
}

std::string default_verifier(const Registries& registries, const std::vector<Params>& samplers) {
  std::vector<std::string> ignored;
  for (const Params& sampler : samplers) {
    const auto facts = facts_of(registries.samplers, sampler, Policy::kSampled, ignored);
    if (facts && facts->one_hot) return "greedy_match";
  }
  return "rejection";
}

std::vector<Params> parse_samplers(const std::string& text, const std::string& place) {
  std::vector<Params> samplers;
  for (Value& call : parse_calls(text, place)) {
    const std::string name = call.find("name")->string();
    samplers.push_back({.place = "sampler " + name, .values = std::move(call)});
  }
  return samplers;
}

Sampler make_sampler(const Registries& registries, const std::vector<Params>& samplers) {
  Sampler sampler;
  for (const Params& params : samplers) {
    const auto& entry = registries.samplers.at(plugin_name(params), params.place);
    if (!entry.facts(params, Policy::kSampled).neutral) sampler.steps.push_back(entry.make(params, {}));
  }
  return sampler;
}

}  // namespace specula
