#include <memory>

#include "experiments/bench/kernel_cases.h"
#include "framework/core/error.h"
#include "framework/model/engine/measure_linear.h"

namespace specula {
namespace {

constexpr int64_t kMemory = int64_t{96} << 20;  // bytes of weights that rotate: three times a usual last-level cache
// A layer of a small model: attention's output, gate and up; of a model of 1.1B: down's transpose.
constexpr LinearShape kShapes[] = {{768, 768}, {768, 4096}, {2048, 5632}};
constexpr int64_t kRows[] = {1, 2, 4, 5, 8, 16, 64};

double bytes_per_weight(Dtype format) {
  switch (format) {
    case Dtype::kFloat32:
      return 4;
    case Dtype::kBfloat16:
      return 2;
    case Dtype::kInt8:
    case Dtype::kInt8Weights:
      return 1;
    case Dtype::kInt4:
      return static_cast<double>(kInt4GroupBytes) / kGroup;
  }
  return 0;
}

KernelCase product_case(const LinearImplementation& implementation, const LinearShape& shape, int64_t rows,
                        bool from_memory) {
  const auto weights = static_cast<double>(shape.inputs * shape.outputs);
  return {.name = cat("product/", name_of(implementation.format), "/", implementation.name(), "/", shape.inputs, "x",
                      shape.outputs, "/rows:", rows, from_memory ? "/memory" : "/cached"),
          .bytes = weights * bytes_per_weight(implementation.format),
          .flops = 2 * weights * static_cast<double>(rows),
          .prepare = [=]() -> std::function<void()> {
            const std::shared_ptr<LinearTrial> trial =  // std::function wants what can be copied
                make_linear_trial(implementation, shape, from_memory ? kMemory : 0);
            trial->set_rows(rows);
            return [trial] { trial->run(); };
          }};
}

}  // namespace

std::vector<KernelCase> product_cases() {
  std::vector<KernelCase> cases;
  for (const std::string& name : dtype_names()) {
    for (const LinearImplementation& implementation : linear_implementations(parse_dtype(name, "bench kernels"))) {
      for (const LinearShape& shape : kShapes) {
        for (const int64_t rows : kRows) {
          for (const bool from_memory : {true, false})
            cases.push_back(product_case(implementation, shape, rows, from_memory));
        }
      }
    }
  }
  return cases;
}

}  // namespace specula
