// Batch invariance, decided by trying: does a row of this model, on this machine, keep its bits whatever stands beside
// it?  Speculation verifies several rows in one pass where the baseline decodes them one by one, so "the same greedy
// text" holds bit for bit if and only if this does.  The reference is what the baseline computes: a prefill, then one
// row a pass.  What is tried is a sample (short texts, few shapes), hence evidence and not a proof.
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/model/load.h"

namespace specula {

// Shapes that are tried; what the model's context cannot hold is left out.
struct InvarianceOptions {
  int64_t text = 140;             // committed tokens before the rows that are compared
  int steps = 16;                 // rows decoded one by one, with which all else is compared
  std::vector<int> rows{};        // rows of a pass
  std::vector<int64_t> chunks{};  // tokens of a prefill's chunks
  int tree_rows = 15;             // of a binary tree
  bool tries_one_thread = true;   // also decodes with one thread; the pool is restored
};
InvarianceOptions full_invariance();   // every row count from 1 to 17, and 40: for small models, or patience
InvarianceOptions quick_invariance();  // some twenty passes over at most 24 tokens: before a run, also of a large model

struct InvarianceReport {
  struct Property {
    std::string name;  // rows, chunks, tree, batch, tentative, threads
    std::string what;  // "passes of up to 8 rows"
    bool held = false;
  };
  std::vector<Property> properties;  // those that were tried

  bool held() const;         // all of them
  std::string text() const;  // "holds: passes of up to 8 rows, ..." or "DOES NOT HOLD for trees; holds: ..."
};

// Throws what forward() throws.  Not from within an OpenMP region.
InvarianceReport check_invariance(const LanguageModel& model, const InvarianceOptions& options);
// The same, and whether the engine promises it: the property "construction".
InvarianceReport check_invariance(const LoadedModel& model, const InvarianceOptions& options);

}  // namespace specula
