// A cache that holds token ids and nothing else: of models whose rows are computed from the text itself.  It remembers
// which layers stored no keys for a tentative slot, and refuses to commit such a slot: a real cache would hold garbage.
// Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <vector>

#include "framework/core/error.h"
#include "framework/model/language_model.h"

namespace specula {

struct TokenCache final : KvCache {
  struct Sequence {
    Prefix committed, token;                 // token: of the tentative slots
    std::vector<int> parent;                 // [tentative] slot, -1 = committed text
    std::vector<std::vector<char>> missing;  // [tentative] of [L]: layers without keys; empty: none
  };
  explicit TokenCache(int batch) : sequences(static_cast<size_t>(batch)) {}
  std::vector<Sequence> sequences;

  int64_t size(int b) const override { return static_cast<int64_t>(sequences.at(b).committed.size()); }
  int tentative(int b) const override { return static_cast<int>(sequences.at(b).token.size()); }
  void commit(int b, std::span<const int> slots) override {
    Sequence& s = sequences.at(b);
    for (const int slot : slots) {
      const std::vector<char>& missing = s.missing.at(slot);
      SPECULA_CHECK(std::find(missing.begin(), missing.end(), 1) == missing.end(), "slot ", slot,
                    " has no keys in some layers and cannot be committed");
      s.committed.push_back(s.token.at(slot));
    }
    clear(s);
  }
  void truncate(int b, int64_t size) override {
    clear(sequences.at(b));
    sequences.at(b).committed.resize(static_cast<size_t>(size));
  }
  std::unique_ptr<KvCache> fork() const override { return std::make_unique<TokenCache>(*this); }

  // Row r of a pass: a new tentative slot, or the one that is resumed.  Returns the slot.
  int take(int b, int64_t r, Token token, int64_t parent, const Ask& ask) {
    Sequence& s = sequences.at(b);
    if (ask.first_layer > 0) {
      const auto slot = static_cast<size_t>(r);
      SPECULA_CHECK(slot < s.token.size() && s.token[slot] == token && s.parent[slot] == parent, "row ", r,
                    " of sequence ", b, " is not the tentative slot that is resumed");
      std::vector<char>& missing = s.missing[slot];
      for (size_t l = ask.first_layer; l < missing.size(); ++l)
        missing[l] = !ask.skip_attention.empty() && ask.skip_attention[l] != 0 ? 1 : 0;
      return static_cast<int>(r);
    }
    SPECULA_CHECK(parent < static_cast<int64_t>(s.token.size()), "parent ", parent, " of slot ", s.token.size());
    s.token.push_back(token);
    s.parent.push_back(static_cast<int>(parent));
    s.missing.push_back(ask.skip_attention);
    return static_cast<int>(s.token.size()) - 1;
  }
  // The tokens that end at a tentative slot, without those that a view rewinds over.
  Prefix history(int b, int slot, const KvView& view) const {
    const Sequence& s = sequences.at(b);
    SPECULA_CHECK(view.rewind <= static_cast<int64_t>(s.committed.size()), "rewind ", view.rewind, " of ",
                  s.committed.size(), " committed slots");
    Prefix path;
    for (; slot >= 0; slot = s.parent[slot]) path.push_back(s.token[slot]);
    Prefix all(s.committed.begin(), s.committed.end() - view.rewind);
    all.insert(all.end(), path.rbegin(), path.rend());
    return all;
  }

 private:
  static void clear(Sequence& s) {
    s.token.clear();
    s.parent.clear();
    s.missing.clear();
  }
};

}  // namespace specula
