#include "framework/train/row_chunks.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>

namespace specula {
namespace {

constexpr int64_t kLogitsBytes = int64_t{64} << 20;  // of one chunk in float32; a few such tensors live at once

}  // namespace

int64_t rows_of_chunk(int64_t vocab) {
  return std::max<int64_t>(1, kLogitsBytes / (vocab * static_cast<int64_t>(sizeof(float))));
}

double sum_in_chunks(const Tensor& states, int64_t chunk, const RowLoss& loss) {
  Dims dims;
  dims.check(states, "states", "N H");
  const bool learns = at::GradMode::is_enabled();
  const Tensor detached = states.detach();
  Tensor gradient = learns ? at::empty_like(detached) : Tensor();
  double sum = 0;
  for (int64_t first = 0; first < states.size(0); first += chunk) {
    const int64_t count = std::min(chunk, states.size(0) - first);
    const Tensor rows = detached.narrow(0, first, count).detach().requires_grad_(learns);
    const Tensor part = loss(rows, first);
    sum += part.item<double>();
    if (!learns) continue;
    part.backward();
    gradient.narrow(0, first, count).copy_(rows.grad());
  }
  if (learns) states.backward(gradient);
  return sum;
}

}  // namespace specula
