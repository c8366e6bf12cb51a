// Rounds of which everything is known: small laws, all drafts of a shape with their masses, and what a rule does with
// them, by every branch of its chances.  What a paper says of acceptance is tried on these.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/certify/toy.h"

namespace specula {

// A law of `vocab` tokens, another for each seed; `spread` is that of its logits.
Row random_law(uint64_t seed, int64_t vocab, double spread = 2);

double overlap_of(const Row& p, const Row& q);  // sum of min(p, q), which is 1 - TV

// A chain or tree below the root, all of one law.
Shape shape_of(const std::vector<int>& parent, Draw draw);
Shape chain_of(int length, Draw draw);
Shape siblings_of(int count, Draw draw);

struct Drafted {
  DraftTree tree;
  double mass = 1;  // its probability
  Tensor p;         // [R,V]
};
// All drafts of a shape of i.i.d. rows and rows drawn without replacement, where p and q are the same at every node.
std::vector<Drafted> drafts_of(const Row& p, const Row& q, const Shape& shape);
// All drafts of a shape after a toy's text.
std::vector<Drafted> drafts_of(const Toy& toy, const Prefix& prefix, const Shape& shape);

// Expected accepted rows, by every branch of the rule and not by its closed form.
double accepted(const Verifier& rule, const Drafted& drafted);
double mean_accepted(const Verifier& rule, const std::vector<Drafted>& drafts);

// The largest difference between what two rules do with a round: where they end, and with which token.
double difference(const Verifier& one, const Verifier& other, const Drafted& drafted);

}  // namespace specula
