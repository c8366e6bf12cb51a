// Drafting chains with a model, one pass per depth: what `draft_model` and `oracle` share.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <vector>

#include "framework/decode/chain_stop.h"
#include "framework/decode/draft_source.h"
#include "framework/decode/drafter.h"

namespace specula {

// The law of a chain as the verifier wants it: points, draws from q, or draws that race with the target's noise.
Draw wanted_law(Policy policy);
// The same where an option may say otherwise: "sample", "greedy", "coupled"; "auto" is what the verifier wants.
Draw wanted_law(const std::string& draw, Policy policy);

struct ChainDraft {
  // One pass over rows, the logits of the last one wanted; what was fed stays in the cache as tentative slots.
  std::function<Pass(const std::vector<RowList>& lists)> forward;
  std::vector<std::vector<Token>> catch_up;  // [B] committed tokens the cache lacks, the root last; empty where done
  std::vector<int> depth;                    // [B] tokens to draft, at most
  Draw draw;    // kIid: from q; kCoupled: from q by the race that the target runs; kPoint: the most likely token
  bool q_next;  // q after the last row too, for which the model makes one pass more; not with kPoint
  std::function<Tensor(Tensor p)> q_of_p = [](Tensor p) { return p; };  // [1,V] the model's p after the policy -> q
  ChainStop* stop = nullptr;  // may end chains earlier; their passes are then saved
};

// Passes of what a drafter drafts with, or of the target over its cache (to be rolled back by the drafter).
std::function<Pass(const std::vector<RowList>& lists)> passes_of(DraftSource& source);
std::function<Pass(const std::vector<RowList>& lists)> passes_of(const LanguageModel& model, KvCache& cache,
                                                                 const Ask& ask = {.logits = Logits::kLast});

// Trees of size 0 where the round says done.  The caches have no tentative slots before.
std::vector<DraftTree> draft_chains(const Round& round, const ChainDraft& how);

}  // namespace specula
