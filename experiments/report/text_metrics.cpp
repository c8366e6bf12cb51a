#include "experiments/report/text_metrics.h"

#include <algorithm>
#include <map>
#include <set>

namespace specula {
namespace {

constexpr size_t kRepeated = 4;  // as seq-rep-4 of Welleck et al. 2020

using Ngram = std::vector<Token>;

// n-grams seen so far, and how many were looked at.
struct Ngrams {
  std::set<Ngram> distinct;
  int64_t count = 0;

  void add(const std::vector<Token>& text, size_t n) {
    for (size_t end = n; end <= text.size(); ++end) {
      const auto last = text.begin() + static_cast<std::ptrdiff_t>(end);
      distinct.emplace(last - static_cast<std::ptrdiff_t>(n), last);
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
