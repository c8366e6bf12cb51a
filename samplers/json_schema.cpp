#include "samplers/json_schema.h"

#include "framework/text/json_schema.h"
#include "samplers/constraint.h"

namespace specula {
namespace {

struct Options {
  std::string schema = "{}";
  int depth = 2;
  template <class V>
  void visit(V& v) {
    v("schema", schema, "JSON schema that the generated text follows when it ends");
    v("depth", depth, 0, 4, "how deep arrays and objects nest in values that the schema does not describe");
  }
};

Automaton automaton_of(const Options& options) { return Automaton(parse_json_schema(options.schema, options.depth)); }

}  // namespace

Registry<LogitsProcessor>::Entry json_schema() {
  return constraint_entry<Options>("json_schema", "Lets the generated text be JSON that follows a schema.",
                                   "Willard and Louf 2023", "outlines", automaton_of);
}

}  // namespace specula
