// What a drafter knows of each sequence of a batch, extended by what was committed since it was last asked: the whole
// text is read once, by begin(), and never again.  An index that belongs to another request, or to a text that was
// longer, starts anew; so does every index at begin().  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "framework/core/token.h"

namespace specula {

// Index::append(text, at): the token at `at` joins; those before it joined in order.
template <class Index>
class PerSequence {
 public:
  explicit PerSequence(std::function<Index()> make) : make_(std::move(make)) {}

  void begin(std::span<const Prefix> texts, std::span<const int64_t> requests) {
    slots_.clear();
    slots_.resize(texts.size());
    for (size_t b = 0; b < texts.size(); ++b) at(b, requests[b], texts[b]);
  }

  Index& at(size_t b, int64_t request, const Prefix& text) {
    if (b >= slots_.size()) slots_.resize(b + 1);  // a drafter may be asked without begin()
    Slot& slot = slots_[b];
    if (!slot.index || slot.request != request || slot.seen > text.size()) slot = {make_(), request, 0};
    for (; slot.seen < text.size(); ++slot.seen) slot.index->append(text, static_cast<int64_t>(slot.seen));
    return *slot.index;
  }

 private:
  struct Slot {
    std::optional<Index> index{};
    int64_t request = 0;
    size_t seen = 0;  // tokens
  };
  std::function<Index()> make_;
  std::vector<Slot> slots_;
};

}  // namespace specula
