#include "experiments/bench/gemm.h"

#include <ATen/ops/ones.h>

#include <algorithm>

#include "framework/core/clock.h"
#include "framework/model/aten/aten_device.h"

namespace specula {

GemmProbe::GemmProbe(bool single_precision, const std::string& device, const std::vector<int64_t>& sizes) {
  const at::TensorOptions options = at::TensorOptions()
                                        .dtype(single_precision ? at::kFloat : at::kBFloat16)
                                        .device(device == "cpu" ? at::kCPU : torch_device(device));
  for (const int64_t size : sizes) {
    const Tensor square = at::ones({size, size}, options);
    for (const Library library : libraries_for(square.scalar_type(), square.device()))
      products_.push_back({size, square, LibraryLinear(library, square, {})});
  }
}

double GemmProbe::gigaflops() {
  double best = 0;
  for (const Product& product : products_) {
    const double start = seconds_now();
    product.linear(product.x).select(0, 0).select(0, 0).item<float>();  // sync: waits for a device
    const double flops = 2.0 * static_cast<double>(product.size) * static_cast<double>(product.size * product.size);
    best = std::max(best, flops / (seconds_now() - start) * 1e-9);
  }
  return best;
}

double best_gigaflops(bool single_precision, const std::string& device) {
  constexpr double kLongEnough = 0.01;
  double best = 0;
  for (const int64_t size : {1024, 2048, 4096, 8192}) {
    GemmProbe probe(single_precision, device, {size});
    for (int i = 0; i < 3; ++i) best = std::max(best, probe.gigaflops());  // the first warms up
    const auto n = static_cast<double>(size);
    if (2 * n * n * n / (best * 1e9) > kLongEnough) break;
  }
  return best;
}

}  // namespace specula
