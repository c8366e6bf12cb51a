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
  const size_t position = context.prefix.size() + static_cast<size_t>(context.tree.depth(context.rows[j]));
  throw NumericError(cat("the logits ", is_changed ? "after the sampling policy" : "of the model",
                         " hold NaN, +infinity or nothing finite at position ", position, " of request ",
                         context.request, " (tree row ", context.rows[j], ")"));
}

}  // namespace

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
