// Small helpers between lists of tokens and the tensors of a pass: what the loop and the drafters with a model share.
// Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/clock.h"
#include "framework/decode/draft_tree.h"
#include "framework/model/language_model.h"

namespace specula {

// One list of (token, parent slot) per sequence, padded to the longest.
struct RowList {
  std::vector<Token> token;
  std::vector<int> parent;
  static RowList chain(std::span<const Token> tokens);  // hangs from the committed text
};
Rows make_rows(const std::vector<RowList>& lists);

// Feeds all but the last token of each prefix into the empty cache, in chunks, and commits them: what a round expects.
// Returns what `ask` wants of all rows, hidden [B,T,S,H] padded with zeros; logits are never asked.
Pass prefill(const LanguageModel& model, KvCache& cache, std::span<const Prefix> prefixes, const Ask& ask);

// The slots 0..count-1, as a commit of a chain wants them.
std::vector<int> first_slots(int count);

}  // namespace specula
