#include "experiments/report/text_metrics.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace specula {
namespace {

constexpr size_t kRepeated = 4;  // as seq-rep-4 of Welleck et al. 2020

// Up to four tokens, each in 32 bits and one more than its id, so that no n-gram is all zeros.
struct Ngram {
  uint64_t high = 0, low = 0;
  bool operator==(const Ngram&) const = default;
};

Ngram ngram_of(const Token* tokens, size_t n) {
  Ngram key;
  for (size_t i = 0; i < n; ++i) {
    key.high = key.high << 32U | key.low >> 32U;
    key.low = key.low << 32U | (static_cast<uint32_t>(tokens[i]) + 1U);
  }
  return key;
}

// Open addressing: a run has millions of them, and a tree of vectors takes minutes.
class NgramSet {
 public:
  void add(const Ngram& key) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    Ngram& slot = place_of(key);
    if (slot == key) return;
    slot = key;
    ++size_;
  }
  size_t size() const { return size_; }

 private:
  Ngram& place_of(const Ngram& key) {
    const uint64_t mixed = (key.low * 0x9e3779b97f4a7c15U) ^ (key.high * 0xc2b2ae3d27d4eb4fU);
    size_t at = (mixed ^ mixed >> 29U) & (slots_.size() - 1);
    while (!(slots_[at] == Ngram{} || slots_[at] == key)) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }
  void grow() {
    std::vector<Ngram> old(std::max<size_t>(64, 2 * slots_.size()));
    std::swap(old, slots_);
    for (const Ngram& key : old) {
      if (!(key == Ngram{})) place_of(key) = key;
    }
  }
  std::vector<Ngram> slots_;  // a power of two; zeros: free
  size_t size_ = 0;
};

// n-grams seen so far, and how many were looked at.
struct Ngrams {
  NgramSet distinct;
  int64_t count = 0;

  void add(const std::vector<Token>& text, size_t n) {
    for (size_t first = 0; first + n <= text.size(); ++first) {
      distinct.add(ngram_of(text.data() + first, n));
      ++count;
    }
  }
};

Estimate distinct_share(const Slice& slice, size_t n) {
  Estimate e{.why = slice.records.empty() ? "no_records" : ""};
  std::map<int, Ngrams> by_repetition;  // which, at temperature 0, says the same once more
  for (const Record* r : slice.records) {
    if (r->replayed || !r->has_ids()) e.why = r->replayed ? "replay" : "no_ids";
    by_repetition[r->key.rep].add(r->out, n);
    ++e.n;
  }
  if (!e.why.empty()) return e;
  double distinct = 0, all = 0;
  for (const auto& [rep, ngrams] : by_repetition) {
    distinct += static_cast<double>(ngrams.distinct.size());
    all += static_cast<double>(ngrams.count);
  }
  e.why = all > 0 ? "no_sum_over_groups" : "short_texts";
  if (all > 0) e.value = distinct / all;
  return e;
}

}  // namespace

std::optional<Fraction> repeated_ngrams(const Record& record) {
  if (record.replayed || !record.has_ids()) return std::nullopt;
  Ngrams ngrams;
  ngrams.add(record.out, kRepeated);
  const auto count = static_cast<double>(ngrams.count);
  return Fraction{count - static_cast<double>(ngrams.distinct.size()), count};
}

void add_distinct_metrics(const Slice& slice, CellSummary& cell) {
  cell.metrics.push_back({"distinct_1", distinct_share(slice, 1)});
  cell.metrics.push_back({"distinct_2", distinct_share(slice, 2)});
}

}  // namespace specula
