// The products with packed weights, format by format: every implementation that runs here against sums written down
// naively.  The integer formats are compared bit for bit, since their sums are exact.
#include "framework/model/kernels/targets.h"
//
#include <gmock/gmock.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "framework/model/checkpoint/float16.h"
#include "framework/model/engine/packed_matrix.h"
#include "framework/model/engine/packed_rows.h"
#include "framework/model/kernels/kernels.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

constexpr Dtype kAll[] = {Dtype::kFloat32, Dtype::kBfloat16, Dtype::kInt8, Dtype::kInt8Weights, Dtype::kInt4};

std::vector<LinearKernel> implementations(Dtype format) {
  std::vector<LinearKernel> all = linear_kernels(format);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
    all.push_back(portable_linear_kernel(format));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
  return all;
}

std::vector<float> random_values(Dice& dice, int64_t count) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<float>(dice.below(20001) - 10000) / 10000.0f);
  return values;
}

struct Problem {
  int64_t rows, outputs, inputs;
  std::vector<float> x, weights;
};

Problem random_problem(int64_t rows, int64_t outputs, int64_t inputs) {
  Dice dice(static_cast<uint64_t>(rows * 1000003 + outputs * 1009 + inputs));
  return {rows, outputs, inputs, random_values(dice, rows * inputs), random_values(dice, outputs * inputs)};
}

std::vector<float> product(const Problem& problem, const LinearKernel& kernel) {
  const PackedMatrix matrix(problem.weights, problem.outputs, kernel);
  const PackedRows rows(problem.x, problem.rows, kernel);
  std::vector<float> y(static_cast<size_t>(problem.rows * problem.outputs), -1);
  GemmArgs args = matrix.args();
  rows.fill(args);
  args.y = y.data();
  args.y_stride = problem.outputs;
  const int64_t middle = matrix.panels() / 2;  // as two threads would share it out
  kernel.gemm(args, middle, matrix.panels());
  kernel.gemm(args, 0, middle);
  return y;
}

int step_of(float value, float largest) { return static_cast<int>(std::nearbyint(value * (127.0f / largest))); }

float largest_of(const float* x, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(x[i]));
  return most;
}

// The product of the format's own definition: what is lost is lost by quantizing, and nothing else.
double naive(const Problem& p, Dtype format, int64_t row, int64_t output) {
  const float *x = p.x.data() + row * p.inputs, *w = p.weights.data() + output * p.inputs;
  double sum = 0;
  if (format == Dtype::kInt8) {
    const float x_most = largest_of(x, p.inputs), w_most = largest_of(w, p.inputs);
    int64_t exact = 0;
    for (int64_t i = 0; i < p.inputs; ++i) exact += step_of(x[i], x_most) * step_of(w[i], w_most);
    return static_cast<float>(exact) * ((w_most / 127.0f) * (x_most / 127.0f));
  }
  for (int64_t i = 0; i < p.inputs; ++i) {
    double a = x[i], b = w[i];
    if (format == Dtype::kBfloat16) {
      a = from_bfloat16(to_bfloat16(x[i]));
      b = from_bfloat16(to_bfloat16(w[i]));
    }
    if (format == Dtype::kInt8Weights) {
      const float most = largest_of(w, p.inputs);
      b = double(step_of(w[i], most)) * (most / 127.0f);
    }
    sum += a * b;
  }
  return sum;
}

TEST(Linear, GivesTheProductOfItsFormat) {
  for (const Dtype format : {Dtype::kFloat32, Dtype::kBfloat16, Dtype::kInt8, Dtype::kInt8Weights}) {
    const std::vector<LinearKernel> kernels = implementations(format);
    EXPECT_GE(kernels.size(), 2u);
    for (const auto& [rows, outputs, inputs] : {std::array<int64_t, 3>{1, 33, 64}, {5, 70, 131}, {13, 95, 257}}) {
      const Problem problem = random_problem(rows, outputs, inputs);
      for (const LinearKernel& kernel : kernels) {
        const std::vector<float> y = product(problem, kernel);
        for (int64_t m = 0; m < rows; ++m) {
          for (int64_t c = 0; c < outputs; ++c) {
            const double expected = naive(problem, format, m, c), given = y[static_cast<size_t>(m * outputs + c)];
            if (format == Dtype::kInt8) {
              ASSERT_EQ(given, expected) << kernel.target << " row " << m << " output " << c;
            } else {
              ASSERT_NEAR(given, expected, 1e-4) << name_of(format) << " " << kernel.target << " row " << m;
            }
          }
        }
      }
    }
  }
}

