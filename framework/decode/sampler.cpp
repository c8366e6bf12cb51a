#include "framework/decode/sampler.h"

#include <ATen/ops/empty_like.h>

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
    throw Error(cat("the logits ", when, " hold NaN, +infinity or nothing finite at position ", position,
                    " of request ", context.request, " (tree row ", context.rows[j], ")"));
  }
}

}  // namespace

Tensor Sampler::distribution(const Tensor& logits, const RowContext& context) const {
  Dims dims;
  dims.check(logits, "logits", "R V");
  SPECULA_CHECK(static_cast<size_t>(dims['R']) == context.rows.size() && logits.is_contiguous());
  require_sound(logits, context, "of the model");
  Tensor p = at::empty_like(logits);
  std::memcpy(p.mutable_data_ptr<float>(), logits.const_data_ptr<float>(), logits.numel() * sizeof(float));
  for (const auto& step : steps) step->apply(p, context);
  if (!steps.empty()) require_sound(p, context, "after the sampling policy");
  float* data = p.mutable_data_ptr<float>();
  for (int64_t j = 0; j < dims['R']; ++j) softmax_in_place(data + j * dims['V'], dims['V']);
  return p;
}

}  // namespace specula
