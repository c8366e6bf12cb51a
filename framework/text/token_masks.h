// Which tokens may follow in a state of an automaton: the vocabulary's texts, sorted, are walked as a trie, and what a
// state allows is kept.  Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "framework/core/token.h"
#include "framework/text/automaton.h"
#include "framework/text/tokenizer.h"

namespace specula {

struct TokenSet {
  std::vector<uint64_t> bits;  // of the vocabulary
  void set(Token t, bool is_in) {
    uint64_t& word = bits[static_cast<size_t>(t) / 64];
    const uint64_t bit = uint64_t{1} << (static_cast<size_t>(t) % 64);
    word = is_in ? word | bit : word & ~bit;
  }
  bool is_empty() const {
    return std::all_of(bits.begin(), bits.end(), [](uint64_t word) { return word == 0; });
  }
  bool contains(Token t) const {
    const auto word = static_cast<size_t>(t) / 64;
    return word < bits.size() && (bits[word] >> (static_cast<size_t>(t) % 64) & 1U) != 0;
  }
};

class TokenMasks {
 public:
  TokenMasks(Automaton automaton, const Tokenizer& tokenizer);

  const Automaton& automaton() const { return automaton_; }
  // Tokens without a text of their own, and ids beyond the vocabulary, lead out.
  Automaton::State after(Automaton::State state, Token token) const;
  // Shared, because an old set may be dropped while somebody reads it.
  std::shared_ptr<const TokenSet> allowed(Automaton::State state) const;

 private:
  TokenSet walk(Automaton::State state) const;

  Automaton automaton_;
  std::vector<std::string> text_;  // [V]
  std::vector<Token> sorted_;      // those with a text, by their bytes
  std::vector<size_t> shared_;     // of each, the bytes that it begins with as the one before does
  mutable std::mutex mutex_;
  mutable std::map<Automaton::State, std::shared_ptr<const TokenSet>> sets_;
};

}  // namespace specula
