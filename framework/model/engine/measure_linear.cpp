#include "framework/model/engine/measure_linear.h"

#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "framework/core/clock.h"
#include "framework/model/engine/packed_matrix.h"
#include "framework/model/engine/packed_rows.h"

namespace specula {
namespace {

std::vector<float> random_values(int64_t count) {  // in [-1, 1), the same each time
  std::vector<float> values(static_cast<size_t>(count));
  uint32_t state = 1;
  for (float& value : values) {
    state = state * 1664525u + 1013904223u;
    value = static_cast<float>(static_cast<int32_t>(state)) * 0x1p-31f;
  }
  return values;
}

int64_t copies_in(int64_t memory, int64_t bytes) { return std::max<int64_t>(memory / bytes, 1); }

class OwnTrial final : public LinearTrial {
 public:
  OwnTrial(const LinearKernel& kernel, const LinearShape& shape, int64_t memory)
      : matrix_(random_values(shape.inputs * shape.outputs), shape.outputs, kernel),
        inputs_(shape.inputs),
        stride_(padded(matrix_.panels() * panel_bytes(kernel, matrix_.k()), 64)),
        copies_(copies_in(memory, stride_)),
        weights_(static_cast<size_t>(copies_ * stride_)) {
    for (int64_t i = 0; i < copies_; ++i)
      std::memcpy(weights_.data() + i * stride_, matrix_.args().weights, static_cast<size_t>(weight_bytes()));
  }

  void set_rows(int64_t rows) override {
    constexpr int64_t kApart = 32;  // as rows of a pass are
    rows_.emplace(random_values(rows * inputs_), rows, matrix_.kernel());
    y_.resize(static_cast<size_t>(rows * (matrix_.outputs() + kApart)));
    args_ = matrix_.args();
    rows_->fill(args_);
    args_.y = y_.data();
    args_.y_stride = matrix_.outputs() + kApart;
  }
  void run() override {
    args_.weights = weights_.data() + next_ * stride_;
    next_ = (next_ + 1) % copies_;
    multiply(matrix_.kernel(), args_);
  }
  int64_t weight_bytes() const override { return matrix_.panels() * panel_bytes(matrix_.kernel(), matrix_.k()); }

 private:
  PackedMatrix matrix_;
  int64_t inputs_, stride_, copies_, next_ = 0;
  AlignedBuffer weights_;  // [copies][stride]
  std::optional<PackedRows> rows_;
  std::vector<float> y_;
  GemmArgs args_{};
};

Tensor random_tensor(int64_t rows, int64_t columns, at::ScalarType dtype) {
  const std::vector<float> values = random_values(rows * columns);
  const Tensor tensor = at::empty({rows, columns}, at::kFloat);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<float>());
  return tensor.to(dtype);
}

class LibraryTrial final : public LinearTrial {
 public:
  LibraryTrial(Library library, at::ScalarType dtype, const LinearShape& shape, int64_t memory)
      : dtype_(dtype), inputs_(shape.inputs) {
    const Tensor weight = random_tensor(shape.outputs, shape.inputs, dtype);
    const int64_t copies = copies_in(memory, static_cast<int64_t>(weight.nbytes()));
    for (int64_t i = 0; i < copies; ++i) products_.emplace_back(library, weight.clone(), Tensor());
  }

  void set_rows(int64_t rows) override { x_ = random_tensor(rows, inputs_, dtype_); }
  void run() override {
    products_[next_](x_);
    next_ = (next_ + 1) % products_.size();
  }
  int64_t weight_bytes() const override { return products_.front().bytes(); }

 private:
  at::ScalarType dtype_;
  int64_t inputs_;
  std::vector<LibraryLinear> products_;
  Tensor x_;  // [T,in]
  size_t next_ = 0;
};

std::optional<at::ScalarType> library_dtype(Dtype format) {
  if (is_quantized(format)) return std::nullopt;
  return format == Dtype::kFloat32 ? at::kFloat : at::kBFloat16;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

using Trials = std::vector<std::unique_ptr<LinearTrial>>;

// [implementation][turn] seconds of one product.  The first turn warms up and is not kept.
std::vector<std::vector<double>> time_in_turns(const Trials& trials, int64_t rows, int turns) {
  for (const auto& trial : trials) trial->set_rows(rows);
  std::vector<std::vector<double>> seconds(trials.size());
  for (int turn = 0; turn <= turns; ++turn) {
    for (size_t i = 0; i < trials.size(); ++i) {
      const double start = seconds_now();
      trials[i]->run();
      if (turn > 0) seconds[i].push_back(seconds_now() - start);
    }
  }
  return seconds;
}

}  // namespace

std::string LinearImplementation::name() const {
  const auto* kernel = std::get_if<LinearKernel>(&product);
  return kernel != nullptr ? kernel->target : name_of(std::get<Library>(product));
}

std::vector<LinearImplementation> linear_implementations(Dtype format) {
  std::vector<LinearImplementation> all;
  for (const LinearKernel& kernel : linear_kernels(format)) all.push_back({format, kernel});
  if (const auto dtype = library_dtype(format)) {
    for (const Library library : libraries_for(*dtype, at::kCPU)) all.push_back({format, library});
  }
  return all;
}

std::unique_ptr<LinearTrial> make_linear_trial(const LinearImplementation& implementation, const LinearShape& shape,
                                               int64_t memory) {
  if (const auto* kernel = std::get_if<LinearKernel>(&implementation.product))
    return std::make_unique<OwnTrial>(*kernel, shape, memory);
  const auto dtype = library_dtype(implementation.format);
  SPECULA_CHECK(dtype.has_value(), name_of(implementation.format), " has no operators in LibTorch");
  return std::make_unique<LibraryTrial>(std::get<Library>(implementation.product), *dtype, shape, memory);
}

std::vector<LinearTiming> measure_linear(const LinearQuestion& question) {
  SPECULA_CHECK(question.turns > 0);
  const c10::InferenceMode inference;
  std::vector<LinearTiming> timings;
  Trials trials;
  for (const LinearImplementation& implementation : linear_implementations(question.format)) {
    trials.push_back(make_linear_trial(implementation, question.shape, question.memory));
    timings.push_back({.implementation = implementation.name(),
                       .weight_bytes = trials.back()->weight_bytes(),
                       .seconds = {},
                       .to_used = {}});
  }
  for (const int64_t rows : question.rows) {
    const auto seconds = time_in_turns(trials, rows, question.turns);
    for (size_t i = 0; i < trials.size(); ++i) {
      std::vector<double> ratios;
      for (size_t t = 0; t < seconds[i].size(); ++t) ratios.push_back(seconds[i][t] / seconds[0][t]);
      timings[i].seconds.push_back(median(seconds[i]));
      timings[i].to_used.push_back(median(ratios));
    }
  }
  return timings;
}

}  // namespace specula
