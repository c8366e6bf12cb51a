// The kernels of a row that nothing is stored by: norms, activations, the soft cap, quantization.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/tools/neon_check.h"

namespace specula::neon {
namespace {

// n that fills no vector; what stands behind must be neither read nor written.
void check_norm(const Kernels& kernels, NormKind kind) {
  const int64_t n = 83, room = padded(n, 16);
  Floats x = random_values(3, room), weight = random_values(4, room), bias = random_values(5, room);
  for (int64_t i = n; i < room; ++i) x[at(i)] = 1e30f;
  const bool is_layer = kind == NormKind::kLayer;
  const RowNorm norm{.kind = kind, .weight = weight.data(), .bias = is_layer ? bias.data() : nullptr, .epsilon = 1e-5f};
  std::vector<char> out(at(room * kernels.plain_bytes));
  kernels.norm(norm, x.data(), n, out.data());
  double mean = 0, squares = 0;
  for (int64_t i = 0; i < n && is_layer; ++i) mean += static_cast<double>(x[at(i)]) / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) squares += (x[at(i)] - mean) * (x[at(i)] - mean);
  std::vector<double> expected(at(room));
  for (int64_t i = 0; i < n; ++i) {
    const double scaled = (x[at(i)] - mean) / std::sqrt(squares / static_cast<double>(n) + 1e-5) * weight[at(i)];
    expected[at(i)] = is_layer ? scaled + bias[at(i)] : scaled;
  }
  const std::string name = is_layer ? "layer_norm" : "rms_norm";
  expect_near(plain_values(out, room, kernels.plain_bytes), expected, plain_tolerance(kernels.plain_bytes), name);
  print_bits(cat(name, "-", name_of(kernels.dtype)), out.data(), out.size());
  Floats in_place(x.begin(), x.end()), apart(at(room));
  kernels.float_norm(norm, x.data(), n, apart.data());
  kernels.float_norm(norm, in_place.data(), n, in_place.data());
  expect(std::equal(apart.begin(), apart.begin() + n, in_place.begin()), name, ": other numbers in place");
  kernels.float_norm({}, x.data(), n, apart.data());
  expect(std::equal(x.begin(), x.begin() + n, apart.begin()), name, ": without a weight a row stays as it is");
}

double exact(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu:
      return std::max(x, 0.0);
  }
  return 0;
}

// Two rows of three panels, of which the last two are asked for.
void check_activation(const Kernels& kernels, Activation activation, bool is_gated) {
  const int64_t panel = kernels.layer.panel, out_stride = 3 * panel + 5, in_stride = (is_gated ? 6 : 3) * panel + 3;
  Floats in = random_values(11, 2 * in_stride);
  for (float& value : in) value *= 6;  // both tails
  const Floats weights = {0.5f, 2.0f};
  std::vector<char> out(at(2 * out_stride * kernels.plain_bytes));
  kernels.activation(activation, is_gated)({.in = in.data(),
                                            .in_stride = in_stride,
                                            .rows = 2,
                                            .first = 1,
                                            .last = 3,
                                            .weights = weights.data(),
                                            .out = out.data(),
                                            .out_stride = out_stride});
  std::vector<double> expected(at(2 * out_stride));
  for (int64_t r = 0; r < 2; ++r) {
    for (int64_t i = panel; i < 3 * panel; ++i) {
      const int64_t from = r * in_stride + (is_gated ? i / panel * 2 * panel + i % panel : i);
      const double up = is_gated ? in[at(from + panel)] : 1;
      expected[at(r * out_stride + i)] = exact(activation, in[at(from)]) * up * weights[at(r)];
    }
  }
  const std::string name = cat("activation-", static_cast<int>(activation), is_gated ? "-gated" : "");
  expect_near(plain_values(out, 2 * out_stride, kernels.plain_bytes), expected,
              2 * plain_tolerance(kernels.plain_bytes), name);
  if (panel == 16) print_bits(cat(name, "-", name_of(kernels.dtype)), out.data(), out.size());
}

void check_softcap(const Kernels& kernels) {
  const int64_t n = 45;
  Floats x = random_values(12, n + 3);
  for (float& value : x) value *= 40;
  const Floats before = x;
  kernels.softcap(x.data(), n, 30);
  std::vector<double> expected(before.begin(), before.end());
  for (int64_t i = 0; i < n; ++i) expected[at(i)] = 30 * std::tanh(before[at(i)] / 30.0);
  expect_near(x, expected, 1e-6, "softcap");
  print_bits("softcap", x);
}

void check_quantize(const Kernels& kernels) {
  const int64_t n = 131, k = padded(n, kGroup);
  Floats x(at(k));
  put_ties(x.data(), n);
  for (int64_t i = 1; i < n; i += 2) x[at(i)] = -x[at(i)];
  std::vector<char> out(at(row_bytes(RowFormat::kQuantized, n)));
  kernels.quantize(x.data(), n, out.data());
  RowScale scale;
  std::memcpy(&scale, out.data() + k, sizeof scale);
  int32_t total = 0;
  for (int64_t g = 0; g < k / kGroup; ++g) {
    int32_t sum = 0, given;
    for (int64_t i = g * kGroup; i < (g + 1) * kGroup; ++i) {
      const int expected = step_of(x[at(i)], x[0]);
      expect(static_cast<int8_t>(out[at(i)]) == expected, "quantize ", i, ": not ", expected);
      sum += expected;
    }
    std::memcpy(&given, out.data() + k + sizeof scale + g * 4, sizeof given);
    expect(given == sum, "quantize: sum of group ", g, " is ", given, ", not ", sum);
    total += sum;
  }
  expect(scale.total == total && scale.scale == x[0] / 127.0f, "quantize: scale ", scale.scale, " total ", scale.total);
  print_bits("quantize", out.data(), out.size());
}

}  // namespace

void check_rows(const Kernels& kernels) {
  for (const NormKind kind : {NormKind::kRms, NormKind::kLayer}) check_norm(kernels, kind);
  for (const Activation activation : {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
    for (const bool is_gated : {false, true}) check_activation(kernels, activation, is_gated);
  }
  check_softcap(kernels);
  if (kernels.quantize != nullptr) check_quantize(kernels);
}

}  // namespace specula::neon
