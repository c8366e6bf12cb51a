// What followed each n-gram of a text, n from `shortest` to `longest`, extended token by token: O(longest - shortest)
// each.  `Followers` is what is kept of an n-gram: followers.add(token, at) hears that `token`, at place `at`,
// followed. Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <vector>

#include "framework/lookup/rolling_hash.h"

namespace specula {

// The tokens before `at` are the last n of the text: what a hash alone does not prove.
inline bool follows_suffix(const Prefix& text, int64_t at, int n) {
  return std::equal(text.end() - n, text.end(), text.begin() + (at - n));
}

template <class Followers>
class NgramIndex {
 public:
  NgramIndex(int shortest, int longest) {
    for (int n = shortest; n <= longest; ++n) hashes_.emplace_back(n);
  }

  void append(const Prefix& text, int64_t at) {
    for (RollingHash& hash : hashes_) {
      if (at >= hash.n()) found_[hash.key()].add(text[static_cast<size_t>(at)], at);
      hash.roll(text, at);
    }
  }

  // Calls use(n, followers) of the text's last n tokens, the longest first, until it returns true.
  template <class Use>
  void look_up(const Prefix& text, const Use& use) const {
    for (auto hash = hashes_.rbegin(); hash != hashes_.rend(); ++hash) {
      if (text.size() <= static_cast<size_t>(hash->n())) continue;
      const Followers* followers = found_.find(hash->key());
      if (followers != nullptr && use(hash->n(), *followers)) return;
    }
  }

 private:
  std::vector<RollingHash> hashes_;  // of the last tokens of the text, ascending n
  FlatMap<Followers> found_;
};

}  // namespace specula
