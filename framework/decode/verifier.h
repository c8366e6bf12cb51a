// The acceptance rule's side of the contract: a pure function of (tree, p, chance), so that every case can be
// enumerated.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "framework/decode/chance.h"
#include "framework/decode/draft_tree.h"
#include "framework/model/language_model.h"

namespace specula {

// What a verifier wants the drafter's draws to be.
enum class Policy {
  kSampled,  // drawn from q after the sampling policy, q in the tree
  kCoupled,  // drawn with the noise of Use::kCoupled
  kGreedy    // the most likely tokens, as points
};

struct Verdict {
  std::vector<int> path{};  // accepted rows below the root, ascending, each the child of the one before
  Token next = -1;          // one token more: residual, bonus or the target's own draw
  std::vector<std::pair<std::string, double>> notes{};  // what the rule wants recorded of the round, by name
};

struct Evidence {
  const Tensor& p;  // [R,V] float32, contiguous, after the policy
  Chance& chance;   // all that a rule may draw from
};

class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual Ask needs() const { return {}; }
  // [R,V] what the token after each row follows: p, or the mixture that a rule is exact for.  Of a lossy rule: what it
  // is measured against.
  virtual Tensor law(const DraftTree& /*tree*/, const Tensor& p) const { return p; }
  virtual Verdict verify(const DraftTree& tree, const Evidence& evidence) const = 0;
  // The expected accepted length of the round in closed form.  Over the rule's own randomness given the tree; where
  // rows were drawn from q it may also be over their tokens, each given those above it, which leaves less noise and
  // the same mean over drafts.  No value: there is none; expected_accepted() of round_law.h then takes every branch.
  virtual std::optional<double> expected_accepted(const DraftTree& /*tree*/, const Tensor& /*p*/) const {
    return std::nullopt;
  }
};

}  // namespace specula
