// What chains and trees are drafted with, whoever computes it: a model of its own (DraftCache), or a head that reads
// the target's states (HeadCache).  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/decode/rows.h"

namespace specula {

class DraftSource {
 public:
  virtual ~DraftSource() = default;
  // The tokens of `text` that are to be fed first, the last one always among them, since its logits are wanted.  Leaves
  // no tentative slot in sequence b.
  virtual std::vector<Token> catch_up(int b, const Prefix& text) = 0;
  // One pass over rows hung into what was fed since catch_up (parents are tentative slots, as in Rows).
  virtual Pass forward(const std::vector<RowList>& lists, const Ask& ask) = 0;
};

}  // namespace specula
