// Tokens that stand beside the model's vocabulary and are found in a text before it is cut into words.  Licence:
// Apache-2.0.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "framework/text/tokenizer_config.h"
#include "framework/text/tokenizers/byte_trie.h"

namespace specula {

class AddedTokenFinder {
 public:
  struct Part {
    std::string_view text;
    Token id = -1;  // -1: text
  };

  // Finds `token` where `spelled` stands.
  void add(const AddedToken& token, std::string_view spelled);
  // The text as tokens and what lies between them, which is not empty.  The longest token that begins leftmost is
  // taken. `takes(token)`: whether it may be found.
  template <class Takes>
  void find(std::string_view text, const Takes& takes, std::vector<Part>& parts) const {
    size_t done = 0;
    for (size_t at = 0; at < text.size();) {
      const AddedToken* token = nullptr;
      size_t end = at + 1;
      if (begins_[static_cast<unsigned char>(text[at])]) {
        trie_.visit_prefixes(text, at, [&](size_t key_end, uint32_t index) {
          token = &tokens_[index];
          end = key_end;
        });
      }
      if (token != nullptr && takes(*token) && is_allowed(*token, text, at, end)) {
        const auto [begin, stop] = with_spaces(*token, text, at, end, done);
        if (begin > done) parts.push_back({text.substr(done, begin - done)});
        parts.push_back({{}, token->id});
        done = stop;
      }
      at = end;
    }
    if (done < text.size()) parts.push_back({text.substr(done)});
  }

 private:
  static bool is_allowed(const AddedToken& token, std::string_view text, size_t begin, size_t end);
  static std::pair<size_t, size_t> with_spaces(const AddedToken& token, std::string_view text, size_t begin, size_t end,
                                               size_t done);

  std::vector<AddedToken> tokens_;
  ByteTrie trie_;
  bool begins_[256] = {};  // the first bytes of tokens
};

}  // namespace specula
