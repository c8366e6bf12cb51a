#include "samplers/regex.h"

#include "framework/text/regex.h"
#include "samplers/constraint.h"

namespace specula {
namespace {

struct Options {
  std::string pattern = "(.|\\n)*";
  template <class V>
  void visit(V& v) {
    v("pattern", pattern, "regular expression that the whole generated text matches when it ends");
  }
};

Automaton automaton_of(const Options& options) { return Automaton(parse_regex(options.pattern)); }

}  // namespace

Registry<LogitsProcessor>::Entry regex() {
  return constraint_entry<Options>("regex", "Lets the generated text follow a regular expression.",
                                   "Willard and Louf 2023", "outlines", automaton_of);
}

}  // namespace specula
