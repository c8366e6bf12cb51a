#include "framework/lookup/suffix_array.h"

#include <algorithm>
#include <numeric>

#include "framework/core/error.h"

namespace specula {
namespace {

// One level.  A suffix is of type S if it is smaller than the one that begins a position later, else of type L; an S
// behind an L is leftmost (LMS).  Once the LMS suffixes are in order, two sweeps put all others into theirs.
class Level {
 public:
  Level(std::span<const int32_t> text, int32_t alphabet)
      : text_(text), size_(static_cast<int32_t>(text.size())), is_small_(text.size()), order_(text.size(), -1) {
    for (int32_t i = size_ - 2; i >= 0; --i)
      is_small_[i] = text_[i] == text_[i + 1] ? is_small_[i + 1] : text_[i] < text_[i + 1];
    for (int32_t i = 1; i < size_; ++i) {
      if (is_leftmost(i)) leftmost_.push_back(i);
    }
    std::vector<int32_t> count(static_cast<size_t>(alphabet) + 1, 0);
    for (const int32_t value : text_) ++count[value + 1];
    std::partial_sum(count.begin(), count.end(), count.begin());
    starts_ = std::move(count);
  }

  std::vector<int32_t> sorted() {
    if (leftmost_.size() > 1) {
      induce(leftmost_);  // in order of their substrings up to the next LMS
      sort_leftmost();
    }
    induce(leftmost_);
    return std::move(order_);
  }

 private:
  bool is_leftmost(int32_t i) const { return i > 0 && is_small_[i] && !is_small_[i - 1]; }

  // Sorts all suffixes, given the leftmost ones in their order.
  void induce(const std::vector<int32_t>& leftmost) {
    std::fill(order_.begin(), order_.end(), -1);
    std::vector<int32_t> place(starts_.begin() + 1, starts_.end());  // ends of the buckets
    for (auto at = leftmost.rbegin(); at != leftmost.rend(); ++at) order_[--place[text_[*at]]] = *at;
    std::copy(starts_.begin(), starts_.end() - 1, place.begin());
    const auto add_large = [&](int32_t i) { order_[place[text_[i]]++] = i; };
    add_large(size_ - 1);  // the last suffix is of type L: behind it stands the end, smaller than all
    for (int32_t k = 0; k < size_; ++k) {
      const int32_t before = order_[k] - 1;
      if (before >= 0 && !is_small_[before]) add_large(before);
    }
    std::copy(starts_.begin() + 1, starts_.end(), place.begin());
    for (int32_t k = size_ - 1; k >= 0; --k) {
      const int32_t before = order_[k] - 1;
      if (before >= 0 && is_small_[before]) order_[--place[text_[before]]] = before;
    }
  }

  // From order_, where LMS suffixes stand in the order of their substrings, to the order of the suffixes themselves:
  // equal substrings get equal names, and the text of names is sorted in turn.
  void sort_leftmost() {
    const auto count = static_cast<int32_t>(leftmost_.size());
    std::vector<int32_t> name(text_.size(), -1);  // of the LMS substring at a position; before that, its end
    for (int32_t i = 0; i < count; ++i) name[leftmost_[i]] = i;
    std::vector<int32_t> by_substring;
    by_substring.reserve(leftmost_.size());
    for (const int32_t at : order_) {
      if (is_leftmost(at)) by_substring.push_back(name[at]);
    }
    std::vector<int32_t> names(leftmost_.size());
    int32_t distinct = 0;
    for (int32_t k = 0; k < count; ++k) {
      if (k > 0 && !equal_substrings(by_substring[k - 1], by_substring[k])) ++distinct;
      names[by_substring[k]] = distinct;
    }
    ++distinct;
    name = {};
    std::vector<int32_t> ranks = std::move(by_substring);
    if (distinct < count) {
      ranks = {};
      ranks = Level(names, distinct).sorted();
    }
    std::vector<int32_t> sorted(leftmost_.size());
    for (int32_t k = 0; k < count; ++k) sorted[k] = leftmost_[ranks[k]];
    leftmost_ = std::move(sorted);
  }

  // Substrings of the i-th and j-th LMS position, the next LMS position included.
  bool equal_substrings(int32_t i, int32_t j) const {
    const int32_t last = static_cast<int32_t>(leftmost_.size()) - 1;
    if (i == last || j == last) return false;  // only one of them runs into the end
    const int32_t a = leftmost_[i], b = leftmost_[j];
    const int32_t length = leftmost_[i + 1] - a;
    if (length != leftmost_[j + 1] - b) return false;
    return std::equal(text_.begin() + a, text_.begin() + a + length + 1, text_.begin() + b);
  }

  std::span<const int32_t> text_;
  int32_t size_;
  std::vector<bool> is_small_;
  std::vector<int32_t> leftmost_, starts_, order_;
};

}  // namespace

std::vector<int32_t> suffix_array(std::span<const int32_t> text, int32_t alphabet) {
  SPECULA_CHECK(text.size() <= 0x7FFFFFF0 && alphabet >= 1, text.size(), " values below ", alphabet);
  if (text.empty()) return {};
  return Level(text, alphabet).sorted();
}

}  // namespace specula
