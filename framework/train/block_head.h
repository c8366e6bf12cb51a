// A head that names a block of tokens in one pass, as it learns (DFlash, Chen et al. 2026; heads/block_heads.h runs
// it). Every place of a text is the anchor of a block: its token and masks, which see each other and the target's
// states up to the token before.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <vector>

#include "framework/core/token.h"
#include "framework/train/draft_network.h"
#include "framework/train/layer_parts.h"

namespace specula {

struct BlockHeadShape {
  LayerSizes sizes;
  int block = 8;           // rows of a block, that of the anchor counted
  Token mask = 0;          // what stands for a token to come
  std::vector<int> sites;  // of the target, joined, 1 .. L - 1; empty: as DFlash spreads them
};

// Embedding and output head are the target's and do not learn.  Throws ConfigError for a target that it cannot have.
std::unique_ptr<DraftNetwork> make_block_head(const BlockHeadShape& shape, std::shared_ptr<FrozenTarget> target,
                                              uint64_t seed, const DecoderTraining& training);

}  // namespace specula
