// Matrix products of few quantized rows with 8-bit or 4-bit weights: sums of integers, which are exact in any order, so
// these give the bits of the VNNI versions.  Weights are unsigned (128 or 8 added) and rows signed, as VNNI wants them;
// what that adds is the sum of the row's values times 128 or 8.
#include "framework/model/kernels/kernels.h"
#include "framework/model/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels/integer.cpp"
#include <hwy/foreach_target.h>

#include "framework/model/kernels/gemm-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

using I32 = hn::RebindToSigned<F>;
using Words = hn::Vec<I32>;

#if HWY_TARGET == HWY_SCALAR

// One lane: four bytes are four integers.
struct Halves {
  int32_t first, second;
};
struct Four {
  Halves even, odd;
};
struct Bytes {
  uint8_t at[4];
};
struct Sum {
  int32_t a;
  HWY_INLINE void clear() { a = 0; }
  HWY_INLINE void add(Halves x, Halves w) { a += x.first * w.first + x.second * w.second; }
  HWY_INLINE Words total() const { return hn::Set(I32(), a); }
};
HWY_INLINE Bytes load_bytes(const uint8_t* from) {
  Bytes bytes;
  __builtin_memcpy(bytes.at, from, sizeof bytes.at);
  return bytes;
}
HWY_INLINE Four split(Bytes b) { return {{b.at[0], b.at[2]}, {b.at[1], b.at[3]}}; }
HWY_INLINE Four split_low(Bytes b) { return {{b.at[0] & 15, b.at[2] & 15}, {b.at[1] & 15, b.at[3] & 15}}; }
HWY_INLINE Four split_high(Bytes b) { return {{b.at[0] >> 4, b.at[2] >> 4}, {b.at[1] >> 4, b.at[3] >> 4}}; }
HWY_INLINE Four broadcast_signed(const int8_t* x) { return {{x[0], x[2]}, {x[1], x[3]}}; }

#else

using I16 = hn::Repartition<int16_t, I32>;
using Halves = hn::Vec<I16>;
using Bytes = Halves;

// Four bytes a lane, as 16-bit numbers: bytes 0 and 2, bytes 1 and 3.
struct Four {
  Halves even, odd;
};
// Sums of products of 16-bit neighbours; on some targets spread over two vectors until the end.
struct Sum {
  Words a, b;
  HWY_INLINE Sum() {}  // an implicit one is compiled without the target's instructions, which GCC refuses on ARM
  HWY_INLINE void clear() { a = b = hn::Zero(I32()); }
  HWY_INLINE void add(Halves x, Halves w) { a = hn::ReorderWidenMulAccumulate(I32(), x, w, a, b); }
  HWY_INLINE Words total() const { return hn::RearrangeToOddPlusEven(a, b); }
};
HWY_INLINE Bytes load_bytes(const uint8_t* from) {
  return hn::BitCast(I16(), hn::LoadU(I32(), reinterpret_cast<const int32_t*>(from)));
}
HWY_INLINE Four split(Bytes bytes) {
  const hn::RebindToUnsigned<I16> unsigned_halves;
  return {hn::And(bytes, hn::Set(I16(), 0xff)),
          hn::BitCast(I16(), hn::ShiftRight<8>(hn::BitCast(unsigned_halves, bytes)))};
}
HWY_INLINE Four split_low(Bytes bytes) { return split(hn::And(bytes, hn::Set(I16(), 0x0f0f))); }
HWY_INLINE Four split_high(Bytes bytes) { return split_low(hn::ShiftRight<4>(bytes)); }
HWY_INLINE Four broadcast_signed(const int8_t* x) {
  int32_t four;
  __builtin_memcpy(&four, x, sizeof four);
  const Halves bytes = hn::BitCast(I16(), hn::Set(I32(), four));
  return {hn::ShiftRight<8>(hn::ShiftLeft<8>(bytes)), hn::ShiftRight<8>(bytes)};
}

#endif

HWY_INLINE RowScale row_scale(const int8_t* x, int64_t k) {
  RowScale scale;
  __builtin_memcpy(&scale, x + k, sizeof scale);
  return scale;
}

