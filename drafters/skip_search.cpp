#include "drafters/skip_search.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kSpread = 0.2;  // of scores about their mean, as the model believes: a fifth of their range

size_t below(const SkipSearch::Uniform& uniform, size_t bound) {
  return std::min(static_cast<size_t>(uniform() * static_cast<double>(bound)), bound - 1);
}

std::vector<size_t> places_of(const SkipSearch::Set& set, char value) {
  std::vector<size_t> places;
  for (size_t i = 0; i < set.size(); ++i) {
    if (set[i] == value) places.push_back(i);
  }
  return places;
}

}  // namespace

SkipSearch::SkipSearch(int64_t layers, const SkipSearchOptions& options)
    : options_(options), layers_(layers), blocks_(static_cast<size_t>(2 * (layers - 2))) {
  SPECULA_CHECK(layers >= 3, layers, " layers");
  const auto wanted = std::llround(options.skip_ratio * 2.0 * static_cast<double>(layers));
  skipped_ = static_cast<size_t>(std::clamp<long long>(wanted, 1, static_cast<long long>(blocks_)));
  best_.assign(blocks_, 0);
  for (size_t i = 0; i < skipped_; ++i) best_[i * blocks_ / skipped_] = 1;
  sum_.assign(blocks_, 0);
  count_.assign(blocks_, 0);
}

SkipSearch::Set SkipSearch::random(const Uniform& uniform) const {
  std::vector<size_t> order(blocks_);
  std::iota(order.begin(), order.end(), size_t{0});
  Set set(blocks_, 0);
  for (size_t i = 0; i < skipped_; ++i) {
    std::swap(order[i], order[i + below(uniform, blocks_ - i)]);
    set[order[i]] = 1;
  }
  return set;
}

SkipSearch::Set SkipSearch::neighbour(const Uniform& uniform) const {
  Set set = best_;
  const std::vector<size_t> in = places_of(set, 1), out = places_of(set, 0);
  if (out.empty()) return set;
  set[in[below(uniform, in.size())]] = 0;
  set[out[below(uniform, out.size())]] = 1;
  return set;
}

SkipSearch::Set SkipSearch::from_model(const Uniform& uniform) const {
  const double mean = trials_ == 0 ? 0.5 : all_sum_ / trials_;
  std::vector<double> belief(blocks_);
  for (size_t i = 0; i < blocks_; ++i) {
    const double radius = std::sqrt(-2 * std::log1p(-uniform()));  // Box and Muller 1958
    const double normal = radius * std::cos(2 * std::numbers::pi * uniform());
    belief[i] = (mean + sum_[i]) / (1 + count_[i]) + kSpread * normal / std::sqrt(1.0 + count_[i]);
  }
  std::vector<size_t> order(blocks_);
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return belief[a] > belief[b]; });
  Set set(blocks_, 0);
  for (size_t i = 0; i < skipped_; ++i) set[order[i]] = 1;
  return set;
}

SkipSearch::Set SkipSearch::propose(const Uniform& uniform) {
  if (trials_ == 0) return best_;
  const int turn = trials_ % options_.model_interval;
  if (turn == 0) return from_model(uniform);
  const bool is_unproven = best_trials_ == 1 && score() >= options_.max_score;
  if (turn == 1 || is_unproven) return best_;  // once more
  return trials_ < options_.model_interval ? random(uniform) : neighbour(uniform);
}

void SkipSearch::learn(const Set& set, double score) {
  ++trials_;
  ++stale_;
  all_sum_ += score;
  for (size_t i = 0; i < blocks_; ++i) {
    if (set[i] == 0) continue;
    sum_[i] += score;
    ++count_[i];
  }
  if (set == best_) {
    best_sum_ += score;
    ++best_trials_;
  } else if (score > this->score()) {
    best_ = set;
    best_sum_ = score;
    best_trials_ = 1;
    stale_ = 0;
  }
}

Ask SkipSearch::ask(const Set& set, Logits logits) const {
  Ask ask{.logits = logits};
  ask.skip_attention.assign(static_cast<size_t>(layers_), 0);
  ask.skip_mlp = ask.skip_attention;
  const size_t half = blocks_ / 2;
  std::copy_n(set.begin(), half, ask.skip_attention.begin() + 1);
  std::copy_n(set.begin() + static_cast<int64_t>(half), half, ask.skip_mlp.begin() + 1);
  return ask;
}

}  // namespace specula
