// What regex, grammar and json_schema share: the generated text must stay on an automaton's way to a match.  Licence:
// Apache-2.0.
#pragma once

#include "framework/decode/registry.h"
#include "framework/text/automaton.h"

namespace specula {

// A token may follow where what the row's own path spells, from the first generated token on, can still become a match;
// stop tokens where it is one.  The state is a function of the text, so p and q, chains and trees see the same.
//
// - No stop tokens (ignore_eos): after a match that cannot go on, the text is free.
// - Rows below a token that may not stand there, and below a stop token, are left alone: no rule comes to them.
// - No token of the vocabulary goes on, and there is no match: an Error at the root of a round.
// - Logits that hold only tokens which may not follow, as of a draft with another vocabulary, are left alone.
std::unique_ptr<LogitsProcessor> make_constraint(const std::string& kind, Automaton automaton, const Parts& parts);

// The entry of a constraint whose options are compiled by `automaton_of`, which throws ConfigError; it is asked before
// anything loads.
template <class Options>
Registry<LogitsProcessor>::Entry constraint_entry(const std::string& name, const std::string& summary,
                                                  const std::string& paper, const std::string& definition,
                                                  Automaton (*automaton_of)(const Options& options)) {
  struct Unmade final : LogitsProcessor {  // stands for the class that make_entry() would make
    explicit Unmade(const Options& /*options*/) {}
    void apply(Tensor& /*logits*/, const RowContext& /*context*/) const override {}
  };
  auto entry = sampler_entry<Unmade, Options>(name, summary, paper, definition, [automaton_of](const Options& options) {
    automaton_of(options);
    return Facts{.reads = Reads::kGenerated, .removes = true, .constrains = true};
  });
  entry.make = [name, automaton_of](const Params& params, const Parts& parts) {
    return make_constraint(name, automaton_of(read_options<Options>(params)), parts);
  };
  return entry;
}

}  // namespace specula
