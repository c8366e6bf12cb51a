#include "framework/decode/sampler.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cstring>

#include "framework/decode/probability.h"

namespace specula {
namespace {

void require_sound(const Tensor& logits, const RowContext& context, const char* when) {
  const int64_t vocab = logits.size(1);
  const float* data = logits.const_data_ptr<float>();
  for (size_t j = 0; j < context.rows.size(); ++j) {
    if (is_sound(data + static_cast<int64_t>(j) * vocab, vocab)) continue;
    const size_t position = context.prefix.size() + static_cast<size_t>(context.tree.depth(context.rows[j]));
    throw NumericError(cat("the logits ", when, " hold NaN, +infinity or nothing finite at position ", position,
                           " of request ", context.request, " (tree row ", context.rows[j], ")"));
  }
}

}  // namespace

bool Sampler::is_greedy() const {
  return std::any_of(steps.begin(), steps.end(), [](const auto& step) { return step->is_greedy(); });
}

Tensor Sampler::processed(const Tensor& logits, const RowContext& context) const {
  Dims dims;
  dims.check(logits, "logits", "R V");
  SPECULA_CHECK(static_cast<size_t>(dims['R']) == context.rows.size() && logits.is_contiguous());
  require_sound(logits, context, "of the model");
  Tensor changed = logits;
  for (const auto& step : steps) {
    if (step->is_greedy()) break;
    if (changed.is_same(logits)) {
      changed = at::empty_like(logits);
      std::memcpy(changed.mutable_data_ptr<float>(), logits.const_data_ptr<float>(), logits.numel() * sizeof(float));
    }
    step->apply(changed, context);
  }
  if (!changed.is_same(logits)) require_sound(changed, context, "after the sampling policy");
  return changed;
}

std::vector<Token> Sampler::most_likely(const Tensor& logits, const RowContext& context) const {
  const Tensor after = processed(logits, context);
  const float* row = after.const_data_ptr<float>();
  std::vector<Token> tokens;
  for (int64_t j = 0; j < after.size(0); ++j, row += after.size(1)) tokens.push_back(argmax(row, after.size(1)));
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
  Tensor p = processed(logits, context);
  const float* from = p.const_data_ptr<float>();
  if (p.is_same(logits)) p = at::empty_like(logits);
  float* to = p.mutable_data_ptr<float>();
  for (size_t j = 0; j < context.rows.size(); ++j, from += vocab, to += vocab) softmax(from, vocab, to);
  return p;
}

}  // namespace specula
