// contrastive: takes of the k likeliest tokens the one that is likely and unlike what the text has said.
//
// Contrastive search (Su et al. 2022, eq. 5): argmax over the k likeliest v of (1 - alpha) p(v) - alpha max_j s(h_v,
// h_j), where h is the last hidden state (after the final norm), s the cosine, and j runs over every token before v,
// those of the prompt too.  p is of the sampling policy without its last step at temperature 0.  The k candidates are
// siblings in one pass, which gives the winner's successors along with its state, so a token costs one pass of k rows;
// the first one costs a pass more.  alpha = 0 and k = 1 are greedy decoding.  Keeps a state of H floats a token.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/strategy.h"

namespace specula {
Registry<Strategy>::Entry contrastive();
}
