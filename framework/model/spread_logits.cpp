#include "framework/model/spread_logits.h"

#include <ATen/ops/full.h>

#include <limits>

namespace specula {

Tensor spread_logits(const Tensor& narrow, std::span<const Token> tokens, int64_t vocab) {
  Dims dims;
  dims.check(narrow, "narrow", "B R N");
  SPECULA_CHECK(dims['N'] == static_cast<int64_t>(tokens.size()), dims['N'], " logits for ", tokens.size(), " tokens");
  const Tensor rows = narrow.contiguous();
  const Tensor wide = at::full({dims['B'], dims['R'], vocab}, -std::numeric_limits<float>::infinity(), at::kFloat);
  const float* from = rows.const_data_ptr<float>();
  float* to = wide.mutable_data_ptr<float>();
  for (int64_t line = 0; line < dims['B'] * dims['R']; ++line, from += dims['N'], to += vocab) {
    for (size_t i = 0; i < tokens.size(); ++i) to[tokens[i]] = from[i];
  }
  return wide;
}

}  // namespace specula
