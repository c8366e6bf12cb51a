// What a round costs in target passes over one row, from figures that a configuration gives: never from a live clock,
// which would make texts depend on the machine's mood.  Licence: Apache-2.0.
#pragma once

#include <algorithm>

namespace specula {

struct RoundPrice {
  double c = 0.1, v = 0.02, o = 0;  // round figures; `specula bench round` prints those of a pair of models
  template <class V>
  void visit(V& visitor) {
    visitor("c", c, 0, 10, "cost of a draft pass / cost of a target pass over one row: c of `specula bench round`");
    visitor("v", v, 0, 10,
            "cost of one row more in the target's pass / that of a pass over one row: (v - 1) / length of `specula "
            "bench round`");
    visitor("o", o, 0, 10,
            "what a round costs outside the models / a target pass over one row: o of `specula bench round`");
  }
  double of(int passes, int drafted) const { return 1 + o + passes * c + drafted * v; }
  // The most tokens per cost that a round of at most `length` drafts can bring: all accepted, or nothing drafted.
  double best_rate(int length) const { return std::max(1 / of(0, 0), (length + 1) / of(length, length)); }
};

}  // namespace specula
