// How often each token followed n tokens of a corpus, in a mapped file: what `specula train ngram_cache` writes and the
// drafter `ngram_cache` reads.  At most 4 n + 20 bytes a token of the corpus, reached where no n-gram repeats; a lookup
// is a binary search.  Licence: Apache-2.0.
#pragma once

#include <array>
#include <filesystem>
#include <span>
#include <vector>

#include "framework/lookup/corpus_file.h"

namespace specula {

inline constexpr const char* kNgramKind = "ngram_cache";
inline constexpr int kLongestNgram = 4;  // tokens that a count is kept behind

// Counts while a corpus is read: what came in is sorted and merged whenever a buffer is full, so that the memory is
// that of the distinct n-grams.
class NgramCounter {
 public:
  explicit NgramCounter(int order);                            // 1..kLongestNgram
  void add(std::span<const Token> ids, bool begins_document);  // ids >= 0
  // Those that were seen at least `min_count` times.  Throws Error where none is left.
  void write(const std::filesystem::path& path, const std::string& tokenizer, int64_t min_count);
  int64_t distinct();  // n-grams and what follows them, so far

 private:
  using Gram = std::array<Token, kLongestNgram + 1>;  // `order_` tokens, the one that follows, zeros
  struct Counted {
    Gram gram;
    uint32_t count;
  };
  void merge();

  int order_;
  int64_t tokens_ = 0;
  Token largest_ = 0;
  std::vector<Token> recent_;  // the last tokens of the document, at most `order_`
  std::vector<Gram> buffer_;
  std::vector<Counted> counted_;  // sorted by gram
};

class NgramCounts {
 public:
  // Throws ConfigError for a file that is damaged, holds numbers out of range, or does not suit the target.
  NgramCounts(const std::filesystem::path& path, const Parts& parts);

  // What followed, by token ascending; both spans have the same size, 0 where these tokens were not seen.
  struct Continuations {
    std::span<const uint32_t> tokens, counts;
    uint32_t total = 0;                    // of the counts
    Token most_common = -1;                // the lowest of equals
    uint32_t count_of(Token token) const;  // 0: never
    uint32_t most() const { return most_common < 0 ? 0 : count_of(most_common); }
  };
  Continuations behind(std::span<const Token> ngram) const;  // of order() tokens
  int order() const { return static_cast<int>(file_.head().order); }
  size_t bytes() const { return file_.bytes(); }

 private:
  void check() const;
  std::span<const uint32_t> key(size_t i) const {
    return keys_.subspan(i * static_cast<size_t>(order()), static_cast<size_t>(order()));
  }

  CorpusFile file_;
  std::span<const uint32_t> keys_, starts_, totals_, best_;  // [K,order], [K+1], [K], [K] place of most_common
  std::span<const uint32_t> tokens_, counts_;                // [E], [E]
};

}  // namespace specula
