// A trace for the drafter that replays one: of tokens 0 and 1, so that every toy vocabulary has them.
#pragma once

#include <string>

#include "framework/decode/draft_tree.h"

namespace specula::testing {

// A round as a trace holds it: q and the rows of p are uniform.
struct ToyRound {
  int64_t request, start;
  DraftTree tree;
};
std::string trace_of(const std::vector<ToyRound>& rounds, int64_t vocab, const std::string& name);  // its path

// A tree behind either token at every position of the requests of the tests.  Made when first asked for.
std::string toy_trace();

}  // namespace specula::testing
