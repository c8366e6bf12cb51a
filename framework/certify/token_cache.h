// A cache that holds token ids and nothing else: of models whose rows are computed from the text itself.
// Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/language_model.h"

namespace specula {

struct TokenCache final : KvCache {
  struct Sequence {
    Prefix committed, token;  // token: of the tentative slots
    std::vector<int> parent;  // [tentative] slot, -1 = committed text
  };
  explicit TokenCache(int batch) : sequences(static_cast<size_t>(batch)) {}
  std::vector<Sequence> sequences;

  int64_t size(int b) const override { return static_cast<int64_t>(sequences.at(b).committed.size()); }
  int tentative(int b) const override { return static_cast<int>(sequences.at(b).token.size()); }
  void commit(int b, std::span<const int> slots) override {
    Sequence& s = sequences.at(b);
    for (const int slot : slots) s.committed.push_back(s.token.at(slot));
    s.token.clear();
    s.parent.clear();
  }
  void truncate(int b, int64_t size) override {
    rollback(b);
    sequences.at(b).committed.resize(static_cast<size_t>(size));
  }
  std::unique_ptr<KvCache> fork() const override { return std::make_unique<TokenCache>(*this); }
};

}  // namespace specula
