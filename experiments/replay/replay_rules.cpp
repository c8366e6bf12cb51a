#include "experiments/replay/replay_rules.h"

#include <algorithm>

#include "framework/core/error.h"

namespace specula {
namespace {

// Rules that run other rules: a replay puts all of them side by side anyway.
bool is_tool(const std::string& name) { return name == "check"; }

struct Wanted {
  Params params;
  bool asked;  // by name; else one of all
};

std::vector<Wanted> wanted_rules(const std::string& asked, const Registry<Verifier>& registry) {
  std::vector<Wanted> wanted;
  if (!asked.empty()) {
    for (Value& call : parse_calls(asked, "--verifiers"))
      wanted.push_back({{.place = "--verifiers", .values = std::move(call)}, true});
    return wanted;
  }
  for (const std::string& name : registry.order) {
    Value call{.data = Value::Table{}, .origin = "default"};
    call.set("name", {.data = name, .origin = "default"});
    wanted.push_back({{.place = "verifier " + name, .values = std::move(call)}, false});
  }
  return wanted;
}

}  // namespace

std::string why_not(const TraceHeader& trace, const Facts& facts) {
  for (const Draw law : trace.laws) {
    if (law != Draw::kProbe && std::find(facts.laws.begin(), facts.laws.end(), law) == facts.laws.end())
      return cat("it takes ", names_of(facts.laws), "; the draft is ", name_of(law));
  }
  if (trace.trees && !facts.trees) return "it takes chains; the draft is a tree";
  if (facts.q_next && !trace.q_next) return "it needs q after every row, which the drafter does not give";
  if (facts.one_hot && !trace.one_hot) return "it needs rows of one token (temperature 0)";
  return "";
}

ReplayRules rules_for(const TraceHeader& trace, const std::string& asked, const Registry<Verifier>& registry) {
  ReplayRules found;
  for (const Wanted& wanted : wanted_rules(asked, registry)) {
    const std::string name = wanted.params.values.find("name")->string();
    const auto& entry = registry.at(name, wanted.params.place);
    std::string why = !wanted.asked && is_tool(name) ? "it is a tool that runs other rules" : "";
    try {
      ReplayRule rule{.name = name, .text = call_text(wanted.params), .facts = {}, .rule = nullptr};
      if (why.empty()) {
        rule.facts = entry.facts(wanted.params, Policy::kSampled);
        why = why_not(trace, rule.facts);
      }
      if (why.empty()) {
        rule.rule = entry.make(wanted.params, {});
        const bool is_twice = std::any_of(found.rules.begin(), found.rules.end(),
                                          [&](const ReplayRule& other) { return other.text == rule.text; });
        if (is_twice) throw ConfigError(cat("--verifiers: ", rule.text, " is given twice"));
        const bool is_second = std::any_of(found.rules.begin(), found.rules.end(),
                                           [&](const ReplayRule& other) { return other.name == name; });
        if (is_second) rule.name = rule.text;
        found.rules.push_back(std::move(rule));
      }
    } catch (const ConfigError& e) {
      if (wanted.asked) throw;
      why = cat("it needs options: ", e.what());
    }
    if (!why.empty()) found.left_out.push_back(cat(name, ": ", why));
  }
  return found;
}

}  // namespace specula
