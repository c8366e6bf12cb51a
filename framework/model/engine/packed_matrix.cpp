#include "framework/model/engine/packed_matrix.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"
#include "framework/model/kernels/pack.h"
#include "framework/model/rethrower.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kMostInputs = 65536;  // 255 * 127 of them fill a sum of 32 bits

using OutputSource = PackedMatrix::OutputSource;

std::vector<OutputSource> order_outputs(const std::vector<int64_t>& heights, Fusion fusion, int panel) {
  std::vector<OutputSource> outputs;
  if (fusion == Fusion::kStacked) {
    for (size_t t = 0; t < heights.size(); ++t) {
      for (int64_t row = 0; row < heights[t]; ++row) outputs.push_back({static_cast<int>(t), row});
    }
  } else {
    for (int64_t first = 0; first < heights.front(); first += panel) {
      for (size_t t = 0; t < heights.size(); ++t) {
        SPECULA_CHECK(heights[t] == heights.front());
        for (int64_t row = first; row < first + panel; ++row) {
          outputs.push_back(row < heights[t] ? OutputSource{static_cast<int>(t), row} : OutputSource{});
        }
      }
    }
  }
  return outputs;
}

bool holds_all(const Checkpoint& checkpoint, const std::vector<std::string>& names, Dtype format) {
  return std::all_of(names.begin(), names.end(),
                     [&](const std::string& name) { return checkpoint.holds(name, format); });
}

}  // namespace

PackedMatrix::PackedMatrix(const Checkpoint& checkpoint, const MatrixSource& source, const LinearKernel& kernel)
    : kernel_(kernel) {
  std::vector<int64_t> heights;
  std::vector<std::string> names;
  for (const std::string& tensor : source.tensors) {
    names.push_back(tensor + ".weight");
    heights.push_back(checkpoint.shape(names.back()).at(0));
  }
  std::vector<OutputSource> order = order_outputs(heights, source.fusion, kernel.panel);
  allocate(static_cast<int64_t>(order.size()), checkpoint.shape(names.front()).at(1));
  order.resize(static_cast<size_t>(panels_ * kernel_.panel));
  const bool is_whole_words = kernel_.format != Dtype::kBfloat16 || inputs_ % 2 == 0;
  if (holds_all(checkpoint, names, kernel_.format) && is_whole_words) {
    pack_bits([&](int64_t output, int64_t most, uint8_t* rows) {
      const OutputSource& from = order[static_cast<size_t>(output)];
      int64_t count = 1;  // neighbours in the file are read together
      const auto follows = [&](const OutputSource& next) {
        return next.tensor == from.tensor && (next.tensor < 0 || next.row == from.row + count);
      };
      while (count < most && follows(order[static_cast<size_t>(output + count)])) ++count;
      if (from.tensor < 0) return -count;
      checkpoint.read_bits(names[static_cast<size_t>(from.tensor)], from.row, count, rows);
      return count;
    });
  } else {
    pack([&](int64_t output, float* row) {
      const OutputSource& from = order[static_cast<size_t>(output)];
      if (from.tensor >= 0) checkpoint.read_rows(names[static_cast<size_t>(from.tensor)], from.row, 1, row);
      return from.tensor >= 0;
    });
  }
  read_biases(checkpoint, source, order);
}

void PackedMatrix::read_biases(const Checkpoint& checkpoint, const MatrixSource& source,
                               const std::vector<OutputSource>& order) {
  std::vector<std::vector<float>> biases;
  bool has_one = false;
  for (const std::string& tensor : source.tensors) {
    const bool has_bias = checkpoint.has(tensor + ".bias");
    biases.push_back(has_bias ? checkpoint.read(tensor + ".bias") : std::vector<float>());
    has_one = has_one || has_bias;
  }
  for (const OutputSource& from : order) {
    if (!has_one) return;
    const bool is_biased = from.tensor >= 0 && !biases[static_cast<size_t>(from.tensor)].empty();
    bias_.push_back(is_biased ? biases[static_cast<size_t>(from.tensor)][static_cast<size_t>(from.row)] : 0.0f);
  }
}

PackedMatrix::PackedMatrix(const std::vector<float>& weights, int64_t outputs, const LinearKernel& kernel)
    : kernel_(kernel) {
  allocate(outputs, static_cast<int64_t>(weights.size()) / outputs);
  pack([&](int64_t output, float* row) {
    if (output < outputs_) std::copy_n(weights.data() + output * inputs_, inputs_, row);
    return output < outputs_;
  });
}

void PackedMatrix::allocate(int64_t outputs, int64_t inputs) {
  SPECULA_CHECK(kernel_.rows != RowFormat::kQuantized || inputs <= kMostInputs, "a layer of ", inputs,
                " inputs overflows the sums of int8 and int4, which hold ", kMostInputs);
  outputs_ = outputs;
  inputs_ = inputs;
  k_ = padded(inputs, kernel_.k_step);
  panels_ = (outputs + kernel_.panel - 1) / kernel_.panel;
  weights_ = AlignedBuffer(static_cast<size_t>(panels_ * panel_bytes(kernel_, k_)));
  if (kernel_.format == Dtype::kInt8 || kernel_.format == Dtype::kInt8Weights)
    scale_.resize(static_cast<size_t>(panels_ * kernel_.panel));
}