// Each group of 32 weights has a step; no weight is further from its value than half a step, but for the few that are
// cut off.  Random weights in (-1, 1) have steps of at most 1/7.
TEST(Linear, Int4StaysNearTheProductAndIsTheSameEverywhere) {
  const Problem problem = random_problem(7, 70, 131);
  const std::vector<LinearKernel> kernels = implementations(Dtype::kInt4);
  const std::vector<float> chosen = product(problem, kernels.front());
  double squared = 0, exact_squared = 0;
  for (int64_t m = 0; m < problem.rows; ++m) {
    for (int64_t c = 0; c < problem.outputs; ++c) {
      const double exact = naive(problem, Dtype::kFloat32, m, c),
                   error = chosen[size_t(m * problem.outputs + c)] - exact;
      squared += error * error;
      exact_squared += exact * exact;
    }
  }
  // Uniform weights: a rounding error of step / sqrt(12) on values of 1 / sqrt(3), step 1/8 or a little more.
  EXPECT_LT(std::sqrt(squared / exact_squared), 0.08);
  EXPECT_GT(std::sqrt(squared / exact_squared), 0.02);
  for (const LinearKernel& kernel : kernels) {
    const std::vector<float> y = product(problem, kernel);
    // A target without fused multiplication rounds once more.
    for (size_t i = 0; i < y.size(); ++i) ASSERT_NEAR(y[i], chosen[i], 1e-4) << kernel.target;
    if (std::string(kernel.target).starts_with("AVX")) {
      EXPECT_EQ(y, chosen) << kernel.target;
    }
  }
}

TEST(Linear, BiasSumAndRowOrderAreHonoured) {
  const Problem problem = random_problem(3, 41, 96);
  for (const Dtype format : kAll) {
    for (const LinearKernel& kernel : implementations(format)) {
      const std::vector<float> plain = product(problem, kernel);
      const PackedMatrix matrix(problem.weights, problem.outputs, kernel);
      const PackedRows rows(problem.x, problem.rows, kernel);
      std::vector<float> bias(static_cast<size_t>(matrix.panels() * kernel.panel), 0.5f);
      std::vector<float> y(static_cast<size_t>(problem.rows * problem.outputs), 2.0f);
      const std::vector<int64_t> order = {2, 0, 1};
      GemmArgs args = matrix.args();
      rows.fill(args);
      args.y = y.data();
      args.y_stride = problem.outputs;
      args.y_row = order.data();
      args.bias = bias.data();
      args.add = true;
      kernel.gemm(args, 0, matrix.panels());
      for (int64_t m = 0; m < problem.rows; ++m) {
        for (int64_t c = 0; c < problem.outputs; ++c) {
          const auto to = static_cast<size_t>(order[static_cast<size_t>(m)] * problem.outputs + c);
          ASSERT_EQ(y[to], 2.0f + (plain[static_cast<size_t>(m * problem.outputs + c)] + 0.5f))
              << name_of(format) << " " << kernel.target;
        }
      }
    }
  }
}

// The widest layer that int8 admits, every product at its largest: the sums just fit into 32 bits.
TEST(Linear, TheLargestIntegerSumsDoNotOverflow) {
  Problem problem{1, 2, 65536, std::vector<float>(65536, 1.0f), std::vector<float>(2 * 65536, 1.0f)};
  std::fill(problem.weights.begin() + 65536, problem.weights.end(), -1.0f);
  for (const LinearKernel& kernel : implementations(Dtype::kInt8)) {
    const std::vector<float> y = product(problem, kernel);
    EXPECT_NEAR(y[0], 65536.0f, 1.0f) << kernel.target;
    EXPECT_NEAR(y[1], -65536.0f, 1.0f) << kernel.target;
  }
  problem = {1, 1, 65537, std::vector<float>(65537, 1.0f), std::vector<float>(65537, 1.0f)};
  EXPECT_THROW(product(problem, linear_kernels(Dtype::kInt8).front()), std::exception);
}

// Integers have no NaN: it travels in the scales, or a broken activation would come out as a harmless number.
TEST(Linear, NaNAndInfinityAreNotLost) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Problem in_row = random_problem(2, 35, 64);
    in_row.x[64 + 7] = bad;
    Problem in_weights = random_problem(1, 35, 64);
    in_weights.weights[3 * 64 + 40] = bad;
    for (const Dtype format : kAll) {
      for (const LinearKernel& kernel : implementations(format)) {
        const std::vector<float> by_row = product(in_row, kernel), by_weight = product(in_weights, kernel);
        EXPECT_TRUE(std::isfinite(by_row[0])) << name_of(format) << " " << kernel.target;
        EXPECT_FALSE(std::isfinite(by_row[35])) << name_of(format) << " " << kernel.target;
        EXPECT_FALSE(std::isfinite(by_weight[3])) << name_of(format) << " " << kernel.target;
        EXPECT_TRUE(std::isfinite(by_weight[4])) << name_of(format) << " " << kernel.target;
      }
    }
  }
}

TEST(Linear, ZeroAndTinyRowsAreZero) {
  Problem problem = random_problem(2, 33, 64);
  std::fill_n(problem.x.begin(), 64, 0.0f);
  std::fill_n(problem.x.begin() + 64, 64, 1e-40f);
  for (const Dtype format : {Dtype::kInt8, Dtype::kInt4}) {
    for (const LinearKernel& kernel : implementations(format)) {
      for (const float value : product(problem, kernel)) ASSERT_NEAR(value, 0.0f, 1e-30f) << kernel.target;
    }
  }
}

}  // namespace
}  // namespace specula::test
