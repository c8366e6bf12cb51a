// How fast LibTorch multiplies large square matrices here: the machine's rate that a prefill is judged by.
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/core/tensor.h"

namespace specula {

class GemmProbe {
 public:
  // float32 where the model computes in float32, else bfloat16; on the model's device.
  GemmProbe(bool single_precision, const std::string& device);
  double gigaflops();  // [GFLOP/s] one reading, the best of the sizes

 private:
  struct Square {
    int64_t size;
    Tensor a, b;  // [size,size]
  };
  std::vector<Square> squares_;
};

}  // namespace specula