void PackedMatrix::pack(const ReadRow& read_row) {
  const auto panel = static_cast<size_t>(kernel_.panel), k = static_cast<size_t>(k_);
  const auto pack_one = [&](int64_t p, std::vector<float>& block, std::vector<const float*>& rows) {
    for (size_t c = 0; c < panel; ++c) {
      float* row = block.data() + c * k;
      rows[c] = read_row(p * kernel_.panel + static_cast<int64_t>(c), row) ? row : nullptr;
    }
    pack_panel(kernel_, rows, k_, weights_.data() + p * panel_bytes(kernel_, k_),
               scale_.empty() ? nullptr : scale_.data() + p * kernel_.panel);
  };
  Rethrower rethrower;
#pragma omp parallel num_threads(threads())
  {
    std::vector<float> block(panel * k, 0.0f);
    std::vector<const float*> rows(panel);
#pragma omp for
    for (int64_t p = 0; p < panels_; ++p) rethrower.run([&] { pack_one(p, block, rows); });
  }
  rethrower.rethrow();
}

void PackedMatrix::pack_bits(const ReadBits& read_bits) {
  const int64_t panel = kernel_.panel, bytes = panel_bytes(kernel_, k_), row_size = bytes / panel;
  const auto pack_one = [&](int64_t p, std::vector<uint8_t>& block, std::vector<const uint8_t*>& rows) {
    for (int64_t c = 0; c < panel;) {
      const int64_t count = read_bits(p * panel + c, panel - c, block.data() + c * row_size);
      const int64_t end = c + std::abs(count);
      for (; c < end; ++c) rows[static_cast<size_t>(c)] = count < 0 ? nullptr : block.data() + c * row_size;
    }
    pack_panel_bits(rows, row_size / 4, weights_.data() + p * bytes);
  };
  Rethrower rethrower;
#pragma omp parallel num_threads(threads())
  {
    std::vector<uint8_t> block(static_cast<size_t>(bytes));
    std::vector<const uint8_t*> rows(static_cast<size_t>(panel));
#pragma omp for
    for (int64_t p = 0; p < panels_; ++p) rethrower.run([&] { pack_one(p, block, rows); });
  }
  rethrower.rethrow();
}

// Every layout but int4's is [..][panel] units of one or four bytes (gemm.h), so that an output is one column of units.
PackedMatrix PackedMatrix::select(std::span<const Token> outputs) const {
  SPECULA_CHECK(kernel_.format != Dtype::kInt4, "outputs of an int4 matrix share their groups' scales");
  PackedMatrix few;
  few.kernel_ = kernel_;
  few.allocate(static_cast<int64_t>(outputs.size()), inputs_);
  few.bias_.resize(bias_.empty() ? 0 : static_cast<size_t>(few.panels_ * kernel_.panel));
  const int64_t panel = kernel_.panel, bytes = panel_bytes(kernel_, k_);
  const int64_t unit = kernel_.format == Dtype::kInt8Weights ? 1 : 4, units = bytes / (panel * unit);
  const auto copy_output = [&](int64_t to) {
    const int64_t from = outputs[static_cast<size_t>(to)];
    SPECULA_CHECK(from >= 0 && from < outputs_, "output ", from, " of ", outputs_);
    const char* source = weights_.data() + from / panel * bytes + from % panel * unit;
    char* target = few.weights_.data() + to / panel * bytes + to % panel * unit;
    for (int64_t u = 0; u < units; ++u) std::copy_n(source + u * panel * unit, unit, target + u * panel * unit);
    if (!scale_.empty()) few.scale_[static_cast<size_t>(to)] = scale_[static_cast<size_t>(from)];
    if (!bias_.empty()) few.bias_[static_cast<size_t>(to)] = bias_[static_cast<size_t>(from)];
  };
  Rethrower rethrower;
#pragma omp parallel for num_threads(threads())
  for (int64_t p = 0; p < few.panels_; ++p) {
    rethrower.run([&] {
      for (int64_t to = p * panel; to < std::min((p + 1) * panel, few.outputs_); ++to) copy_output(to);
    });
  }
  rethrower.rethrow();
  return few;
}

int64_t PackedMatrix::bytes() const {
  return static_cast<int64_t>(weights_.size() + (bias_.size() + scale_.size()) * sizeof(float));
}

GemmArgs PackedMatrix::args() const {
  GemmArgs args{};
  args.weights = weights_.data();
  args.outputs = outputs_;
  args.k = k_;
  args.scale = scale_.empty() ? nullptr : scale_.data();
  args.bias = bias_.empty() ? nullptr : bias_.data();
  return args;
}

void PackedMatrix::read_row(int64_t row, float* out) const {
  SPECULA_DCHECK(!is_quantized(kernel_.format));
  const int64_t panel = kernel_.panel, begin = row / panel * panel * k_, column = row % panel;
  if (kernel_.format == Dtype::kFloat32) {
    const float* weights = weights_.data<float>() + begin;
    for (int64_t i = 0; i < inputs_; ++i) out[i] = weights[i * panel + column];
  } else {
    const uint16_t* weights = weights_.data<uint16_t>() + begin;
    for (int64_t i = 0; i < inputs_; ++i) out[i] = from_bfloat16(weights[(i / 2 * panel + column) * 2 + i % 2]);
  }
}

}  // namespace specula
