// What the AVX-512 products share: the walk over panels and blocks of rows, the store of 16 outputs.  Only files that
// are compiled for AVX-512 include it, and everything in it is static: no other file may get a copy.
// Licence: Apache-2.0.
#pragma once

#include <immintrin.h>

#include "framework/model/kernels/gemm.h"

namespace specula {

inline constexpr int kPanel = 32;

namespace {

inline __attribute__((always_inline)) void prefetch_weights(const void* weights) {
  const char* ahead = static_cast<const char*>(weights) + kPrefetchAhead;
  _mm_prefetch(ahead, _MM_HINT_T0);
  _mm_prefetch(ahead + 64, _MM_HINT_T0);
}

inline __attribute__((always_inline)) void write(__m512 value, const GemmArgs& args, int64_t row, int64_t column) {
  const int64_t left = args.outputs - column;
  if (left <= 0) return;
  const __mmask16 there = left >= 16 ? __mmask16(0xffff) : __mmask16((1u << left) - 1);
  if (args.bias != nullptr) value = _mm512_add_ps(value, _mm512_loadu_ps(args.bias + column));
  float* to = args.y + (args.y_row == nullptr ? row : args.y_row[row]) * args.y_stride + column;
  if (args.add) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(there, to));
  _mm512_mask_storeu_ps(to, there, value);
}

template <class Block, int kRows>
void rows_block(const GemmArgs& args, int64_t panel, int64_t row, int64_t rows) {
  if (rows == kRows) return Block::template run<kRows>(args, panel, row);
  if constexpr (kRows > 1) return rows_block<Block, kRows - 1>(args, panel, row, rows);
}

// Block::kMostRows is how many rows' accumulators fit into the 32 registers, beside weights and a broadcast.  Row
// blocks stand inside: a panel is in the cache for all blocks but the first.
template <class Block>
void gemm(const GemmArgs& args, int64_t first, int64_t last) {
  const int64_t blocks = (args.rows + Block::kMostRows - 1) / Block::kMostRows;
  for (int64_t panel = first; panel < last; ++panel) {
    for (int64_t b = 0; b < blocks; ++b) {
      const int64_t row = args.rows * b / blocks, end = args.rows * (b + 1) / blocks;
      rows_block<Block, Block::kMostRows>(args, panel, row, end - row);
    }
  }
}

}  // namespace
}  // namespace specula
