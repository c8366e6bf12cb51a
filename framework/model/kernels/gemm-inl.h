// What the portable matrix products share, compiled once per target: the walk over panels and blocks of rows, the
// prefetch, the store of an output.  Licence: Apache-2.0.
#include "framework/model/kernels/vectors-inl.h"

#include <hwy/cache_control.h>

#if defined(SPECULA_GEMM_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SPECULA_GEMM_INL_H
#undef SPECULA_GEMM_INL_H
#else
#define SPECULA_GEMM_INL_H
#endif

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

constexpr int kVectors = 2;  // of outputs in a panel
constexpr int kPanel = int(kLanes) * kVectors;
// Whose accumulators fit into the registers.
constexpr int kMostRows = HWY_MAX_BYTES >= 64 ? 12 : HWY_MAX_BYTES == 32 ? 5 : 4;

template <int kBytes>
HWY_INLINE void prefetch(const void* weights) {
  const char* ahead = static_cast<const char*>(weights) + kPrefetchAhead;
  hwy::Prefetch(ahead);
  if (kBytes > 64) hwy::Prefetch(ahead + 64);
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

template <class Block, int kRows>
void rows_block(const GemmArgs& args, int64_t panel, int64_t row, int rows) {
  if (rows == kRows) return Block::template run<kRows>(args, panel, row);
  if constexpr (kRows > 1) return rows_block<Block, kRows - 1>(args, panel, row, rows);
}

// Row blocks stand inside: a panel is in the cache for all blocks but the first.
template <class Block>
void gemm(const GemmArgs& args, int64_t first, int64_t last) {
  const int64_t blocks = (args.rows + kMostRows - 1) / kMostRows;
  for (int64_t panel = first; panel < last; ++panel) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t row = args.rows * b / blocks, end = args.rows * (b + 1) / blocks;
      rows_block<Block, kMostRows>(args, panel, row, int(end - row));
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#endif
