// The inner loops of attention over a bfloat16 cache with AVX512-BF16's dot product of pairs: half the instructions of
// the portable version, which has to take the pairs apart.  Compiled with its own instruction-set flags, like the
// products; nothing that other files share may be included here.
#include "framework/model/kernels/attention.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__)
#include <immintrin.h>

namespace specula {
namespace {

constexpr int kTiles = 4;    // of keys at once: a lone query would wait for its own sums
constexpr int kColumns = 4;  // vectors of values at once

inline __attribute__((always_inline)) __m512bh pairs_at(const void* at) { return (__m512bh)_mm512_loadu_si512(at); }

inline __attribute__((always_inline)) __m512bh broadcast_pair(const void* row, int64_t pair) {
  int both;
  __builtin_memcpy(&both, static_cast<const char*>(row) + 4 * pair, sizeof both);
  return (__m512bh)_mm512_set1_epi32(both);
}

template <int kQueries, int kCount>
inline __attribute__((always_inline)) void score_tiles(const ScoreArgs& args, int64_t tile) {
  const int64_t tile_bytes = args.head_dim * kKeyTile * 2;
  const char* keys = static_cast<const char*>(args.keys) + tile * tile_bytes;
  __m512 sum[kQueries][kCount];
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 4
    for (int t = 0; t < kCount; ++t) sum[q][t] = _mm512_setzero_ps();
  }
  for (int64_t i = 0; i < args.head_dim / 2; ++i, keys += 64) {
    __m512bh key[kCount];
#pragma GCC unroll 4
    for (int t = 0; t < kCount; ++t) {
      key[t] = pairs_at(keys + t * tile_bytes);
      _mm_prefetch(keys + (t + kCount) * tile_bytes, _MM_HINT_T0);
    }
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      const __m512bh value = broadcast_pair(args.queries[q], i);
#pragma GCC unroll 4
      for (int t = 0; t < kCount; ++t) sum[q][t] = _mm512_dpbf16_ps(sum[q][t], key[t], value);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 4
    for (int t = 0; t < kCount; ++t) _mm512_storeu_ps(args.scores[q] + (tile + t) * kKeyTile, sum[q][t]);
  }
}

template <int kQueries>
void score_queries(const ScoreArgs& args) {
  int64_t tile = 0;
  for (; tile + kTiles <= args.tiles; tile += kTiles) score_tiles<kQueries, kTiles>(args, tile);
  for (; tile < args.tiles; ++tile) score_tiles<kQueries, 1>(args, tile);
}

template <int kQueries, int kCount>
inline __attribute__((always_inline)) void add_columns(const ValueArgs& args, int64_t offset) {
  __m512 sum[kQueries][kCount];
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 4
    for (int v = 0; v < kCount; ++v) sum[q][v] = _mm512_loadu_ps(args.sums[q] + offset + v * 16);
  }
  const char* values = static_cast<const char*>(args.values) + offset * 4;
  Ahead ahead = offset == 0 ? args.ahead : Ahead{};
  for (int64_t j = 0; j < args.steps; ++j, values += args.value_stride * 4) {
    if (ahead.at < ahead.end) {
#pragma GCC unroll 4
      for (int line = 0; line < 4; ++line) _mm_prefetch(ahead.at + 64 * line, _MM_HINT_T1);
      ahead.at += 256;
    }
    __m512bh value[kCount];
#pragma GCC unroll 4
    for (int v = 0; v < kCount; ++v) value[v] = pairs_at(values + v * 64);
#pragma GCC unroll 8
    for (int q = 0; q < kQueries; ++q) {
      const __m512bh weight = broadcast_pair(args.weights[q], j);
#pragma GCC unroll 4
      for (int v = 0; v < kCount; ++v) sum[q][v] = _mm512_dpbf16_ps(sum[q][v], value[v], weight);
    }
  }
#pragma GCC unroll 8
  for (int q = 0; q < kQueries; ++q) {
#pragma GCC unroll 4
    for (int v = 0; v < kCount; ++v) _mm512_storeu_ps(args.sums[q] + offset + v * 16, sum[q][v]);
  }
}

template <int kQueries>
void add_queries(const ValueArgs& args) {
  int64_t offset = 0;
  for (; offset + kColumns * 16 <= args.value_stride; offset += kColumns * 16)
    add_columns<kQueries, kColumns>(args, offset);
  for (; offset < args.value_stride; offset += 16) add_columns<kQueries, 1>(args, offset);
}

template <int kQueries = kMostQueries>
void score(const ScoreArgs& args, int queries) {
  if (queries == kQueries) return score_queries<kQueries>(args);
  if constexpr (kQueries > 1) score<kQueries - 1>(args, queries);
}

template <int kQueries = kMostQueries>
void add_values(const ValueArgs& args, int queries) {
  if (queries == kQueries) return add_queries<kQueries>(args);
  if constexpr (kQueries > 1) add_values<kQueries - 1>(args, queries);
}

}  // namespace

AttentionBlocks avx512_bfloat16_attention() { return {score<>, add_values<>}; }

}  // namespace specula

#else

namespace specula {
AttentionBlocks avx512_bfloat16_attention() { return {}; }
}  // namespace specula

#endif
