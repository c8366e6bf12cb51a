// Heads that are a decoder layer, as they learn: EAGLE, EAGLE-3, MTP, Kangaroo's adapter (architecture/family_heads.cpp
// says how they differ). Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>

#include "framework/core/token.h"
#include "framework/train/head_network.h"

namespace specula {

struct DecoderHeadShape {
  std::string kind = "eagle3";        // "eagle", "eagle3", "mtp", "kangaroo"
  int64_t intermediate = 0;           // 0: as the target
  int64_t heads = 0, kv_heads = 0;    // of attention; 0: as the target
  std::vector<Token> draft_tokens{};  // eagle3: all that it can draft, ascending; empty: the whole vocabulary
  std::vector<int> sites{};           // eagle3: of the target, joined; empty: the published ones, 2, L/2, L-3.
                                      // kangaroo: the one layer whose input is read
  bool own_output = false;            // a head of its own, begun as the target's; always where draft_tokens are given
};

// Embedding, and the output head unless it is its own, are the target's and do not learn.  Throws ConfigError for a
// target whose layers the kind cannot have.
std::unique_ptr<HeadNetwork> make_decoder_head(const DecoderHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                               uint64_t seed, const DecoderTraining& training);

}  // namespace specula
