// A corpus and its sorted suffixes in a mapped file, 8 bytes a token: where a text's last tokens occur in the corpus,
// and what follows there.  Made by `specula train retrieval`; the drafters `retrieval` and `suffix_automaton` read it.
// A lookup of n tokens among N costs about 2 log N reads far apart; suffixes that begin with one token are found at
// once.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "framework/lookup/corpus_file.h"

namespace specula {

inline constexpr const char* kRetrievalKind = "retrieval";

// Documents that follow each other: suffixes are sorted across them, matches and continuations end where they do.
struct TokenDocuments {
  std::vector<uint32_t> tokens{};  // kSeparator behind each document
  static constexpr uint32_t kSeparator = 0xFFFFFFFF;

  void add(std::span<const Token> ids, bool begins_document);  // ids >= 0
};

// Sorts (about 30 bytes of memory a token, 0.5 us a token) and writes.  Throws Error for an empty corpus and for one of
// more than kMostCorpusTokens.
void write_suffix_index(const std::filesystem::path& path, TokenDocuments documents, const std::string& tokenizer);

class SuffixIndex {
 public:
  // Throws ConfigError for a file that is damaged, holds numbers out of range, or does not suit the target.
  SuffixIndex(const std::filesystem::path& path, const Parts& parts);

  struct Range {
    size_t low = 0, high = 0;  // ranks of suffixes, in their order
    size_t count() const { return high - low; }
  };
  // The suffixes that begin with these tokens; at least one is given.
  Range find(std::span<const Token> tokens) const;

  struct Match {
    int length = 0;  // of the longest suffix of the text that occurs in the corpus; 0: none
    Range range{};
  };
  Match longest(std::span<const Token> text, int most) const;

  // What follows the first `skip` tokens of a suffix, at most `most` tokens, up to the end of its document.
  std::span<const uint32_t> following(size_t rank, size_t skip, size_t most) const;

  size_t bytes() const { return file_.bytes(); }
  int64_t tokens() const { return file_.head().tokens; }

 private:
  void check() const;
  bool is_below(size_t rank, std::span<const Token> tokens, bool or_equal) const;
  size_t boundary(Range within, std::span<const Token> tokens, bool behind_equal) const;

  CorpusFile file_;
  std::span<const uint32_t> text_, suffixes_, first_;
};

}  // namespace specula
