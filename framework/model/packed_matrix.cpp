#include "framework/model/packed_matrix.h"

#include "framework/core/error.h"
#include "framework/model/float16.h"
#include "framework/model/threads.h"

namespace specula {

struct RowSource {
  int tensor = -1;  // -1: padding
  int64_t row = 0;
};

namespace {

std::vector<RowSource> order_rows(const std::vector<int64_t>& heights, Fusion fusion, int panel) {
  std::vector<RowSource> rows;
  if (fusion == Fusion::kStacked) {
    for (size_t t = 0; t < heights.size(); ++t) {
      for (int64_t row = 0; row < heights[t]; ++row) rows.push_back({static_cast<int>(t), row});
    }
  } else {
    for (int64_t first = 0; first < heights.front(); first += panel) {
      for (size_t t = 0; t < heights.size(); ++t) {
        SPECULA_CHECK(heights[t] == heights.front());
        for (int64_t row = first; row < first + panel; ++row) {
          rows.push_back(row < heights[t] ? RowSource{static_cast<int>(t), row} : RowSource{});
        }
      }
    }
  }
  return rows;
}

// Element i of output c within a panel.
int64_t place(int64_t i, int64_t c, int panel, int element_bytes) {
  return element_bytes == 4 ? i * panel + c : (i / 2 * panel + c) * 2 + i % 2;
}

void put(float value, float* to) { *to = value; }
void put(float value, uint16_t* to) { *to = to_bfloat16(value); }

}  // namespace

PackedMatrix::PackedMatrix(const Checkpoint& checkpoint, const MatrixSource& source, const Kernels& kernels)
    : panel_(kernels.panel), element_bytes_(kernels.element_bytes) {
  std::vector<int64_t> heights;
  std::vector<std::string> names;
  for (const std::string& tensor : source.tensors) {
    names.push_back(tensor + ".weight");
    heights.push_back(checkpoint.shape(names.back()).at(0));
  }
  inputs_ = checkpoint.shape(names.front()).at(1);
  k_ = element_bytes_ == 2 ? (inputs_ + 1) / 2 * 2 : inputs_;
  std::vector<RowSource> rows = order_rows(heights, source.fusion, panel_);
  outputs_ = static_cast<int64_t>(rows.size());
  panels_ = (outputs_ + panel_ - 1) / panel_;
  rows.resize(static_cast<size_t>(panels_ * panel_));
  weights_ = AlignedBuffer(static_cast<size_t>(panels_ * panel_ * k_ * element_bytes_));
  const auto pack_panels = [&]<class T>(T* weights) {
#pragma omp parallel num_threads(threads())
    {
      std::vector<float> row(static_cast<size_t>(k_));
#pragma omp for
      for (int64_t p = 0; p < panels_; ++p) {
        T* to = weights + p * panel_ * k_;
        for (int64_t c = 0; c < panel_; ++c) {
          const RowSource& from = rows[static_cast<size_t>(p * panel_ + c)];
          if (from.tensor >= 0) {
            checkpoint.read_rows(names[static_cast<size_t>(from.tensor)], from.row, 1, row.data());
          } else {
            std::fill(row.begin(), row.end(), 0.0f);
          }
          for (int64_t i = 0; i < k_; ++i)
            put(i < inputs_ ? row[static_cast<size_t>(i)] : 0.0f, to + place(i, c, panel_, sizeof(T)));
        }
      }
    }
  };
  if (element_bytes_ == 4) {
    pack_panels(weights_.data<float>());
  } else {
    pack_panels(weights_.data<uint16_t>());
  }
  for (const std::string& name : names) checkpoint.release(name);
  if (!source.bias) return;
  std::vector<std::vector<float>> biases;
  for (const std::string& tensor : source.tensors) biases.push_back(checkpoint.read(tensor + ".bias"));
  for (const RowSource& from : rows) {
    bias_.push_back(from.tensor < 0 ? 0.0f : biases[static_cast<size_t>(from.tensor)][static_cast<size_t>(from.row)]);
  }
}

GemmArgs PackedMatrix::args() const {
  GemmArgs args{};
  args.weights = weights_.data();
  args.outputs = outputs_;
  args.k = k_;
  args.bias = bias_.empty() ? nullptr : bias_.data();
  return args;
}

void PackedMatrix::read_row(int64_t row, float* out) const {
  const int64_t begin = row / panel_ * panel_ * k_, column = row % panel_;
  for (int64_t i = 0; i < inputs_; ++i) {
    const int64_t at = begin + place(i, column, panel_, element_bytes_);
    out[i] = element_bytes_ == 4 ? weights_.data<float>()[at] : from_bfloat16(weights_.data<uint16_t>()[at]);
  }
}

}  // namespace specula
