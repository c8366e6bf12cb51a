// Attention of a few query rows over a cache and the branches of a tree.  Scores are independent of one another, so
// they are computed where the keys lie; everything that is summed (softmax, values) runs over keys in the order of
// their positions.  So a row gives the same bits in a tree, in a chain, alone, and whether its ancestors are committed
// or not.
#include "framework/model/kernel_targets.h"
#include "framework/model/kernels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels_attention.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include "framework/model/kernels-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

constexpr int kParts = int(kKeyTile) / int(kLanes);  // vectors in a tile of keys
constexpr int kTiles = HWY_MAX_BYTES >= 64 ? 4 : 1;  // tiles at once: a lone query would wait for its own sums
constexpr int kChunk = HWY_MAX_BYTES >= 64 ? 4 : 2;  // vectors of values at once
constexpr float kNever = -1e30f;                     // score of padding: its exponential is 0

struct Query {
  const float* values;  // [head_dim]
  const RowPath* path;
  float* scores;
  float* sums;
  void* out;
  float total;
  int64_t keys() const { return path->straight + path->branch_size; }
  int64_t slots() const {  // one past the highest slot seen
    return path->branch_size == 0 ? path->straight : path->branch[path->branch_size - 1] + int64_t{1};
  }
};

template <class T, int kQueries, int kCount>
HWY_INLINE void score_tiles(const KvHead& head, const Query* queries, int64_t tile) {
  const int64_t tile_size = head.head_dim * kKeyTile;
  const T* keys = static_cast<const T*>(head.keys) + tile * tile_size;
  Vec sum[kQueries][kCount * kParts];
  for (int q = 0; q < kQueries; ++q) {
    for (int t = 0; t < kCount * kParts; ++t) sum[q][t] = hn::Zero(F());
  }
  for (int64_t i = 0; i < head.head_dim; ++i) {
    Vec key[kCount * kParts];
#pragma GCC unroll 16
    for (int t = 0; t < kCount * kParts; ++t) {
      key[t] = load(keys + (t / kParts) * tile_size + i * kKeyTile + (t % kParts) * int64_t(kLanes));
    }
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
      const Vec value = hn::Set(F(), queries[q].values[i]);
#pragma GCC unroll 16
      for (int t = 0; t < kCount * kParts; ++t) sum[q][t] = hn::MulAdd(value, key[t], sum[q][t]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int t = 0; t < kCount * kParts; ++t)
      store(sum[q][t], queries[q].scores + tile * kKeyTile + t * int64_t(kLanes));
  }
}

template <class T, int kQueries>
void score(const KvHead& head, const Query* queries) {
  int64_t slots = 0;
  for (int q = 0; q < kQueries; ++q) slots = HWY_MAX(slots, queries[q].slots());
  const int64_t tiles = (slots + kKeyTile - 1) / kKeyTile;
  int64_t tile = 0;
  for (; tile + kTiles <= tiles; tile += kTiles) score_tiles<T, kQueries, kTiles>(head, queries, tile);
  for (; tile < tiles; ++tile) score_tiles<T, kQueries, 1>(head, queries, tile);
}

// Moves the scores of the branch behind the straight ones (never to a later place, so ascending order is safe), then
// replaces scores by exponentials and returns their sum.
HWY_INLINE float softmax(const Query& query) {
  float* scores = query.scores;
  const RowPath& path = *query.path;
  for (int64_t i = 0; i < path.branch_size; ++i) scores[path.straight + i] = scores[path.branch[i]];
  const int64_t keys = query.keys(), padded = (keys + kKeyTile - 1) / kKeyTile * kKeyTile;
  for (int64_t i = keys; i < padded; ++i) scores[i] = kNever;
  Vec most = hn::Set(F(), kNever);
  for (int64_t i = 0; i < padded; i += int64_t(kLanes)) most = hn::Max(most, load(scores + i));
  float lanes[kKeyTile];
  store(most, lanes);
  float highest = lanes[0];
  for (size_t i = 1; i < kLanes; ++i) highest = HWY_MAX(highest, lanes[i]);
  const Vec shift = hn::Set(F(), highest);
  Vec sum[kParts];
  for (int p = 0; p < kParts; ++p) sum[p] = hn::Zero(F());
  for (int64_t i = 0; i < padded; i += kKeyTile) {
    for (int p = 0; p < kParts; ++p) {
      float* at = scores + i + p * int64_t(kLanes);
      const Vec weight = hn::Exp(F(), hn::Sub(load(at), shift));
      store(weight, at);
      sum[p] = hn::Add(sum[p], weight);
    }
  }
  for (int p = 0; p < kParts; ++p) store(sum[p], lanes + p * kLanes);
  float total = 0;
  for (const float lane : lanes) total += lane;
  return total;
}

