#include "framework/train/state_noise.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>

#include <algorithm>

namespace specula {
namespace {

constexpr int64_t kAtOnce = std::tuple_size_v<PhiloxCounter>;

// [B,n,H] float32 of U(-1, 1): 2^-23 (r - 2^23 + 1/2), r of 24 bits.
Tensor noise(at::IntArrayRef sizes, size_t site, PhiloxKey key, int64_t first) {
  Tensor all = at::empty(sizes, at::kFloat);
  const int64_t places = sizes[1], size = sizes[2], counters = (size + kAtOnce - 1) / kAtOnce;
  float* to = all.mutable_data_ptr<float>();
  for (int64_t row = 0; row < sizes[0] * places; ++row, to += size) {
    const auto text = static_cast<uint64_t>(first + row / places);
    for (int64_t i = 0; i < counters; ++i) {
      const PhiloxCounter drawn = philox4x32_10(
          {static_cast<uint32_t>(row % places), static_cast<uint32_t>(static_cast<int64_t>(site) * counters + i),
           static_cast<uint32_t>(text), static_cast<uint32_t>(text >> 32)},
          key);
      for (int64_t j = i * kAtOnce; j < std::min(size, (i + 1) * kAtOnce); ++j)
        to[j] = (static_cast<float>(drawn[static_cast<size_t>(j % kAtOnce)] >> 8) - 8388607.5F) * 0x1p-23F;
    }
  }
  return all;
}

}  // namespace

std::vector<Tensor> with_noise(const std::vector<Tensor>& states, double width, const Keyring& keys, int64_t first) {
  std::vector<Tensor> noisy;
  for (const Tensor& of_site : states) {
    const Tensor added = noise(of_site.sizes(), noisy.size(), keys.key(Use::kDraft), first) * width;
    noisy.push_back(of_site + added.to(of_site.options()));
  }
  return noisy;
}

}  // namespace specula
