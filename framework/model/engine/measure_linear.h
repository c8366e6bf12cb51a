// How fast y = x W^T is here, by every implementation that this machine can run: the own ones of a format and, for fp32
// and bf16, LibTorch's plain and packed products.  Weights rotate through copies, so that they come from memory as a
// model's do.  The own engine does not let a stopwatch choose between its implementations: those of one format differ
// in their last bits, and a run must decode the same text after a resume.  It takes the best instruction set
// (SPECULA_ISA overrides it), and `specula doctor` measures whether that was right.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "framework/model/aten/library_linear.h"
#include "framework/model/kernels/kernels.h"

namespace specula {

struct LinearShape {
  int64_t inputs = 0, outputs = 0;
};

struct LinearImplementation {
  Dtype format = Dtype::kFloat32;
  std::variant<LinearKernel, Library> product;
  std::string name() const;  // "AVX512-BF16", "oneDNN"
};
// The one that decoding uses first, then the other own ones, then LibTorch's.
std::vector<LinearImplementation> linear_implementations(Dtype format);

// An implementation with random weights and rows.
class LinearTrial {
 public:
  virtual ~LinearTrial() = default;
  virtual void set_rows(int64_t rows) = 0;   // of the products to come
  virtual void run() = 0;                    // one product by all threads, with the next copy of the weights
  virtual int64_t weight_bytes() const = 0;  // that a product reads
};
// Copies of the weights fill `memory` bytes; there is at least one.
std::unique_ptr<LinearTrial> make_linear_trial(const LinearImplementation& implementation, const LinearShape& shape,
                                               int64_t memory);

struct LinearQuestion {
  Dtype format = Dtype::kFloat32;
  LinearShape shape;
  std::vector<int64_t> rows;
  int64_t memory = int64_t{96} << 20;  // bytes, of each implementation
  int turns = 21;                      // in each of them every implementation computes one product
};
struct LinearTiming {
  std::string implementation;
  int64_t weight_bytes = 0;
  std::vector<double> seconds;  // median, for each row count
  std::vector<double> to_used;  // time over that of the implementation in use in the same turn, median
};
// In the order of linear_implementations().
std::vector<LinearTiming> measure_linear(const LinearQuestion& question);

}  // namespace specula
