// The products with packed weights, plain and with gate and up fused, format by format.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "framework/model/kernels/pack.h"
#include "tests/tools/neon_check.h"

namespace specula::neon {
namespace {

constexpr float kUntouched = -77;

float largest_of(const float* x, int64_t n) {
  float most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(x[i]));
  return most;
}

struct Problem {
  int64_t rows, outputs, inputs;
  Floats x, weights;  // [rows][inputs], [outputs][inputs]
};

Problem random_problem(int64_t rows, int64_t outputs, int64_t inputs) {
  Problem p{rows, outputs, inputs, random_values(1, rows * inputs), random_values(2, outputs * inputs)};
  put_ties(p.x.data(), inputs);
  put_ties(p.weights.data(), inputs);
  return p;
}

// The weights of one matrix in panels; outputs are the rows that `order` names, -1 for padding.
struct Packed {
  Packed(const Floats& weights, int64_t inputs, const std::vector<int64_t>& order, const LinearKernel& used)
      : kernel(used), outputs(static_cast<int64_t>(order.size())), k(padded(inputs, used.k_step)) {
    panels = (outputs + kernel.panel - 1) / kernel.panel;
    memory.resize(at(panels * panel_bytes(kernel, k)) + kPrefetchAhead);
    scale.resize(at(panels * kernel.panel));
    for (int64_t p = 0; p < panels; ++p) {
      std::vector<Floats> rows(at(kernel.panel), Floats(at(k)));
      std::vector<const float*> pointers(at(kernel.panel));
      for (int64_t c = 0; c < kernel.panel; ++c) {
        const int64_t output = p * kernel.panel + c;
        if (output >= outputs || order[at(output)] < 0) continue;
        std::copy_n(weights.data() + order[at(output)] * inputs, inputs, rows[at(c)].data());
        pointers[at(c)] = rows[at(c)].data();
      }
      pack_panel(kernel, pointers, k, memory.data() + p * panel_bytes(kernel, k), scale.data() + p * kernel.panel);
    }
  }
  LinearKernel kernel;
  int64_t outputs, k, panels = 0;
  std::vector<char> memory;
  Floats scale;
};

// Row `row` of x [*][inputs] as the product reads it.
std::vector<char> input_row(const Floats& x, int64_t row, int64_t inputs, const Kernels& kernels) {
  std::vector<char> to(at(row_bytes(kernels.layer.rows, padded(inputs, kGroup))));
  Floats from(at(padded(inputs, kGroup)));
  std::copy_n(x.data() + row * inputs, inputs, from.data());
  if (kernels.layer.rows == RowFormat::kQuantized) kernels.quantize(from.data(), inputs, to.data());
  if (kernels.layer.rows == RowFormat::kFloat32) std::memcpy(to.data(), from.data(), from.size() * 4);
  for (size_t i = 0; kernels.layer.rows == RowFormat::kBfloat16 && i < from.size(); ++i) {
    const uint16_t bits = to_bfloat16(from[i]);
    std::memcpy(to.data() + 2 * i, &bits, 2);
  }
  return to;
}

// [rows][packed.outputs] of the first `rows` rows of x; behind each row nothing may be written.
Floats product(const Packed& packed, const Floats& x, int64_t rows, const Kernels& kernels) {
  const int64_t inputs_of_x = static_cast<int64_t>(x.size()) / rows, stride = packed.outputs + 3;
  std::vector<char> input;
  for (int64_t m = 0; m < rows; ++m) {
    const std::vector<char> row = input_row(x, m, inputs_of_x, kernels);
    input.insert(input.end(), row.begin(), row.end());
  }
  Floats y(at(rows * stride), kUntouched), result;
  GemmArgs args{};
  args.weights = packed.memory.data();
  args.outputs = packed.outputs;
  args.k = packed.k;
  const bool has_scale = packed.kernel.format == Dtype::kInt8 || packed.kernel.format == Dtype::kInt8Weights;
  args.scale = has_scale ? packed.scale.data() : nullptr;
  args.x = input.data();
  args.x_stride = static_cast<int64_t>(input.size()) / rows;
  args.rows = rows;
  args.y = y.data();
  args.y_stride = stride;
  packed.kernel.gemm(args, packed.panels / 2, packed.panels);  // as two threads would share it out
  packed.kernel.gemm(args, 0, packed.panels / 2);
  for (int64_t m = 0; m < rows; ++m) {
    const auto from = y.begin() + m * stride;
    result.insert(result.end(), from, from + packed.outputs);
    for (int64_t i = packed.outputs; i < stride; ++i)
      expect(from[i] == kUntouched, name_of(kernels.dtype), ": written behind row ", m);
  }
  return result;
}
Floats product(const Problem& p, const Kernels& kernels) {
  return product(Packed(p.weights, p.inputs, in_order(p.outputs), kernels.layer), p.x, p.rows, kernels);
}

// Weight `i` of an output as int4 keeps it, read from where gemm.h says that it lies.
double int4_weight(const Packed& packed, int64_t output, int64_t i) {
  const int64_t panel = packed.kernel.panel, c = output % panel, g = i / kGroup, in_group = i % kGroup;
  const auto* group = reinterpret_cast<const uint8_t*>(packed.memory.data()) +
                      output / panel * panel_bytes(packed.kernel, packed.k) + g * panel * kInt4GroupBytes;
  uint16_t step;
  std::memcpy(&step, group + 2 * c, sizeof step);
  const int64_t piece = in_group / 8, byte = in_group % 4;
  const int both = group[2 * panel + (piece * panel + c) * 4 + byte];
  return ((in_group % 8 < 4 ? both & 15 : both >> 4) - 8) * static_cast<double>(from_bfloat16(step));
}

// The product of the format's own definition, in double but for int8, which is given bit for bit.
double naive(const Problem& p, const Packed& packed, int64_t row, int64_t output) {
  const float *x = p.x.data() + row * p.inputs, *w = p.weights.data() + output * p.inputs;
  const float x_most = largest_of(x, p.inputs), w_most = largest_of(w, p.inputs);
  double sum = 0;
  int64_t exact = 0;
  for (int64_t i = 0; i < p.inputs; ++i) {
    const double x_step = static_cast<double>(step_of(x[i], x_most)) * (x_most / 127.0f);
    exact += int64_t{step_of(x[i], x_most)} * step_of(w[i], w_most);
    switch (packed.kernel.format) {
      case Dtype::kFloat32:
      case Dtype::kInt8:
        sum += static_cast<double>(x[i]) * w[i];
        break;
      case Dtype::kBfloat16:
        sum += static_cast<double>(rounded(x[i])) * rounded(w[i]);
        break;
      case Dtype::kInt8Weights:
        sum += static_cast<double>(x[i]) * step_of(w[i], w_most) * (w_most / 127.0f);
        break;
      case Dtype::kInt4:
        sum += x_step * int4_weight(packed, output, i);
        break;
    }
  }
  if (packed.kernel.format != Dtype::kInt8) return sum;
  return static_cast<float>(exact) * ((w_most / 127.0f) * (x_most / 127.0f));
}

// Int4 must stay near the true product: steps of about 1/8 on uniform weights leave an error of some per cent.
void check_int4_error(const Problem& p, const Packed& packed) {
  double error = 0, all = 0;
  for (int64_t c = 1; c < p.outputs; ++c) {  // the first holds ties
    for (int64_t i = 0; i < p.inputs; ++i) {
      const double weight = p.weights[at(c * p.inputs + i)];
      error += std::pow(int4_weight(packed, c, i) - weight, 2);
      all += weight * weight;
    }
  }
  expect(std::sqrt(error / all) < 0.08 && std::sqrt(error / all) > 0.02, "int4: error ", std::sqrt(error / all));
}

void check_product(const Kernels& kernels) {
  const std::string name = name_of(kernels.dtype);
  const double tolerance = kernels.dtype == Dtype::kInt8 ? 0 : 1e-4;
  Floats most_rows;
  for (const int64_t rows : {13, 5, 1}) {
    const int64_t outputs = 37, inputs = 131;
    Problem p = random_problem(13, outputs, inputs);
    p.rows = rows;
    p.x.resize(at(rows * inputs));
    const Packed packed(p.weights, inputs, in_order(outputs), kernels.layer);
    const Floats y = product(packed, p.x, rows, kernels);
    for (int64_t m = 0; m < rows; ++m) {
      for (int64_t c = 0; c < outputs; ++c) {
        const double given = y[at(m * outputs + c)], expected = naive(p, packed, m, c);
        expect(std::abs(given - expected) <= tolerance, name, " row ", m, " output ", c, ": ", given, ", not ",
               expected);
      }
    }
    if (most_rows.empty()) most_rows = y;
    expect(std::memcmp(y.data(), most_rows.data(), y.size() * 4) == 0, name, ": ", rows,
           " rows give other bits than 13");
    if (kernels.dtype == Dtype::kInt4) check_int4_error(p, packed);
  }
  print_bits("product-" + name, most_rows);
}

// The widest layer that int8 admits, every product at its largest: the sums just fit into 32 bits.
void check_largest_sums(const Kernels& kernels) {
  Problem p{1, 2, 65536, Floats(65536, 1.0f), Floats(2 * 65536, 1.0f)};
  std::fill(p.weights.begin() + 65536, p.weights.end(), -1.0f);
  const Floats y = product(p, kernels);
  expect(std::abs(y[0] - 65536) < 1 && std::abs(y[1] + 65536) < 1, "int8: largest sums ", y[0], " and ", y[1]);
}

void check_not_finite(const Kernels& kernels) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Problem in_row = random_problem(2, 35, 64), in_weights = random_problem(1, 35, 64);
    in_row.x[64 + 7] = bad;
    in_weights.weights[3 * 64 + 40] = bad;
    const Floats by_row = product(in_row, kernels), by_weight = product(in_weights, kernels);
    expect(std::isfinite(by_row[0]) && !std::isfinite(by_row[35]), name_of(kernels.dtype), ": ", bad, " in a row");
    expect(!std::isfinite(by_weight[3]) && std::isfinite(by_weight[4]), name_of(kernels.dtype), ": ", bad,
           " in weights");
  }
}

