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

std::string step_name(const Params& sampler) {
  return cat(sampler.values.origin, ": ", sampler.place, ": '", plugin_name(sampler), "'");
}

// Steps that come too late, or twice.
void check_steps(const std::vector<Params>& samplers, const std::vector<Facts>& facts,
                 std::vector<std::string>& problems) {
  const Params *cold = nullptr, *remover = nullptr, *carrier = nullptr;
  for (size_t i = 0; i < samplers.size(); ++i) {
    if (facts[i].neutral) continue;
    const std::string who = step_name(samplers[i]);
    if (cold != nullptr && facts[i].reads != Reads::kLogits) {
      problems.push_back(cat(who, " would change nothing after temperature = 0, which leaves one token; put it before ",
                             "temperature, or set order = \"transformers\""));
    }
    if (remover != nullptr && facts[i].constrains) {
      problems.push_back(cat(who, " comes after '", plugin_name(*remover),
                             "', which may have removed every token that it allows; put it before"));
    }
    if (carrier != nullptr && facts[i].reads == Reads::kState)
      problems.push_back(cat(who, " and '", plugin_name(*carrier), "' both carry a state; only one step may"));
    if (facts[i].one_hot) cold = &samplers[i];
    if (facts[i].removes && !facts[i].constrains) remover = &samplers[i];
    if (facts[i].reads == Reads::kState) carrier = &samplers[i];
  }
}

// Rules that break what a step promises.
void check_rule_of_steps(const std::vector<Params>& samplers, const std::vector<Facts>& facts, const Facts& verifier,
                         std::vector<std::string>& problems) {
  for (size_t i = 0; i < samplers.size(); ++i) {
    if (facts[i].constrains && verifier.guarantee == Guarantee::kLossy) {
      problems.push_back(
          cat(step_name(samplers[i]), " needs an exact verifier: a lossy rule may accept what the constraint forbids"));
    }
    if (facts[i].reads == Reads::kState && verifier.guarantee == Guarantee::kMixture) {
      problems.push_back(cat(step_name(samplers[i]), " carries a state along the text, and q follows it only from ",
                             "round to round: a mixture of p and q would depend on where rounds begin; take verifier ",
                             "'rejection' or 'agreement'"));
    }
  }
}

// The facts of the steps; what does not fit together is a problem.
std::vector<Facts> read_samplers(const Registries& registries, const std::vector<Params>& samplers,
                                 Composed& composed) {
  std::vector<Facts> steps;
  for (const Params& sampler : samplers) {
    const auto facts = facts_of(registries.samplers, sampler, Policy::kSampled, composed.problems);
    if (!facts) continue;
    composed.one_hot |= facts->one_hot;
    composed.constrained |= facts->constrains;
    composed.coins |= facts->coins && !facts->neutral;
    steps.push_back(*facts);
  }
  if (composed.problems.empty()) check_steps(samplers, steps, composed.problems);
  return steps;
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
  const std::vector<Facts> steps = read_samplers(registries, composition.samplers, composed);
  const auto verifier = facts_of(registries.verifiers, composition.verifier, Policy::kSampled, problems);
  const auto drafter =
      facts_of(registries.drafters, composition.drafter, verifier ? verifier->policy : Policy::kSampled, problems);
  if (!problems.empty()) return composed;
  composed.drafter = *drafter;
  composed.verifier = *verifier;
  composed.guarantee = verifier->guarantee;

  check_rule_of_steps(composition.samplers, steps, *verifier, problems);
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
  if (verifier->guarantee == Guarantee::kMixture && !drafter->heads.empty()) {
    problems.push_back(who +
                       "what a head says of a place depends on where its round began, and so would a mixture of p "
                       "and q; take verifier 'rejection' or 'block'");
  }
  if (verifier->one_hot && !composed.one_hot) {
    problems.push_back(cat(composition.verifier.values.origin, ": ", composition.verifier.place, " '",
                           plugin_name(composition.verifier),
                           "' needs a sampler whose every row has one token: set temperature = 0, or take verifier "
                           "'rejection' or 'agreement'"));
  }
  return composed;
}

Composed check_strategy(const Registry<Strategy>& strategies, const Registries& registries, const Params& strategy,
                        const std::vector<Params>& samplers) {
  Composed composed;
  read_samplers(registries, samplers, composed);
  if (!facts_of(strategies, strategy, Policy::kSampled, composed.problems)) return composed;
  const auto made = strategies.at(plugin_name(strategy), strategy.place).make(strategy, {});
  composed.finds = made->finds();
  if (made->draws() && composed.one_hot) {
    composed.problems.push_back(cat(strategy.values.origin, ": ", strategy.place, " '", plugin_name(strategy),
                                    "' draws its texts, and at temperature 0 they would all be the same; set "
                                    "temperature > 0"));
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

Sampler make_sampler(const Registries& registries, const std::vector<Params>& samplers, const Parts& parts) {
  Sampler sampler;
  for (const Params& params : samplers) {
    const auto& entry = registries.samplers.at(plugin_name(params), params.place);
    if (!entry.facts(params, Policy::kSampled).neutral) sampler.steps.push_back(entry.make(params, parts));
  }
  return sampler;
}

}  // namespace specula
