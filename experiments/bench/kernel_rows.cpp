#include <cmath>
#include <memory>

#include "experiments/bench/kernel_cases.h"
#include "framework/core/error.h"
#include "framework/decode/probability.h"
#include "framework/model/aligned_buffer.h"
#include "framework/model/kernels/kernels.h"

namespace specula {
namespace {

constexpr int64_t kHeadDim = 64;
constexpr int64_t kTileElements = 2 * kKeyTile * kHeadDim;
using Values = std::vector<float>;

Values wave(int64_t count) {
  Values values;
  for (int64_t i = 0; i < count; ++i) values.push_back(std::sin(static_cast<float>(i)));
  return values;
}

// Inputs and outputs of a kernel over a row of n values.
struct RowData {
  // What is written most is a tile of keys and values for each head of `store`.
  RowData(Dtype dtype, int64_t n)
      : kernels(make_kernels(dtype)),
        x(wave(2 * n)),
        weight(wave(n)),
        out(static_cast<size_t>(n / kHeadDim * kTileElements * 4)) {
    out.clear();
    rotation.assign(kHeadDim, 0.0f);
    std::fill_n(rotation.begin(), kHeadDim / 2, 1.0f);  // by no angle: what is rotated again and again stays
  }
  Kernels kernels;
  Values x, weight, rotation;
  AlignedBuffer out;
};

using RowCall = void (*)(RowData& data, int64_t n);

void norm(RowData& d, int64_t n, NormKind kind) {
  const RowNorm how{.kind = kind, .weight = d.weight.data(), .bias = d.weight.data(), .epsilon = 1e-5f};
  d.kernels.norm(how, d.x.data(), n, d.out.data());
}
void rms_norm(RowData& d, int64_t n) { norm(d, n, NormKind::kRms); }
void layer_norm(RowData& d, int64_t n) { norm(d, n, NormKind::kLayer); }
void activate(RowData& d, int64_t n, Activation activation) {
  d.kernels.activation(activation, true)({.in = d.x.data(),
                                          .in_stride = 2 * n,
                                          .rows = 1,
                                          .first = 0,
                                          .last = n / d.kernels.layer.panel,
                                          .weights = nullptr,
                                          .out = d.out.data(),
                                          .out_stride = n});
}
void swiglu(RowData& d, int64_t n) { activate(d, n, Activation::kSilu); }
void geglu(RowData& d, int64_t n) { activate(d, n, Activation::kGelu); }
void rotate(RowData& d, int64_t n) {
  d.kernels.rotate(d.x.data(), n / kHeadDim, kHeadDim, {d.rotation.data(), kHeadDim}, 1.0f);
}
void store(RowData& d, int64_t n) {  // each head into a tile of its own
  const int64_t tile_bytes = kTileElements * d.kernels.cache_bytes;
  char* at = d.out.data();
  for (int64_t h = 0; h < n; h += kHeadDim) {
    const KvHead head{at, at + tile_bytes / 2, kHeadDim, kHeadDim};
    d.kernels.store(d.x.data() + h, d.x.data() + n + h, {d.rotation.data(), kHeadDim}, head, 5);
    at += tile_bytes;
  }
}
void quantize(RowData& d, int64_t n) { d.kernels.quantize(d.x.data(), n, d.out.data()); }

KernelCase row_case(const std::string& kernel, RowCall call, Dtype dtype, int64_t n) {
  return {.name = cat(kernel, "/", name_of(dtype), "/", n), .prepare = [=]() -> std::function<void()> {
            const auto data = std::make_shared<RowData>(dtype, n);  // std::function wants what can be copied
            return [=] { call(*data, n); };
          }};
}

KernelCase softmax_case(int64_t vocab) {
  return {.name = cat("softmax/", vocab),
          .bytes = 8.0 * static_cast<double>(vocab),
          .prepare = [vocab]() -> std::function<void()> {
            return [logits = wave(vocab), p = Values(static_cast<size_t>(vocab))]() mutable {
              softmax(logits.data(), static_cast<int64_t>(logits.size()), p.data());
            };
          }};
}

KernelCase draw_case(int64_t vocab) {
  return {.name = cat("draw/", vocab), .prepare = [vocab]() -> std::function<void()> {
            Values p = wave(vocab);
            softmax(p.data(), vocab, p.data());
            return [p, u = 0.0]() mutable {
              constexpr double kGolden = 0.6180339887498949;  // its multiples cover [0, 1) evenly
              u = std::fmod(u + kGolden, 1.0);
              Residual(p.data(), static_cast<int64_t>(p.size())).draw(u);
            };
          }};
}

}  // namespace

std::vector<KernelCase> row_cases() {
  std::vector<KernelCase> cases;
  for (const int64_t n : {768, 2048}) {
    for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16}) {
      cases.push_back(row_case("rms_norm", rms_norm, dtype, n));
      cases.push_back(row_case("layer_norm", layer_norm, dtype, n));
      cases.push_back(row_case("swiglu", swiglu, dtype, n));
      cases.push_back(row_case("geglu", geglu, dtype, n));
      cases.push_back(row_case("store", store, dtype, n));
    }
    cases.push_back(row_case("rotate", rotate, Dtype::kFloat32, n));
    cases.push_back(row_case("quantize", quantize, Dtype::kInt8, n));
  }
  for (const int64_t vocab : {32000, 128256}) {
    cases.push_back(softmax_case(vocab));
    cases.push_back(draw_case(vocab));
  }
  return cases;
}

}  // namespace specula
