// How fast LibTorch multiplies large square matrices here: the machine's rate that a prefill is judged by.
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/tensor.h"
#include "framework/model/aten/library_linear.h"

namespace specula {

class GemmProbe {
 public:
  // float32 where the model computes in float32, else bfloat16; on the model's device.
  GemmProbe(bool single_precision, const std::string& device, const std::vector<int64_t>& sizes = {1024, 2048});
  double gigaflops();  // [GFLOP/s] one reading, the best of the sizes and of LibTorch's products (ATen, packed oneDNN)

 private:
  struct Product {
    int64_t size;
    Tensor x;  // [size,size]
    LibraryLinear linear;
  };
  std::vector<Product> products_;
};

// [GFLOP/s] the best of a few readings, of sizes that grow until a product takes some ten milliseconds: longer ones are
// hardly faster.
double best_gigaflops(bool single_precision, const std::string& device);

}  // namespace specula
