#include "framework/decode/logit_rows.h"

#include <algorithm>
#include <cmath>

#include "framework/decode/probability.h"

namespace specula {
namespace {

constexpr size_t kBuckets = 4096;  // by value, so that only the entries of one are compared with each other

bool by_value(const Weighted& a, const Weighted& b) { return a.value < b.value; }

float most_of(std::span<const Weighted> entries) {
  return std::max_element(entries.begin(), entries.end(), by_value)->value;
}

// By halves: nth_element where quickselect would ask for the value itself.
float select(std::span<Weighted> entries, double goal) {
  size_t low = 0, high = entries.size();
  double below = 0;  // the weight of what lies before `low`
  while (high - low > 1) {
    const size_t middle = (low + high - 1) / 2;
    const auto at = [&](size_t i) { return entries.begin() + static_cast<ptrdiff_t>(i); };
    std::nth_element(at(low), at(middle), at(high), by_value);
    double weight = 0;
    for (size_t i = low; i <= middle; ++i) weight += entries[i].weight;
    if (below + weight >= goal) {
      high = middle + 1;
    } else {
      below += weight;
      low = middle + 1;
    }
  }
  return entries[low].value;
}

}  // namespace

void each_row(Tensor& logits, const std::function<void(float* row, int64_t vocab, size_t j)>& change) {
  float* const data = logits.mutable_data_ptr<float>();
  const int64_t vocab = logits.size(1);
  for (int64_t j = 0; j < logits.size(0); ++j) change(data + j * vocab, vocab, static_cast<size_t>(j));
}

void remove_below(float* row, int64_t vocab, float least) {
  std::replace_if(
      row, row + vocab, [least](float v) { return v < least; }, kRemoved);
}

void remove_rare(float* row, std::span<const float> mass, double least) {
  const float most = max_logit(row, static_cast<int64_t>(mass.size()));
  for (size_t i = 0; i < mass.size(); ++i) {
    if (mass[i] < least && row[i] < most) row[i] = kRemoved;
  }
}

bool remove_tokens(float* row, int64_t vocab, std::span<const Token> tokens) {
  std::vector<std::pair<Token, float>> removed;
  for (const Token t : tokens) {
    if (t >= vocab) continue;
    removed.emplace_back(t, row[t]);
    row[t] = kRemoved;
  }
  if (!std::isnan(max_logit(row, vocab))) return true;
  // The last first: a token that was named twice had its logit the first time.
  for (auto r = removed.rbegin(); r != removed.rend(); ++r) row[r->first] = r->second;
  return false;
}

float weighted_quantile(std::span<Weighted> entries, double goal) {
  const auto [least, most] = std::minmax_element(entries.begin(), entries.end(), by_value);
  const float low = least->value, scale = static_cast<float>(kBuckets - 1) / std::max(most->value - low, 1e-30F);
  const auto bucket_of = [low, scale](const Weighted& entry) {
    return static_cast<size_t>(std::min((entry.value - low) * scale, static_cast<float>(kBuckets - 1)));
  };
  std::vector<double> weight(kBuckets);
  for (const Weighted& entry : entries) weight[bucket_of(entry)] += entry.weight;
  size_t bucket = 0;
  double below = 0;
  for (; bucket + 1 < kBuckets && below + weight[bucket] < goal; ++bucket) below += weight[bucket];
  const auto first =
      std::partition(entries.begin(), entries.end(), [&](const Weighted& entry) { return bucket_of(entry) != bucket; });
  return first == entries.end() ? most_of(entries) : select({first, entries.end()}, goal - below);
}

}  // namespace specula
