// The order in which a training reads its texts: rows of T+1 tokens of mixed sources, one after the other without
// padding.  Which row is the n-th is a pure function of the seed and n: nothing has to be saved for a resume, and a
// step is the same however it is cut into passes or shared among processes.  Within a source no row comes twice before
// each had its turn.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/keyring.h"
#include "framework/core/tensor.h"
#include "framework/core/token.h"

namespace specula {

struct TokenSource {
  std::string name;
  double weight = 1;  // its share of the rows is weight / sum of weights
  std::vector<Token> ids;
};

class TokenBatches {
 public:
  // `length` is T, `rows_of_step` what a step takes.  Throws ConfigError, with the numbers, where all sources together
  // have fewer rows than that, or one has none.
  TokenBatches(std::vector<TokenSource> sources, int64_t length, int64_t rows_of_step, uint64_t seed);

  Tensor rows(int64_t first, int64_t count) const;  // [count,T+1] int64: the rows first, first + 1, ...

 private:
  const Token* row(int64_t number) const;
  const TokenSource& source_of(int64_t number) const;

  std::vector<TokenSource> sources_;
  int64_t length_;
  double weights_ = 0;
  Keyring keys_;
};

// The first `most` (or all) rows [N,T+1] of held-out tokens, one after the other.  Throws ConfigError naming `name` if
// there is not one.
Tensor rows_in_order(const std::vector<Token>& ids, int64_t length, int64_t most, const std::string& name);

// A permutation of 0 .. count - 1 that its key chooses: where `index` goes.
int64_t shuffled(int64_t index, int64_t count, const Keyring& keys, int64_t stream);

}  // namespace specula
