// When a chain of drafted tokens ends: an axis of its own beside the drafter.  A stopper is asked before a token is
// drawn, and told of the token that was.  Both answers leave the draft's law as it is (draft_tree.h), because a token
// that was drawn always stays: what a stopper ends is only what would come after it.  Dropping the drawn token that
// made it stop would be a lie about its law (the planted fault in tests/decode/stopper_test.cpp).  Licence: Apache-2.0.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "framework/core/keyring.h"
#include "framework/core/token.h"

namespace specula {

inline constexpr int kLongestChain = 64;  // tokens that any drafter drafts in a row

// The beginning of a round of sequence b.
struct StopRound {
  int b;
  int most;                // tokens that may be drafted, at least 1
  int64_t request, start;  // name the random numbers of a stopper that draws: Use::kSearch
  const Keyring& keys;     // apart from everybody else's
};

// What is known when the model has said what may follow, and nothing was drawn from it yet.
struct StopRow {
  int b;
  int depth;  // tokens drafted so far in this round
  // [V] what the token is drawn from; the plain softmax of the model's logits where that is one-hot or the draft is a
  // point, since such a row says nothing of how sure the model is.
  std::span<const float> q;
};

// What became of a round in which this stopper decided.
struct StopOutcome {
  int drafted, accepted;
  int passes;  // of the draft model, for tokens that were drawn or not
};

// A stopper may use the rows of q, the depth and what it learned, never the verifier's random numbers.
class Stopper {
 public:
  virtual ~Stopper() = default;
  // A new batch: state of request scope starts anew.  `length`: the most tokens that the drafter drafts in a round.
  virtual void begin(size_t /*batch*/, int /*length*/) {}
  virtual int most(const StopRound& round) { return round.most; }  // tokens of this round; 0: none, and no pass
  // False: before() and after() are never asked, and rows that nobody else wants are not made.
  virtual bool reads_q() const { return false; }
  virtual bool before(const StopRow& /*row*/) { return false; }                  // true: nothing is drawn
  virtual bool after(const StopRow& /*row*/, Token /*drawn*/) { return false; }  // true: `drawn` is the last
  virtual void learn(int /*b*/, const StopOutcome& /*outcome*/) {}
  virtual std::vector<std::pair<std::string, double>> notes(int /*b*/) const { return {}; }  // of the round, by name
};

}  // namespace specula
