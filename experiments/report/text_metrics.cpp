#include "experiments/report/text_metrics.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <vector>

#include "framework/core/vector_sort.h"

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

// Of one text.  Open addressing: a run has millions of them.
class NgramSet {
 public:
  explicit NgramSet(size_t most) : slots_(std::bit_ceil(2 * most + 2)) {}
  void add(const Ngram& key) {
    const uint64_t mixed = (key.low * 0x9e3779b97f4a7c15U) ^ (key.high * 0xc2b2ae3d27d4eb4fU);
    size_t at = (mixed ^ mixed >> 29U) & (slots_.size() - 1);
    while (!(slots_[at] == Ngram{} || slots_[at] == key)) at = (at + 1) & (slots_.size() - 1);
    size_ += slots_[at] == key ? 0 : 1;
    slots_[at] = key;
  }
  size_t size() const { return size_; }

 private:
  std::vector<Ngram> slots_;  // a power of two, at most half full; zeros: free
  size_t size_ = 0;
};

// Of every text one number for each token, or for each pair of neighbours.
void add_ngrams(const std::vector<Token>& text, size_t n, std::vector<uint64_t>& ngrams) {
  for (size_t first = 0; first + n <= text.size(); ++first) ngrams.push_back(ngram_of(text.data() + first, n).low);
}

Estimate distinct_share(const Slice& slice, size_t n) {
  Estimate e{.why = slice.records.empty() ? "no_records" : ""};
  std::map<int, std::vector<uint64_t>> by_repetition;  // which, at temperature 0, says the same once more
  for (const Record* r : slice.records) {
    if (r->replayed || !r->has_ids()) e.why = r->replayed ? "replay" : "no_ids";
    add_ngrams(r->out, n, by_repetition[r->key.rep]);
    ++e.n;
  }
  if (!e.why.empty()) return e;
  double distinct = 0, all = 0;
  for (auto& [rep, ngrams] : by_repetition) {
    all += static_cast<double>(ngrams.size());
    sort_ascending(ngrams);
    distinct += static_cast<double>(std::unique(ngrams.begin(), ngrams.end()) - ngrams.begin());
  }
  e.why = all > 0 ? "no_sum_over_groups" : "short_texts";
  if (all > 0) e.value = distinct / all;
  return e;
}

}  // namespace

std::optional<Fraction> repeated_ngrams(const Record& record) {
  if (record.replayed || !record.has_ids()) return std::nullopt;
  NgramSet distinct(record.out.size());
  double count = 0;
  for (size_t first = 0; first + kRepeated <= record.out.size(); ++first, ++count)
    distinct.add(ngram_of(record.out.data() + first, kRepeated));
  return Fraction{count - static_cast<double>(distinct.size()), count};
}

void add_distinct_metrics(const Slice& slice, CellSummary& cell) {
  cell.metrics.push_back({"distinct_1", distinct_share(slice, 1)});
  cell.metrics.push_back({"distinct_2", distinct_share(slice, 2)});
}

}  // namespace specula
