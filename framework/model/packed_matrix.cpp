#include "framework/model/packed_matrix.h"

#include "framework/core/error.h"
#include "framework/model/float16.h"
#include "framework/model/pack.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr int64_t kMostInputs = 65536;  // 255 * 127 of them fill a sum of 32 bits

struct OutputSource {
  int tensor = -1;  // -1: padding
  int64_t row = 0;
};

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

// The tensors' bytes, if the file holds them in the kernel's own format and whole words; else empty.
std::vector<const uint8_t*> matching_bits(const Checkpoint& checkpoint, const std::vector<std::string>& names,
                                          Dtype format, int64_t inputs) {
  std::vector<const uint8_t*> all;
  if (is_quantized(format) || (format == Dtype::kBfloat16 && inputs % 2 != 0)) return all;
  for (const std::string& name : names) {
    const uint8_t* bits = checkpoint.bits(name, format);
    if (bits == nullptr) return {};
    all.push_back(bits);
  }
  return all;
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
  const std::vector<const uint8_t*> bits = matching_bits(checkpoint, names, kernel_.format, inputs_);
  if (!bits.empty()) {
    const int64_t bytes_of_row = inputs_ * (kernel_.format == Dtype::kFloat32 ? 4 : 2);
    pack_bits([&](int64_t output) -> const uint8_t* {
      const OutputSource& from = order[static_cast<size_t>(output)];
      return from.tensor < 0 ? nullptr : bits[static_cast<size_t>(from.tensor)] + from.row * bytes_of_row;
    });
  } else {
    pack([&](int64_t output, float* row) {
      const OutputSource& from = order[static_cast<size_t>(output)];
      if (from.tensor >= 0) checkpoint.read_rows(names[static_cast<size_t>(from.tensor)], from.row, 1, row);
      return from.tensor >= 0;
    });
  }
  for (const std::string& name : names) checkpoint.release(name);
  if (!source.bias) return;
  std::vector<std::vector<float>> biases;
  for (const std::string& tensor : source.tensors) biases.push_back(checkpoint.read(tensor + ".bias"));
  for (const OutputSource& from : order) {
    bias_.push_back(from.tensor < 0 ? 0.0f : biases[static_cast<size_t>(from.tensor)][static_cast<size_t>(from.row)]);
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
#pragma omp parallel num_threads(threads())
  {
    std::vector<float> block(panel * k, 0.0f);
    std::vector<const float*> rows(panel);
#pragma omp for
    for (int64_t p = 0; p < panels_; ++p) {
      for (size_t c = 0; c < panel; ++c) {
        float* row = block.data() + c * k;
        rows[c] = read_row(p * kernel_.panel + static_cast<int64_t>(c), row) ? row : nullptr;
      }
      pack_panel(kernel_, rows, k_, weights_.data() + p * panel_bytes(kernel_, k_),
                 scale_.empty() ? nullptr : scale_.data() + p * kernel_.panel);
    }
  }
}

void PackedMatrix::pack_bits(const RowBits& row_bits) {
  const auto panel = static_cast<size_t>(kernel_.panel);
#pragma omp parallel num_threads(threads())
  {
    std::vector<const uint8_t*> rows(panel);
#pragma omp for
    for (int64_t p = 0; p < panels_; ++p) {
      for (size_t c = 0; c < panel; ++c) rows[c] = row_bits(p * kernel_.panel + static_cast<int64_t>(c));
      const int64_t words = panel_bytes(kernel_, k_) / 4 / kernel_.panel;
      pack_panel_bits(rows, words, weights_.data() + p * panel_bytes(kernel_, k_));
    }
  }
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
