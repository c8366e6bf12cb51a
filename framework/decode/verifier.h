// The acceptance rule's side of the contract: a pure function of (tree, evidence, keys), so that every case can be
// enumerated.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/keyring.h"
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
};

struct Evidence {
  const Tensor& p;  // [R,V] float32 after the policy
  const Prefix& prefix;
  int64_t request;
  int64_t start;  // absolute position of the first token this round emits
  const Keyring& keys;
};

class Verifier {
 public:
  virtual ~Verifier() = default;
  virtual Ask needs() const { return {}; }
  // [R,V] what the token after each row follows: p, or the mixture that a rule is exact for.
  virtual Tensor law(const DraftTree& /*tree*/, const Tensor& p) const { return p; }
  virtual Verdict verify(const DraftTree& tree, const Evidence& evidence) const = 0;
};

}  // namespace specula
