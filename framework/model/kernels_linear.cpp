// Matrix products of few rows.  A panel of weights is read once from memory; all rows of a block are multiplied with
// each piece while it is in registers, so further rows cost arithmetic only.  Every output is one accumulator that runs
// over k in order, whatever the number of rows.
#include "framework/model/kernel_targets.h"
#include "framework/model/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels_linear.cpp"
#include <hwy/foreach_target.h>

#include <hwy/cache_control.h>

#include "framework/model/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

constexpr int kVectors = 2;  // of outputs in a panel
constexpr int kPanel = int(kLanes) * kVectors;
constexpr int kMostRows = HWY_MAX_BYTES >= 64 ? 12 : 4;  // accumulators that fit into the registers

template <int kRows>
using Accumulators = Vec[kRows][kVectors];

HWY_INLINE void prefetch(const void* weights) {
  const char* ahead = static_cast<const char*>(weights) + kPrefetchAhead;
  hwy::Prefetch(ahead);
  if (kPanel * sizeof(float) > 64) hwy::Prefetch(ahead + 64);
}

template <int kRows>
HWY_INLINE void multiply(const float* HWY_RESTRICT weights, const float* HWY_RESTRICT x, const GemmArgs& args,
                         Accumulators<kRows>& sum) {
  const int64_t k = args.k, stride = args.x_stride;
  for (int64_t i = 0; i < k; ++i, weights += kPanel) {
    prefetch(weights);
    const Vec w0 = load(weights), w1 = load(weights + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec value = hn::Set(F(), x[r * stride + i]);
      sum[r][0] = hn::MulAdd(value, w0, sum[r][0]);
      sum[r][1] = hn::MulAdd(value, w1, sum[r][1]);
    }
  }
}

// Two neighbours in k share a 32-bit lane, the first in the low half; they are added one after the other.
template <int kRows>
HWY_INLINE void multiply(const uint16_t* HWY_RESTRICT weights, const uint16_t* HWY_RESTRICT x, const GemmArgs& args,
                         Accumulators<kRows>& sum) {
  const int64_t k = args.k, stride = args.x_stride;
  const auto high = hn::Set(U32(), 0xffff0000u);
  for (int64_t i = 0; i < k; i += 2, weights += 2 * kPanel) {
    prefetch(weights);
    const auto pair0 = hn::BitCast(U32(), load(reinterpret_cast<const float*>(weights)));
    const auto pair1 = hn::BitCast(U32(), load(reinterpret_cast<const float*>(weights) + kLanes));
    const Vec first0 = hn::BitCast(F(), hn::ShiftLeft<16>(pair0)), first1 = hn::BitCast(F(), hn::ShiftLeft<16>(pair1));
    const Vec second0 = hn::BitCast(F(), hn::And(pair0, high)), second1 = hn::BitCast(F(), hn::And(pair1, high));
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      uint32_t both;
      __builtin_memcpy(&both, x + r * stride + i, sizeof both);
      const Vec x0 = hn::BitCast(F(), hn::Set(U32(), both << 16)),
                x1 = hn::BitCast(F(), hn::Set(U32(), both & 0xffff0000u));
      sum[r][0] = hn::MulAdd(x0, first0, sum[r][0]);
      sum[r][1] = hn::MulAdd(x0, first1, sum[r][1]);
      sum[r][0] = hn::MulAdd(x1, second0, sum[r][0]);
      sum[r][1] = hn::MulAdd(x1, second1, sum[r][1]);
    }
  }
}

HWY_INLINE void write(Vec value, const GemmArgs& args, int64_t row, int64_t column) {
  if (args.bias != nullptr) value = hn::Add(value, load(args.bias + column));
  float* to = args.y + (args.y_row == nullptr ? row : args.y_row[row]) * args.y_stride + column;
  if (column + int64_t(kLanes) <= args.outputs) {
    store(args.add ? hn::Add(load(to), value) : value, to);
    return;
  }
  float lanes[kLanes];
  store(value, lanes);
  for (int64_t i = 0; column + i < args.outputs; ++i) to[i] = args.add ? to[i] + lanes[i] : lanes[i];
}

template <class T, int kRows>
void block(const GemmArgs& args, int64_t panel, int64_t row) {
  Accumulators<kRows> sum;
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = hn::Zero(F());
  multiply<kRows>(static_cast<const T*>(args.weights) + panel * kPanel * args.k,
                  static_cast<const T*>(args.x) + row * args.x_stride, args, sum);
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) write(sum[r][v], args, row + r, panel * kPanel + v * int64_t(kLanes));
  }
}

template <class T, int kRows>
void rows_block(const GemmArgs& args, int64_t panel, int64_t row, int rows) {
  if (rows == kRows) return block<T, kRows>(args, panel, row);
  if constexpr (kRows > 1) return rows_block<T, kRows - 1>(args, panel, row, rows);
}

// Row blocks stand inside: a panel is in the cache for all blocks but the first.
template <class T>
void gemm(const GemmArgs& args, int64_t first, int64_t last) {
  const int64_t blocks = (args.rows + kMostRows - 1) / kMostRows;
  for (int64_t panel = first; panel < last; ++panel) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t row = args.rows * b / blocks, end = args.rows * (b + 1) / blocks;
      rows_block<T, kMostRows>(args, panel, row, int(end - row));
    }
  }
}

void fill_linear(bool bfloat16, Kernels& kernels) {
  kernels.target = hwy::TargetName(HWY_TARGET);
  kernels.panel = kPanel;
  kernels.element_bytes = bfloat16 ? 2 : 4;
  kernels.gemm = bfloat16 ? gemm<uint16_t> : gemm<float>;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(fill_linear);
void fill_linear_kernels(bool bfloat16, Kernels& kernels) { HWY_DYNAMIC_DISPATCH(fill_linear)(bfloat16, kernels); }
}  // namespace specula
#endif
