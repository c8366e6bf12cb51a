// suffix_tree: drafts what followed where the text's last tokens occurred before, by how often it did.
//
// SuffixDecoding (Oliaro et al. 2024).  One suffix tree holds the request, another (run scope) the outputs of finished
// requests, the oldest of which leave.  Every match of the last tokens is tried in both; the draft with the highest
// score is taken, a chain or a tree of at most factor * match + offset tokens.  Costs a few steps a committed token and
// about 140 bytes.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry suffix_tree();
}
