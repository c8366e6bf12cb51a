// What became of each drafted token of a recorded round, told from the tree and from the tokens that joined the text:
// records keep no verdict, and need not, since a path of so many accepted tokens is found again.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "framework/decode/trace_reader.h"

namespace specula {

enum class Fate {
  kAccepted,  // it is part of the text
  kRejected,  // it hangs from the text and was not taken: the siblings before the one that was, or all
  kDropped,   // below a rejected one, or behind the sibling that was taken: it fell with the rest
  kCut        // accepted, behind a stop token or the limit
};
const char* name_of(Fate fate);

struct FatedRow {
  int row, parent, depth;  // as in the tree; parent 0: the last token of the text so far
  Token id;
  Draw draw;
  Fate fate;
  double p;                 // in the target's law after the parent
  std::optional<double> q;  // in the draft's law; a point has none
};

struct RoundFates {
  std::vector<FatedRow> rows;  // by depth, siblings in the order of the rule; probes are left out
  // Of the token that the round ended with, after the last accepted row.
  std::optional<double> p, q;
};

// `text` is what joined the text in this round, `accepted` how many rows the rule took.  Throws Error where the tree
// holds no such path.
RoundFates fates_of(const TracedRound& round, const std::vector<Token>& text, int accepted);

}  // namespace specula