// sums[i..] += weight of key j * value j for keys [first, last), which lie in slots of the same number.
template <class T, int kQueries, int kCount>
HWY_INLINE void add_values(const KvHead& head, const Query* queries, int64_t offset, int64_t first, int64_t last) {
  Vec sum[kQueries][kCount];
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kCount; ++v) sum[q][v] = load(queries[q].sums + offset + v * int64_t(kLanes));
  }
  const T* values = static_cast<const T*>(head.values) + first * head.value_stride + offset;
  for (int64_t j = first; j < last; ++j, values += head.value_stride) {
    Vec value[kCount];
#pragma GCC unroll 4
    for (int v = 0; v < kCount; ++v) value[v] = load(values + v * int64_t(kLanes));
#pragma GCC unroll 4
    for (int q = 0; q < kQueries; ++q) {
      const Vec weight = hn::Set(F(), queries[q].scores[j]);
#pragma GCC unroll 4
      for (int v = 0; v < kCount; ++v) sum[q][v] = hn::MulAdd(weight, value[v], sum[q][v]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kCount; ++v) store(sum[q][v], queries[q].sums + offset + v * int64_t(kLanes));
  }
}

template <class T, int kQueries>
void add_straight(const KvHead& head, const Query* queries, int64_t first, int64_t last) {
  int64_t offset = 0;
  for (; offset + kChunk * int64_t(kLanes) <= head.value_stride; offset += kChunk * int64_t(kLanes)) {
    add_values<T, kQueries, kChunk>(head, queries, offset, first, last);
  }
  for (; offset < head.value_stride; offset += int64_t(kLanes)) {
    add_values<T, kQueries, 1>(head, queries, offset, first, last);
  }
}

template <class T>
HWY_INLINE void add_branch(const KvHead& head, const Query& query) {
  const RowPath& path = *query.path;
  for (int64_t i = 0; i < path.branch_size; ++i) {
    const T* values = static_cast<const T*>(head.values) + path.branch[i] * head.value_stride;
    const Vec weight = hn::Set(F(), query.scores[path.straight + i]);
    for (int64_t d = 0; d < head.value_stride; d += int64_t(kLanes)) {
      store(hn::MulAdd(weight, load(values + d), load(query.sums + d)), query.sums + d);
    }
  }
}

template <class R>
HWY_INLINE void finish(const KvHead& head, const Query& query) {
  const Vec scale = hn::Set(F(), 1.0f / query.total);
  R* out = static_cast<R*>(query.out);
  int64_t d = 0;
  for (; d + int64_t(kLanes) <= head.head_dim; d += int64_t(kLanes))
    store(hn::Mul(load(query.sums + d), scale), out + d);
  if (d == head.head_dim) return;
  R lanes[kLanes];
  store(hn::Mul(load(query.sums + d), scale), lanes);
  for (int64_t i = 0; d + i < head.head_dim; ++i) out[d + i] = lanes[i];
}

template <class T, class R, int kQueries>
void attend_queries(const KvHead& head, Query* queries) {
  score<T, kQueries>(head, queries);
  int64_t common = INT64_MAX;
  for (int q = 0; q < kQueries; ++q) {
    queries[q].total = softmax(queries[q]);
    common = HWY_MIN(common, queries[q].path->straight);
    for (int64_t d = 0; d < head.value_stride; ++d) queries[q].sums[d] = 0;
  }
  add_straight<T, kQueries>(head, queries, 0, common);
  for (int q = 0; q < kQueries; ++q) {
    if (queries[q].path->straight > common) add_straight<T, 1>(head, queries + q, common, queries[q].path->straight);
    add_branch<T>(head, queries[q]);
    finish<R>(head, queries[q]);
  }
}

// T: of the cache; R: of the rows written.
template <class T, class R>
void attend(const AttendArgs& args) {
  const int64_t total = args.rows * args.group;
  for (int64_t first = 0; first < total; first += kMostQueries) {
    const int count = int(HWY_MIN(int64_t{kMostQueries}, total - first));
    Query queries[kMostQueries];
    for (int q = 0; q < count; ++q) {
      const int64_t row = (first + q) / args.group, member = (first + q) % args.group;
      queries[q].values = args.query + row * args.query_stride + member * args.head.head_dim;
      queries[q].path = args.paths + row;
      queries[q].scores = args.scores + q * args.scores_stride;
      queries[q].sums = args.sums + q * args.head.value_stride;
      queries[q].out = static_cast<R*>(args.out) + row * args.out_stride + member * args.head.head_dim;
    }
    if (count == 4) attend_queries<T, R, 4>(args.head, queries);
    if (count == 3) attend_queries<T, R, 3>(args.head, queries);
    if (count == 2) attend_queries<T, R, 2>(args.head, queries);
    if (count == 1) attend_queries<T, R, 1>(args.head, queries);
  }
}

void fill_attention(Kernels& kernels) {
  kernels.attend = kernels.cache_bytes == 4   ? attend<float, float>
                   : kernels.plain_bytes == 2 ? attend<uint16_t, uint16_t>
                                              : attend<uint16_t, float>;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(fill_attention);
void fill_attention_kernels(Kernels& kernels) { HWY_DYNAMIC_DISPATCH(fill_attention)(kernels); }
}  // namespace specula
#endif
