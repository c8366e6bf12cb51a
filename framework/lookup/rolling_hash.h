// The hash of the last n tokens of a text, rolled on by one token in O(1): Karp and Rabin 1987, a polynomial modulo
// 2^64 whose value is mixed before it is used, since its low bits alone collide.  Equal hashes are no proof: who copies
// compares the tokens, who only drafts lets the verifier do it.  Licence: Apache-2.0.
#pragma once

#include "framework/core/token.h"
#include "framework/lookup/flat_map.h"

namespace specula {

class RollingHash {
 public:
  explicit RollingHash(int n) : n_(n) {
    for (int i = 0; i < n; ++i) leaving_ *= kBase;
  }
  int n() const { return n_; }
  // The token at `at` of the text joins, and the one n places before leaves.
  template <class Text>
  void roll(const Text& text, int64_t at) {
    value_ = value_ * kBase + weight(text[static_cast<size_t>(at)]);
    if (at >= n_) value_ -= leaving_ * weight(text[static_cast<size_t>(at - n_)]);
  }
  // Of the last n tokens; of another length it is another key.
  uint64_t key() const { return mixed(value_ + static_cast<uint64_t>(n_)); }

 private:
  static constexpr uint64_t kBase = 0x9e3779b97f4a7c15ULL;  // odd; 2^64 over the golden ratio (Knuth, vol. 3, 6.4)
  static uint64_t weight(Token token) { return mixed(static_cast<uint64_t>(token) + 1); }

  int n_;
  uint64_t value_ = 0, leaving_ = 1;
};

}  // namespace specula