struct Int8Block {
  template <int kRows>
  static void run(const GemmArgs& args, int64_t panel, int64_t row) {
    const uint8_t* weights = static_cast<const uint8_t*>(args.weights) + panel * kPanel * args.k;
    const int8_t* x = static_cast<const int8_t*>(args.x) + row * args.x_stride;
    Sum sum[kRows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[r][v].clear();
    }
    for (int64_t i = 0; i < args.k; i += 4, weights += 4 * kPanel) {
      prefetch<4 * kPanel>(weights);
      const Four w0 = split(load_bytes(weights)), w1 = split(load_bytes(weights + 4 * kLanes));
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const Four value = broadcast_signed(x + r * args.x_stride + i);
        sum[r][0].add(value.even, w0.even);
        sum[r][0].add(value.odd, w0.odd);
        sum[r][1].add(value.even, w1.even);
        sum[r][1].add(value.odd, w1.odd);
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows;
         ++r) {  // unrolled like all loops over sums: an index known late would keep them in memory
      const RowScale scale = row_scale(x + r * args.x_stride, args.k);
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) {
        const int64_t column = panel * kPanel + v * int64_t(kLanes);
        const Words exact = hn::Sub(sum[r][v].total(), hn::Set(I32(), 128 * scale.total));
        const Vec step = hn::Mul(load(args.scale + column), hn::Set(F(), scale.scale));
        write(hn::Mul(hn::ConvertTo(F(), exact), step), args, row + r, column);
      }
    }
  }
};

struct Int4Block {
  template <int kRows>
  static void run(const GemmArgs& args, int64_t panel, int64_t row) {
    const int64_t groups = args.k / kGroup;
    const uint8_t* weights = static_cast<const uint8_t*>(args.weights) + panel * kPanel * groups * kInt4GroupBytes;
    const int8_t* x = static_cast<const int8_t*>(args.x) + row * args.x_stride;
    Vec result[kRows][kVectors];
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) result[r][0] = result[r][1] = hn::Zero(F());
    for (int64_t g = 0; g < groups; ++g) {
      const auto* steps = reinterpret_cast<const uint16_t*>(weights);
      const Vec step[kVectors] = {load(steps), load(steps + kLanes)};
      weights += 2 * kPanel;
      Sum sum[kRows][kVectors];
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) sum[r][v].clear();
      }
      for (int piece = 0; piece < 4; ++piece, weights += 4 * kPanel) {
        prefetch<4 * kPanel>(weights);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) {
          const Bytes bytes = load_bytes(weights + v * 4 * int64_t(kLanes));
          const Four first = split_low(bytes), second = split_high(bytes);
#pragma GCC unroll 16
          for (int r = 0; r < kRows; ++r) {
            const int8_t* at = x + r * args.x_stride + g * kGroup + piece * 8;
            const Four a = broadcast_signed(at), b = broadcast_signed(at + 4);
            sum[r][v].add(a.even, first.even);
            sum[r][v].add(a.odd, first.odd);
            sum[r][v].add(b.even, second.even);
            sum[r][v].add(b.odd, second.odd);
          }
        }
      }
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        int32_t total;
        __builtin_memcpy(&total, x + r * args.x_stride + args.k + sizeof(RowScale) + g * 4, sizeof total);
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) {
          const Words exact = hn::Sub(sum[r][v].total(), hn::Set(I32(), 8 * total));
          result[r][v] = hn::MulAdd(hn::ConvertTo(F(), exact), step[v], result[r][v]);
        }
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec scale = hn::Set(F(), row_scale(x + r * args.x_stride, args.k).scale);
      for (int v = 0; v < kVectors; ++v)
        write(hn::Mul(result[r][v], scale), args, row + r, panel * kPanel + v * int64_t(kLanes));
    }
  }
};

void fill_integer(LinearKernel& kernel) {
  kernel.target = hwy::TargetName(HWY_TARGET);
  kernel.panel = kPanel;
  kernel.gemm = kernel.format == Dtype::kInt4 ? gemm<Int4Block> : gemm<Int8Block>;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(fill_integer);
void fill_integer_kernel(LinearKernel& kernel) { HWY_DYNAMIC_DISPATCH(fill_integer)(kernel); }
}  // namespace specula
#endif
