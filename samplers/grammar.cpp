#include "samplers/grammar.h"

#include "framework/text/grammar.h"
#include "samplers/constraint.h"

namespace specula {
namespace {

struct Options {
  std::string text = "root ::= .*";
  template <class V>
  void visit(V& v) {
    v("text", text, "rules in GBNF without recursion; the generated text follows the rule root when it ends");
  }
};

Automaton automaton_of(const Options& options) { return Automaton(parse_grammar(options.text)); }

}  // namespace

Registry<LogitsProcessor>::Entry grammar() {
  return constraint_entry<Options>("grammar", "Lets the generated text follow a grammar without recursion.",
                                   "Geng et al. 2023", "llama.cpp (GBNF)", automaton_of);
}

}  // namespace specula
