// Matrix products of few rows with sums in float32.  A panel of weights is read once from memory; all rows of a block
// are multiplied with each piece while it is in registers, so further rows cost arithmetic only.  Every output is one
// accumulator that runs over k in order, whatever the number of rows.
#include "framework/model/kernels/kernels.h"
#include "framework/model/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels/linear.cpp"
#include <hwy/foreach_target.h>

#include "framework/model/kernels/gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

template <int kRows>
using Accumulators = Vec[kRows][kVectors];

HWY_INLINE Vec load(const int8_t* from) {
  const hn::Rebind<int8_t, F> bytes;
  const hn::RebindToSigned<F> words;
  return hn::ConvertTo(F(), hn::PromoteTo(words, hn::LoadU(bytes, from)));
}

// float32 rows with float32 or int8 weights.
template <int kRows, class W>
HWY_INLINE void multiply(const W* HWY_RESTRICT weights, const char* x, const GemmArgs& args, Accumulators<kRows>& sum) {
  for (int64_t i = 0; i < args.k; ++i, weights += kPanel) {
    prefetch<kPanel * sizeof(W)>(weights);
    const Vec w0 = load(weights), w1 = load(weights + kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec value = hn::Set(F(), reinterpret_cast<const float*>(x + r * args.x_stride)[i]);
      sum[r][0] = hn::MulAdd(value, w0, sum[r][0]);
      sum[r][1] = hn::MulAdd(value, w1, sum[r][1]);
    }
  }
}

// Two neighbours in k share a 32-bit lane, the first in the low half; they are added one after the other.
template <int kRows>
HWY_INLINE void multiply(const uint16_t* HWY_RESTRICT weights, const char* x, const GemmArgs& args,
                         Accumulators<kRows>& sum) {
  const auto high = hn::Set(U32(), 0xffff0000u);
  for (int64_t i = 0; i < args.k; i += 2, weights += 2 * kPanel) {
    prefetch<4 * kPanel>(weights);
    const auto pair0 = hn::BitCast(U32(), load(reinterpret_cast<const float*>(weights)));
    const auto pair1 = hn::BitCast(U32(), load(reinterpret_cast<const float*>(weights) + kLanes));
    const Vec first0 = hn::BitCast(F(), hn::ShiftLeft<16>(pair0)), first1 = hn::BitCast(F(), hn::ShiftLeft<16>(pair1));
    const Vec second0 = hn::BitCast(F(), hn::And(pair0, high)), second1 = hn::BitCast(F(), hn::And(pair1, high));
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      uint32_t both;
      __builtin_memcpy(&both, x + r * args.x_stride + 2 * i, sizeof both);
      // One broadcast from memory: numbers that pass through a general register cost AVX2 more than the products.
      const auto pair = hn::Set(U32(), both);
      const Vec x0 = hn::BitCast(F(), hn::ShiftLeft<16>(pair)), x1 = hn::BitCast(F(), hn::And(pair, high));
      sum[r][0] = hn::MulAdd(x0, first0, sum[r][0]);
      sum[r][1] = hn::MulAdd(x0, first1, sum[r][1]);
      sum[r][0] = hn::MulAdd(x1, second0, sum[r][0]);
      sum[r][1] = hn::MulAdd(x1, second1, sum[r][1]);
    }
  }
}

template <class W>
struct FloatBlock {
  template <int kRows>
  static void run(const GemmArgs& args, int64_t panel, int64_t row) {
    Accumulators<kRows> sum;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = hn::Zero(F());
    multiply<kRows>(static_cast<const W*>(args.weights) + panel * kPanel * args.k,
                    static_cast<const char*>(args.x) + row * args.x_stride, args, sum);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        const int64_t column = panel * kPanel + v * int64_t(kLanes);
        if (args.scale != nullptr) sum[r][v] = hn::Mul(sum[r][v], load(args.scale + column));
        write(sum[r][v], args, row + r, column);
      }
    }
  }
};

void fill_linear(LinearKernel& kernel) {
  kernel.target = hwy::TargetName(HWY_TARGET);
  kernel.panel = kPanel;
  kernel.gemm = kernel.format == Dtype::kBfloat16      ? gemm<FloatBlock<uint16_t>>
                : kernel.format == Dtype::kInt8Weights ? gemm<FloatBlock<int8_t>>
                                                       : gemm<FloatBlock<float>>;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(fill_linear);
void fill_linear_kernel(LinearKernel& kernel) { HWY_DYNAMIC_DISPATCH(fill_linear)(kernel); }
}  // namespace specula
#endif
