// Stoppers as an option of a drafter or of another stopper: `stop = "confidence(threshold = 0.5)"`.  Licence:
// Apache-2.0.
#pragma once

#include <memory>
#include <string>

#include "framework/decode/chain_stop.h"
#include "framework/decode/registry.h"

namespace specula {

inline constexpr const char* kStopHelp =
    "what may end a chain before it has `length` tokens, which is then the most; without it nothing does";

// What the stopper adds to the facts of a drafter whose longest draft is `length`; nothing if none was given.  Throws
// ConfigError naming the place for an unknown stopper, a wrong option, or one that wants more than `length` tokens.
Facts stopper_facts(const Call& call, const std::string& place, int length);

std::unique_ptr<Stopper> make_stopper(const Call& call, const std::string& place, const Parts& parts);

// Of a drafter with the option `stop`; never stops if no stopper was given.
ChainStop chain_stop(const Call& call, const std::string& place, const Parts& parts, int length);

// The options of a plug-in with those of the stoppers in them resolved too.
Value resolve_stoppers(Value resolved, const std::vector<Option>& options, const std::string& place);

// The entry of a plug-in that has stoppers as options, so that a run's files name every value.
template <class Entry>
Entry with_stoppers(Entry entry) {
  entry.resolve = [resolve = entry.resolve, options = entry.options](const Params& params) {
    return resolve_stoppers(resolve(params), options, params.place);
  };
  return entry;
}

}  // namespace specula
