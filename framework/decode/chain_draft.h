// Drafting chains with a model, one pass per depth: what `draft_model` and `oracle` share.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <vector>

#include "framework/decode/drafter.h"

namespace specula {

struct ChainDraft {
  const LanguageModel& model;
  KvCache& cache;                            // without tentative slots; the tokens drafted from are left in it as such
  std::vector<std::vector<Token>> catch_up;  // [B] committed tokens the cache lacks, the root last; empty where done
  std::vector<int> depth;                    // [B] tokens to draft
  Draw draw;    // kIid: from q; kCoupled: from q by the race that the target runs; kPoint: the most likely token
  bool q_next;  // q after the last row too, for which the model makes one pass more; not with kPoint
  std::function<Tensor(Tensor p)> q_of_p = [](Tensor p) { return p; };  // [1,V] the model's p after the policy -> q
};

// Trees of size 0 where the round says done.
std::vector<DraftTree> draft_chains(const Round& round, const ChainDraft& how);

}  // namespace specula
