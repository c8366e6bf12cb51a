// Checks that drafter, verifier and sampler fit before any weights load, and says what the composition guarantees; the
// same of a strategy and a sampler.
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/decode/strategy.h"

namespace specula {

struct Composition {
  Params drafter, verifier;      // values.find("name") says which
  std::vector<Params> samplers;  // in the order in which they apply
};

// A composition as resolved from text: the "name" key of each Params and its options.
struct Composed {
  Facts drafter, verifier;   // of a strategy: nothing is drafted, no rule judges
  std::string finds{};       // of a strategy: Strategy::finds(); else empty
  bool one_hot = false;      // the sampler's rows are one-hot (temperature 0)
  bool constrained = false;  // a step is on the text of tokens, and removes what may not be written
  bool coins = false;        // a step draws a number at each position
  Guarantee guarantee = Guarantee::kExact;
  std::vector<std::string> problems;  // empty: it fits
  std::string promise() const { return finds.empty() ? name_of(guarantee) : finds; }
};
// Reads every option and compares the facts.  Problems are collected, one line each.
Composed check_composition(const Registries& registries, const Composition& composition);
Composed check_strategy(const Registry<Strategy>& strategies, const Registries& registries, const Params& strategy,
                        const std::vector<Params>& samplers);

// The verifier to take when none was named: greedy_match if every row of p is one-hot, else rejection.
std::string default_verifier(const Registries& registries, const std::vector<Params>& samplers);

// "temperature(0.7),top_p(0.9)" -> Params in the order given.  An empty text: no processor, p = softmax(logits).
std::vector<Params> parse_samplers(const std::string& text, const std::string& place);

// `parts`: of the target, for samplers that look at the text of tokens.
Sampler make_sampler(const Registries& registries, const std::vector<Params>& samplers, const Parts& parts = {});
std::string plugin_name(const Params& params);  // its "name" key; throws ConfigError if missing

}  // namespace specula
