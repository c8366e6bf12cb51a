// A world in which every law can be written down: two hash models of a few tokens, one policy, trees of any shape drawn
// by any law.  The law of a whole text under a rule is a sum over all drafts and all branches of the rule; nothing is
// sampled.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/certify/enumerate.h"
#include "framework/certify/hash_model.h"
#include "framework/decode/sampler.h"
#include "framework/decode/verifier.h"

namespace specula {

using Row = std::vector<double>;  // [V] a law

class Toy {
 public:
  // `sampler` is lent.  nearness: how much of the target's logits is in the draft's.
  Toy(uint64_t seed, int64_t vocab, const Sampler& sampler, double nearness = 0.4);
  int64_t vocab() const { return target_.vocab(); }
  const HashModel& target() const { return target_; }
  const HashModel& draft() const { return draft_; }

  // The laws of the token after `text` (at least one token), policy included.
  Row p(const Prefix& text) const { return law(target_, text, sampler_); }
  Row q(const Prefix& text) const { return law(draft_, text, sampler_); }
  Row p_before_policy(const Prefix& text) const { return law(target_, text, {}); }
  Row q_before_policy(const Prefix& text) const { return law(draft_, text, {}); }

 private:
  static Row law(const HashModel& model, const Prefix& text, const Sampler& sampler);
  HashModel target_, draft_;
  const Sampler& sampler_;
};

Prefix path_text(const Prefix& prefix, const DraftTree& tree, int row);      // the prefix, and the path down to the row
Tensor tensor_of(const std::vector<Row>& rows);                              // [R,V] float32
Tensor p_rows(const Toy& toy, const Prefix& prefix, const DraftTree& tree);  // [R,V] after each row
// Gives the tree q after each of its rows: q [R,V], q_next[row] = row, and q_row of drawn rows = their parent.
void give_q(const Toy& toy, const Prefix& prefix, DraftTree& tree);

// A tree that is still to be drawn: parents and laws of rows 1, 2, ...
struct Shape {
  std::string name;
  std::vector<int> parent{};
  std::vector<Draw> draw{};
};
// Chains and trees of one law, and mixed ones, up to five rows.
std::vector<Shape> shapes_of(const std::vector<Draw>& laws, bool trees);

struct WeightedTree {
  DraftTree tree;
  double mass = 1;  // its probability
};
// All that can be drafted after `prefix`: drawn rows by every token that q can give there, points by the most likely
// token that no sibling has.  A row that nothing is left for is left out.
std::vector<WeightedTree> draw_trees(const Toy& toy, const Prefix& prefix, const Shape& shape);

using Drafts = std::function<std::vector<WeightedTree>(const Prefix& prefix)>;
using TargetRows = std::function<Tensor(const Prefix& prefix, const DraftTree& tree)>;  // [R,V]

// The law of the first `tokens` tokens after `prompt`, over as many rounds as they take.
Law law_of_text(const Verifier& rule, const Prefix& prompt, int tokens, const Drafts& drafts, const TargetRows& p);
// What it must be: p, or the mixture that the rule says it follows.
Law law_to_follow(const Toy& toy, const Verifier& rule, const Prefix& prompt, int tokens);

// The total variation between the two, for trees of a shape.
double error_of(const Toy& toy, const Verifier& rule, const Shape& shape, int tokens);

}  // namespace specula
