// The suffix automaton of a text that grows token by token (Blumer et al. 1985): where the text's longest repeated
// suffix first occurred, at any time and at once.
//
// A state is the set of strings that end at the same places; its link leads to the longest of their suffixes that ends
// at more places.  So the link of the newest state is the longest suffix of the text that occurred before: no match has
// to be kept beside the automaton.  A token costs O(1), amortised; at most 2 states (16 B) and 3 transitions (26 to 51
// B) a token, half of that in ordinary text.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/token.h"
#include "framework/lookup/flat_map.h"

namespace specula {

class SuffixAutomaton {
 public:
  SuffixAutomaton() : states_(1) {}

  void append(Token token);  // token >= 0; at most 2^30 of them

  struct Repeated {
    int64_t length = 0;  // of the longest suffix that occurred before; 0: not even the last token did
    int64_t after = 0;   // the place behind its first occurrence
  };
  Repeated repeated() const;

 private:
  static constexpr int32_t kNone = -1;
  struct State {
    int32_t link = kNone;
    int32_t length = 0;   // of its longest string
    int32_t after = 0;    // the place behind the first occurrence
    Token first = kNone;  // of its transitions, a list
  };
  struct Transition {
    int32_t target = kNone;
    Token next = kNone;  // of the same state
  };

  static uint64_t key(int32_t state, Token token) {
    return static_cast<uint64_t>(static_cast<uint32_t>(state)) << 32 | static_cast<uint32_t>(token);
  }
  State& at(int32_t state) { return states_[static_cast<size_t>(state)]; }
  const State& at(int32_t state) const { return states_[static_cast<size_t>(state)]; }
  void connect(int32_t from, Token token, int32_t to);
  int32_t clone(int32_t parent, Token token, int32_t state);

  std::vector<State> states_;  // 0: the empty string
  FlatMap<Transition> transitions_;
  int32_t last_ = 0;  // of the whole text
};

}  // namespace specula
