// LibTorch's products: plain ATen and packed oneDNN against sums in double, and which of them a model takes.
#include "framework/model/aten/library_linear.h"

#include <ATen/ops/empty.h>
#include <gmock/gmock.h>

#include <cmath>

#include "framework/model/aten/library_choice.h"
#include "framework/model/engine/measure_linear.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

// Of a sum over the sum of its terms' magnitudes: float32 sums in any order; bfloat16 rounds the result to 8 bits.
constexpr double kFloat32Error = 1e-6, kBfloat16Error = 1.0 / 256;

Tensor random_tensor(Dice& dice, const std::vector<int64_t>& shape, at::ScalarType dtype) {
  const Tensor tensor = at::empty(shape, at::kFloat);
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.mutable_data_ptr<float>()[i] = static_cast<float>(dice.below(2001) - 1000) / 1000.0f;
  return tensor.to(dtype);
}

struct Problem {
  Tensor x, weight, bias;  // [T,in], [out,in], [out] or undefined
};

// The largest error of y [T,out], over the sum of the magnitudes of what was added up.
double error_of(const Tensor& y, const Problem& p) {
  const auto floats = [](const Tensor& tensor) { return values(tensor.to(at::kFloat)); };
  const std::vector<float> given = floats(y), x = floats(p.x), w = floats(p.weight);
  const std::vector<float> bias = p.bias.defined() ? floats(p.bias) : std::vector<float>(size_t(p.weight.size(0)));
  const auto rows = size_t(p.x.size(0)), outputs = size_t(p.weight.size(0)), inputs = size_t(p.weight.size(1));
  double worst = given.size() == rows * outputs ? 0 : 1;
  for (size_t m = 0; m < rows; ++m) {
    for (size_t o = 0; o < outputs; ++o) {
      double sum = bias[o], size = std::abs(sum);
      for (size_t i = 0; i < inputs; ++i) {
        const double term = double(x[m * inputs + i]) * double(w[o * inputs + i]);
        sum += term;
        size += std::abs(term);
      }
      worst = std::max(worst, std::abs(given[m * outputs + o] - sum) / size);
    }
  }
  return worst;
}

TEST(LibraryLinear, EveryLibraryGivesTheProduct) {
  Dice dice(61);
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, kFloat32Error}, {at::kBFloat16, kBfloat16Error}}) {
    const std::vector<Library> libraries = libraries_for(dtype, at::kCPU);
    EXPECT_EQ(libraries.front(), Library::kAten);
    for (const auto& [outputs, inputs] : {std::pair<int64_t, int64_t>{33, 54}, {70, 131}, {256, 192}}) {
      for (const bool has_bias : {false, true}) {
        const Problem p{random_tensor(dice, {13, inputs}, dtype), random_tensor(dice, {outputs, inputs}, dtype),
                        has_bias ? random_tensor(dice, {outputs}, dtype) : Tensor()};
        for (const Library library : libraries) {
          const LibraryLinear linear(library, p.weight, p.bias);
          for (const int64_t rows : {1, 5, 13}) {
            const Problem some{p.x.narrow(0, 0, rows), p.weight, p.bias};
            const Tensor y = linear(some.x);
            EXPECT_EQ(y.scalar_type(), dtype);
            EXPECT_LE(error_of(y, some), tolerance) << name_of(library) << " " << rows << " rows, bias " << has_bias;
          }
          EXPECT_EQ(linear.bytes(), (outputs * inputs + (has_bias ? outputs : 0)) * int64_t(c10::elementSize(dtype)));
        }
      }
    }
  }
}

// A wrong weight must not pass for rounding.
TEST(LibraryLinear, TheToleranceNoticesAWrongWeight) {
  Dice dice(62);
  for (const auto& [dtype, tolerance] : {std::pair{at::kFloat, kFloat32Error}, {at::kBFloat16, kBfloat16Error}}) {
    const Problem p{random_tensor(dice, {3, 96}, dtype), random_tensor(dice, {40, 96}, dtype), {}};
    const Tensor wrong = p.weight.clone();
    wrong.select(0, 7).select(0, 5).add_(1.0);
    for (const Library library : libraries_for(dtype, at::kCPU))
      EXPECT_GT(error_of(LibraryLinear(library, wrong, {})(p.x), p), tolerance) << name_of(library);
  }
}

