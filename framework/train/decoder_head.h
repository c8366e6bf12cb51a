// Heads that are a decoder layer, as they learn: EAGLE, EAGLE-3, P-EAGLE, MTP, Kangaroo's adapter
// (architecture/family_heads.cpp says how they differ). Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>

#include "framework/core/token.h"
#include "framework/train/head_network.h"

namespace specula {

struct DecoderHeadShape {
  std::string kind = "eagle3";        // "eagle", "eagle3", "peagle", "mtp", "kangaroo"
  int64_t intermediate = 0;           // 0: as the target
  int64_t heads = 0, kv_heads = 0;    // of attention; 0: as the target
  std::vector<Token> draft_tokens{};  // eagle3, peagle: all that it can draft, ascending; empty: the whole vocabulary
  std::vector<int> sites{};           // eagle3, peagle: of the target, joined; empty: the published ones, 2, L/2, L-3.
                                      // kangaroo: the one layer whose input is read
  bool fc_norm = false;      // eagle3, peagle: each of the states has a norm in front of the matrix that joins them,
  bool norm_output = false;  // and drafted rows carry what is behind the final norm (both: EAGLE-3.1)
  int named = 0;             // peagle: tokens of a round, whose rows behind the first are masks:
  Token mask = 0;            // this token, and a state that learns
  bool own_output = false;   // a head of its own, begun as the target's; always where draft_tokens are given
};

// Embedding, and the output head unless it is its own, are the target's and do not learn.  Throws ConfigError for a
// target whose layers the kind cannot have.
std::unique_ptr<HeadNetwork> make_decoder_head(const DecoderHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                               uint64_t seed, const DecoderTraining& training);

}  // namespace specula
