// Optimal transport for one position on tiny vocabularies: sets of drawn tokens, given as bit masks, against a law.
// Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/decode/round_rows.h"

namespace specula {

inline constexpr int64_t kTransportVocab = 8;

// [2^V] the probability that the tokens of `siblings`, drawn in this order by their own laws, are exactly the set.
std::vector<double> law_of_sets(const DraftTree& tree, const RoundRows& rows, const std::vector<int>& siblings);

// The flow [2^V][V] from sets to tokens inside them that carries the most: no set more than its mass, no token more
// than p [V].  Shortest augmenting paths (Edmonds and Karp 1972).
std::vector<std::vector<double>> transport(const std::vector<double>& mass_of_set, const float* p, int64_t vocab);

}  // namespace specula