TEST(LibraryLinear, OneDnnBelongsToTheCpuAndToFloats) {
  EXPECT_THAT(libraries_for(at::kFloat, at::kCPU), testing::ElementsAre(Library::kAten, Library::kOneDnn))
      << "LibTorch's packed product was not found; its operators may have changed";
  EXPECT_THAT(libraries_for(at::kFloat, at::Device(at::kMeta)), testing::ElementsAre(Library::kAten));
  EXPECT_THAT(libraries_for(at::kDouble, at::kCPU), testing::ElementsAre(Library::kAten));
}

TEST(LibraryChoice, TiesGoToAten) {
  EXPECT_FALSE(is_faster({1.0, 5.0}, {1.0, 5.0}));
  EXPECT_FALSE(is_faster({0.95, 4.75}, {1.0, 5.0})) << "within the noise of a few turns";
  EXPECT_TRUE(is_faster({0.8, 4.0}, {1.0, 5.0}));
  EXPECT_TRUE(is_faster({0.3, 6.0}, {1.0, 5.0})) << "a little slower with many rows, much faster with one";
  EXPECT_FALSE(is_faster({0.9, 10.0}, {1.0, 5.0}));
}

TEST(LibraryChoice, IsMadeOncePerShapeAndSaysWhat) {
  Dice dice(63);
  LibraryChoice choice;
  EXPECT_EQ(choice.text(), "");
  const Tensor first = random_tensor(dice, {48, 32}, at::kFloat), second = random_tensor(dice, {48, 32}, at::kFloat);
  const LibraryLinear one = choice.make(first, {}), other = choice.make(second, {});
  EXPECT_EQ(one.library(), other.library());
  EXPECT_EQ(choice.text(), one.library() == Library::kAten ? "" : "oneDNN");
  const Tensor x = random_tensor(dice, {2, 32}, at::kFloat);
  EXPECT_LE(error_of(other(x), {x, second, {}}), kFloat32Error) << "the weights of another matrix of that shape";
}

TEST(MeasureLinear, TimesEveryImplementationBesideTheOneInUse) {
  for (const Dtype format : {Dtype::kFloat32, Dtype::kBfloat16, Dtype::kInt8, Dtype::kInt8Weights, Dtype::kInt4}) {
    const auto implementations = linear_implementations(format);
    const auto timings =
        measure_linear({.format = format, .shape = {96, 64}, .rows = {1, 5}, .memory = 1 << 16, .turns = 3});
    ASSERT_EQ(timings.size(), implementations.size());
    EXPECT_EQ(timings[0].implementation, make_kernels(format).layer.target);
    const int64_t bits = format == Dtype::kFloat32    ? 32
                         : format == Dtype::kBfloat16 ? 16
                         : format == Dtype::kInt4     ? 4
                                                      : 8;
    const int64_t least = 96 * 64 * bits / 8;
    for (size_t i = 0; i < timings.size(); ++i) {
      EXPECT_EQ(timings[i].implementation, implementations[i].name());
      EXPECT_GE(timings[i].weight_bytes, least);
      EXPECT_LT(timings[i].weight_bytes, least * 5 / 4);
      for (const auto* list : {&timings[i].seconds, &timings[i].to_used}) {
        ASSERT_EQ(list->size(), 2u);
        EXPECT_GT((*list)[0], 0);
        EXPECT_GT((*list)[1], 0);
      }
    }
    EXPECT_EQ(timings[0].to_used, (std::vector<double>{1, 1}));
    EXPECT_EQ(timings.size() > linear_kernels(format).size(), !is_quantized(format)) << "LibTorch's two";
  }
}

}  // namespace
}  // namespace specula::test
