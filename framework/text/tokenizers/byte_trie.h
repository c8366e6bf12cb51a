// A set of byte strings with a number each, walked byte by byte.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "framework/text/tokenizers/flat_table.h"

namespace specula {

class ByteTrie {
 public:
  static constexpr uint32_t kNone = ~uint32_t{0};

  void add(std::string_view key, uint32_t value) {  // the last value of a key counts
    uint32_t node = 0;
    for (const char byte : key) {
      const auto* edge = edges_.find(node, static_cast<unsigned char>(byte));
      if (edge == nullptr) {
        edges_.set(node, static_cast<unsigned char>(byte), {static_cast<uint32_t>(values_.size()), 0});
        node = static_cast<uint32_t>(values_.size());
        values_.push_back(kNone);
      } else {
        node = edge->first;
      }
    }
    values_[node] = value;
  }

  // Calls visit(end, value) for each key that stands at `begin`, the shortest first.
  template <class Visit>
  void visit_prefixes(std::string_view text, size_t begin, const Visit& visit, uint32_t node = 0) const {
    for (size_t at = begin; at < text.size(); ++at) {
      const auto* edge = edges_.find(node, static_cast<unsigned char>(text[at]));
      if (edge == nullptr) return;
      node = edge->first;
      if (values_[node] != kNone) visit(at + 1, values_[node]);
    }
  }

  // The node that `key` leads to, for searches that begin below it.
  std::optional<uint32_t> node_of(std::string_view key) const {
    uint32_t node = 0;
    for (const char byte : key) {
      const auto* edge = edges_.find(node, static_cast<unsigned char>(byte));
      if (edge == nullptr) return std::nullopt;
      node = edge->first;
    }
    return node;
  }

 private:
  FlatTable edges_;  // (node, byte) -> (node, unused)
  std::vector<uint32_t> values_{kNone};
};

}  // namespace specula
