// The tokens of a corpus from the most frequent down, in a file that `specula train token_ranks` makes: what a draft
// head of the N most frequent tokens is made from (FR-Spec, Zhao et al. 2025).  4 bytes a distinct token.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "framework/decode/registry.h"

namespace specula {

class TokenRanker {
 public:
  void add(std::span<const Token> tokens);
  int64_t distinct() const;
  double coverage(int64_t most) const;  // share of the corpus that its `most` most frequent tokens are
  // Tokens that were never seen are left out; of equally frequent ones the lower id comes first.
  void write(const std::filesystem::path& path, const std::string& tokenizer) const;

 private:
  std::vector<Token> ranked() const;

  std::vector<int64_t> counts_;  // by id
  int64_t tokens_ = 0;
};

// How many tokens the file lists: what is known before the models load.  Throws ConfigError as read_corpus_head() does.
int64_t ranked_tokens(const std::filesystem::path& path);

// The first `most` of the file.  Throws ConfigError for a file of another tokenizer than the target's, a damaged one,
// or one that lists fewer.
std::vector<Token> read_token_ranks(const std::filesystem::path& path, int64_t most, const Parts& parts);

}  // namespace specula
