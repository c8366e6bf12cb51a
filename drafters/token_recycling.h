// token_recycling: for each token the most likely successors that the target named when it last scored that token,
// linked into a tree.
//
// Luo et al. 2024 ("Turning Trash into Treasure").  A matrix of successors is written from the logits of every row that
// is verified, accepted or not, and a template of ranks is filled from the root: row = successor number `rank` of its
// parent's token.  The published template is a list of 80 nodes; ours is the tree of so many nodes with the most
// expected tokens if the successor of rank r is right with probability hit (1 - hit)^r.  Before anything is scored the
// rows are the successors in the prompt.  Costs a scan of each verified row of logits, and 4 (width + 1) bytes with
// their place in a map for each token of the vocabulary that was seen.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry token_recycling();
}
