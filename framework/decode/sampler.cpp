#include "framework/decode/sampler.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "framework/decode/probability.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kWorthThreads = 16384;  // elements; fewer are done before another thread has begun

[[noreturn]] void refuse(const RowContext& context, size_t j, bool is_changed) {
  throw NumericError(cat("the logits ", is_changed ? "after the sampling policy" : "of the model",
                         " hold NaN, +infinity or nothing finite at position ", position_after(context, j),
                         " of request ", context.request, " (tree row ", context.rows[j], ")"));
}

}  // namespace

RowText text_of(const RowContext& context, size_t j) {
  return {.committed = context.prefix, .path = context.tree.path_tokens(context.rows[j])};
}

std::vector<Token> RowText::whole() const {
  std::vector<Token> text(committed.begin(), committed.end());
  text.insert(text.end(), path.begin(), path.end());
  return text;
}

RowText generated_of(const RowContext& context, size_t j) {
  RowText text = text_of(context, j);
  text.committed = text.committed.subspan(static_cast<size_t>(context.prompt));
  return text;
}

int64_t position_after(const RowContext& context, size_t j) {
  return static_cast<int64_t>(context.prefix.size()) + context.tree.depth(context.rows[j]);
}

bool Sampler::is_greedy() const {
  return std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step->is_greedy(); });
}

// The model's logits are checked before a processor sees them; what comes out is checked by whoever reads it.
Tensor Sampler::processed(const Tensor& logits, const RowContext& context) const {
  Dims dims;
  dims.check(logits, "logits", "R V");
  SPECULA_CHECK(static_cast<size_t>(dims['R']) == context.rows.size() && logits.is_contiguous());
  Tensor changed = logits;
  for (const auto& step : steps) {
    if (step->is_greedy()) break;
    if (changed.is_same(logits)) {
      const float* row = logits.const_data_ptr<float>();
      for (size_t j = 0; j < context.rows.size(); ++j, row += dims['V']) {
        if (std::isnan(max_logit(row, dims['V']))) refuse(context, j, false);
      }
      changed = at::empty_like(logits);
      std::memcpy(changed.mutable_data_ptr<float>(), logits.const_data_ptr<float>(), logits.numel() * sizeof(float));
    }
    step->apply(changed, context);
  }
  return changed;
}

std::vector<Token> Sampler::most_likely(const Tensor& logits, const RowContext& context) const {
  const Tensor after = processed(logits, context);
  const float* row = after.const_data_ptr<float>();
  std::vector<Token> tokens;
  for (size_t j = 0; j < context.rows.size(); ++j, row += after.size(1)) {
    const float most = max_logit(row, after.size(1));
    if (std::isnan(most)) refuse(context, j, !after.is_same(logits));
    tokens.push_back(first_of(row, after.size(1), most));
  }
  return tokens;
}

Tensor Sampler::distribution(const Tensor& logits, const RowContext& context) const {
  const int64_t vocab = logits.size(-1);
  if (is_greedy()) {
    Tensor p = at::zeros_like(logits);
    float* row = p.mutable_data_ptr<float>();
    for (const Token token : most_likely(logits, context)) {
      row[token] = 1;
      row += vocab;
    }
    return p;
  }
  return ranking(logits, context);
}

std::optional<double> Sampler::first_state() const {
  for (const auto& step : steps) {
    if (const auto state = step->first_state()) return state;
  }
  return std::nullopt;
}

double Sampler::next_state(double state, double p) const {
  for (const auto& step : steps) state = step->next_state(state, p);
  return state;
}

Tensor Sampler::distribution_along(const Tensor& logits, const RowContext& context, std::vector<double>& states) const {
  states.clear();
  const std::optional<double> first = first_state();
  if (!first) return distribution(logits, context);
  Tensor p = at::empty_like(logits);
  float* to = p.mutable_data_ptr<float>();
  const int64_t vocab = logits.size(1);
  for (size_t j = 0; j < context.rows.size(); ++j) {
    SPECULA_CHECK(context.rows[j] == static_cast<int>(j), "row ", context.rows[j], " where row ", j, " is due");
    const int parent = context.tree.parent[j];
    const Token token = context.tree.token[j];
    states.push_back(parent < 0 ? context.state.value_or(*first)
                                : next_state(states[static_cast<size_t>(parent)], to[parent * vocab + token]));
    RowContext own = context;
    own.rows = context.rows.subspan(j, 1);
    own.state = states.back();
    const auto row = static_cast<int64_t>(j);
    const Tensor law = distribution(logits.narrow(0, row, 1), own);
    std::memcpy(to + row * vocab, law.const_data_ptr<float>(), static_cast<size_t>(vocab) * sizeof(float));
  }
  return p;
}

Tensor Sampler::ranking(const Tensor& logits, const RowContext& context) const {
  const int64_t vocab = logits.size(-1);
  Tensor p = processed(logits, context);
  const bool is_changed = !p.is_same(logits);
  const float* from = p.const_data_ptr<float>();
  if (!is_changed) p = at::empty_like(logits);
  float* to = p.mutable_data_ptr<float>();
  const auto rows = static_cast<int64_t>(context.rows.size());
  std::vector<char> is_sound(context.rows.size());
#pragma omp parallel for num_threads(threads()) if (rows > 1 && rows * vocab >= kWorthThreads)
  for (int64_t j = 0; j < rows; ++j)
    is_sound[static_cast<size_t>(j)] = softmax(from + j * vocab, vocab, to + j * vocab);
  const auto unsound = std::find(is_sound.begin(), is_sound.end(), 0);
  if (unsound != is_sound.end()) refuse(context, static_cast<size_t>(unsound - is_sound.begin()), is_changed);
  return p;
}

}  // namespace specula