// Gate and up fused as a model packs them: a panel of the one, a panel of the other, each padded to whole panels.
void check_gate_up(const Kernels& kernels) {
  const int64_t rows = 3, inputs = 67, height = 45, panel = kernels.layer.panel, pairs = (height + panel - 1) / panel;
  const Floats x = random_values(5, rows * inputs), weights = random_values(6, 2 * height * inputs);
  std::vector<int64_t> order;
  for (int64_t pair = 0; pair < pairs; ++pair) {
    for (const int64_t offset : {int64_t{0}, height}) {
      for (int64_t row = pair * panel; row < (pair + 1) * panel; ++row)
        order.push_back(row < height ? offset + row : -1);
    }
  }
  const Floats gate_up = product(Packed(weights, inputs, order, kernels.layer), x, rows, kernels);
  const Floats apart = product(Packed(weights, inputs, in_order(2 * height), kernels.layer), x, rows, kernels);
  const int64_t stride = pairs * panel;
  std::vector<char> out(at(rows * stride * kernels.plain_bytes));
  const auto activate = [&](int64_t first, int64_t last) {
    kernels.activation(Activation::kSilu, true)({.in = gate_up.data(),
                                                 .in_stride = 2 * stride,
                                                 .rows = rows,
                                                 .first = first,
                                                 .last = last,
                                                 .weights = nullptr,
                                                 .out = out.data(),
                                                 .out_stride = stride});
  };
  activate(1, pairs);
  activate(0, 1);
  const Floats given = plain_values(out, rows * stride, kernels.plain_bytes);
  Floats real;
  std::vector<double> expected;
  for (int64_t m = 0; m < rows; ++m) {
    for (int64_t i = 0; i < stride; ++i) {
      if (i >= height) {
        expect(given[at(m * stride + i)] == 0, "swiglu: padding is not zero");
        continue;
      }
      const double gate = apart[at(m * 2 * height + i)], up = apart[at(m * 2 * height + height + i)];
      expected.push_back(gate / (1 + std::exp(-gate)) * up);
      real.push_back(given[at(m * stride + i)]);
    }
  }
  expect_near(real, expected, plain_tolerance(kernels.plain_bytes), cat("swiglu-", name_of(kernels.dtype)));
  print_bits(cat("swiglu-", name_of(kernels.dtype)), real);
}

}  // namespace

void check_products(const Kernels& kernels) {
  check_product(kernels);
  check_not_finite(kernels);
  check_gate_up(kernels);
  if (kernels.dtype == Dtype::kInt8) check_largest_sums(kernels);
}

}  // namespace specula::neon
