#include "framework/text/tokenizers/added_tokens.h"

#include <algorithm>

#include "framework/text/tokenizers/unicode.h"

namespace specula {

void AddedTokenFinder::add(const AddedToken& token, std::string_view spelled) {
  if (spelled.empty()) return;
  begins_[static_cast<unsigned char>(spelled.front())] = true;
  trie_.add(spelled, static_cast<uint32_t>(tokens_.size()));
  tokens_.push_back(token);
}

// A single word has no word character beside it.
bool AddedTokenFinder::is_allowed(const AddedToken& token, std::string_view text, size_t begin, size_t end) {
  if (!token.single_word) return true;
  if (begin > 0 && is_word(character_at(text, character_before(text, begin)).code)) return false;
  return end == text.size() || !is_word(character_at(text, end).code);
}

// The match with the spaces that the token takes in, but not those that the last one has taken.
std::pair<size_t, size_t> AddedTokenFinder::with_spaces(const AddedToken& token, std::string_view text, size_t begin,
                                                        size_t end, size_t done) {
  if (token.lstrip) {
    size_t left = begin;
    while (left > 0) {
      const size_t last = character_before(text, left);
      if (!is_space(character_at(text, last).code)) break;
      left = last;
    }
    begin = std::max(left, done);
  }
  while (token.rstrip && end < text.size()) {
    const Character c = character_at(text, end);
    if (!is_space(c.code)) break;
    end += c.length;
  }
  return {begin, end};
}

}  // namespace specula
