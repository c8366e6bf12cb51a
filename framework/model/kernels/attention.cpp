// Attention of a few query rows over a cache and the branches of a tree.  Scores are independent of one another, so
// they are computed where the keys lie; everything that is summed (softmax, values) runs over keys in the order of
// their positions.  So a row gives the same bits in a tree, in a chain, alone, and whether its ancestors are committed
// or not.
#include "framework/model/kernels/kernels.h"
#include "framework/model/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels/attention.cpp"
#include <hwy/foreach_target.h>

#include <hwy/cache_control.h>
#include <hwy/contrib/math/math-inl.h>
#include "framework/model/kernels/steps-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

constexpr int kParts = int(kKeyTile) / int(kLanes);  // vectors in a tile of keys
constexpr bool kIsWide = HWY_MAX_BYTES >= 64;
constexpr int kAtOnce = kIsWide ? kMostQueries : 2;  // queries: their accumulators fit into the registers
constexpr int kChunk = kIsWide ? 4 : 2;  // vectors of keys or values at once: a lone query would wait for its own sums
constexpr float kNever = -1e30f;         // score of padding: its exponential is 0

HWY_INLINE void fetch_lines(Ahead& ahead, int64_t lines) {
  for (; lines > 0 && ahead.at < ahead.end; --lines, ahead.at += 64) hwy::Prefetch(ahead.at);
}

// kCount vectors of one tile or of neighbouring ones.
template <class T, int kQueries, int kCount>
HWY_INLINE void score_vectors(const ScoreArgs& args, int64_t first) {
  const int64_t tile_size = args.head_dim * kKeyTile, step = kStep<T>;
  Vec sum[kQueries][kCount];
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kCount; ++v) sum[q][v] = hn::Zero(F());
  }
  const T* keys = static_cast<const T*>(args.keys);
  for (int64_t i = 0; i < args.head_dim; i += step) {
#pragma GCC unroll 4
    for (int v = 0; v < kCount; ++v) {
      const int64_t tile = (first + v) / kParts, part = (first + v) % kParts;
      const auto key = lanes_of(keys + tile * tile_size + i * kKeyTile + part * int64_t(kLanes) * step);
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q)
        sum[q][v] = broadcast(static_cast<const T*>(args.queries[q]) + i).times(key, sum[q][v]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kCount; ++v) store(sum[q][v], args.scores[q] + (first + v) * int64_t(kLanes));
  }
}

template <class T, int kQueries>
void score_queries(const ScoreArgs& args) {
  const int64_t vectors = args.tiles * kParts;
  int64_t first = 0;
  for (; first + kChunk <= vectors; first += kChunk) score_vectors<T, kQueries, kChunk>(args, first);
  for (; first < vectors; ++first) score_vectors<T, kQueries, 1>(args, first);
}

template <class T, int kQueries, int kCount>
HWY_INLINE void add_columns(const ValueArgs& args, int64_t offset) {
  const int64_t step = kStep<T>;
  Vec sum[kQueries][kCount];
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kCount; ++v) sum[q][v] = load(args.sums[q] + offset + v * int64_t(kLanes));
  }
  const T* values = static_cast<const T*>(args.values) + offset * step;
  Ahead ahead = offset == 0 ? args.ahead : Ahead{};
  for (int64_t j = 0; j < args.steps; ++j, values += args.value_stride * step) {
    fetch_lines(ahead, 4);
#pragma GCC unroll 4
    for (int v = 0; v < kCount; ++v) {
      const auto value = lanes_of(values + v * int64_t(kLanes) * step);
#pragma GCC unroll 8
      for (int q = 0; q < kQueries; ++q)
        sum[q][v] = broadcast(static_cast<const T*>(args.weights[q]) + j * step).times(value, sum[q][v]);
    }
  }
  for (int q = 0; q < kQueries; ++q) {
    for (int v = 0; v < kCount; ++v) store(sum[q][v], args.sums[q] + offset + v * int64_t(kLanes));
  }
}

template <class T, int kQueries>
void add_queries(const ValueArgs& args) {
  int64_t offset = 0;
  for (; offset + kChunk * int64_t(kLanes) <= args.value_stride; offset += kChunk * int64_t(kLanes))
    add_columns<T, kQueries, kChunk>(args, offset);
  for (; offset < args.value_stride; offset += int64_t(kLanes)) add_columns<T, kQueries, 1>(args, offset);
}

// The arguments of the queries from `first` on.
HWY_INLINE ScoreArgs rest_of(ScoreArgs args, int first) {
  for (int q = first; q < kMostQueries; ++q) {
    args.queries[q - first] = args.queries[q];
    args.scores[q - first] = args.scores[q];
  }
  return args;
}
HWY_INLINE ValueArgs rest_of(ValueArgs args, int first) {
  for (int q = first; q < kMostQueries; ++q) {
    args.weights[q - first] = args.weights[q];
    args.sums[q - first] = args.sums[q];
  }
  return args;
}

template <class T, int kQueries = kAtOnce>
void score(const ScoreArgs& args, int queries) {
  if (queries > kQueries) {
    score_queries<T, kQueries>(args);
    return score<T, kAtOnce>(rest_of(args, kQueries), queries - kQueries);
  }
  if (queries == kQueries) return score_queries<T, kQueries>(args);
  if constexpr (kQueries > 1) score<T, kQueries - 1>(args, queries);
}

template <class T, int kQueries = kAtOnce>
void add_values(const ValueArgs& args, int queries) {
  if (queries > kQueries) {
    add_queries<T, kQueries>(args);
    return add_values<T, kAtOnce>(rest_of(args, kQueries), queries - kQueries);
  }
  if (queries == kQueries) return add_queries<T, kQueries>(args);
  if constexpr (kQueries > 1) add_values<T, kQueries - 1>(args, queries);
}

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
  int64_t straight_tiles() const { return (path->straight + kKeyTile - 1) / kKeyTile; }
  // The first key of the branch that is not before key `start` of the path.
  int64_t branch_from(int64_t start) const { return HWY_MAX(start - path->straight, int64_t{0}); }
  int64_t branch_tile(int64_t start) const {
    const int64_t from = branch_from(start);
    return from >= path->branch_size ? INT64_MAX : path->branch[from] / kKeyTile;
  }
};

// Weights take the place of the scores that they were made of: a bfloat16 is stored where its score was read before.
template <class T>
HWY_INLINE T* weights_of(const Query& query) {
  return reinterpret_cast<T*>(query.scores);
}

HWY_INLINE float highest_of(const float* scores, int64_t count) {
  Vec most = hn::Set(F(), kNever);
  for (int64_t i = 0; i < count; i += int64_t(kLanes)) most = hn::Max(most, load(scores + i));
  float lanes[kLanes];
  store(most, lanes);
  float highest = lanes[0];
  for (size_t i = 1; i < kLanes; ++i) highest = HWY_MAX(highest, lanes[i]);
  return highest;
}

HWY_INLINE void cap_scores(float* scores, int64_t first, int64_t last, float cap) {
  const Vec size = hn::Set(F(), cap), inverse = hn::Set(F(), 1.0f / cap);
  for (int64_t i = first; i < last; i += int64_t(kLanes))
    store(hn::Mul(hn::Tanh(F(), hn::Mul(load(scores + i), inverse)), size), scores + i);
}

// What the queries of a call have in common: where the keys that some of them see begin, at a tile; the cap.
struct Reach {
  int64_t start;
  float softcap;
};

// Moves the scores of the branch behind the straight ones (never to a later place, so ascending order is safe), then
// replaces scores by exponentials and returns their sum.  `ahead`, a number of lines a tile, is fetched meanwhile:
// there is little else to read.
template <class T>
HWY_INLINE float softmax(const Query& query, const Reach& reach, Ahead& ahead, int64_t lines) {
  float* scores = query.scores;
  const RowPath& path = *query.path;
  for (int64_t i = query.branch_from(reach.start); i < path.branch_size; ++i)
    scores[path.straight + i] = scores[path.branch[i]];
  const int64_t keys = query.keys(), padded_keys = padded(keys, kKeyTile);
  if (reach.softcap > 0) cap_scores(scores, reach.start, padded_keys, reach.softcap);
  for (int64_t i = reach.start; i < path.first; ++i) scores[i] = kNever;
  for (int64_t i = keys; i < padded_keys; ++i) scores[i] = kNever;
  const Vec shift = hn::Set(F(), highest_of(scores + reach.start, padded_keys - reach.start));
  Vec sum[kParts];
  for (int p = 0; p < kParts; ++p) sum[p] = hn::Zero(F());
  for (int64_t i = reach.start; i < padded_keys; i += kKeyTile) {
    fetch_lines(ahead, lines);
    for (int p = 0; p < kParts; ++p) {
      const int64_t at = i + p * int64_t(kLanes);
      const Vec weight = hn::Exp(F(), hn::Sub(load(scores + at), shift));
      store(weight, weights_of<T>(query) + at);
      sum[p] = hn::Add(sum[p], weight);
    }
  }
  float lanes[kKeyTile], total = 0;
  for (int p = 0; p < kParts; ++p) store(sum[p], lanes + p * kLanes);
  for (const float lane : lanes) total += lane;
  return total;
}

// The values of keys [first, keys()) of a query, wherever they lie, as neighbours in the layout of the cache; the
// missing half of a last pair is zero.
template <class T>
HWY_INLINE void gather_tail(const KvHead& head, const Query& query, int64_t first, T* tail) {
  const int64_t step = kStep<T>, line = head.value_stride * step, keys = query.keys();
  const RowPath& path = *query.path;
  for (int64_t p = first; p < padded(keys, step); ++p) {
    T* to = tail + (p - first) / step * line + p % step;
    if (p >= keys) {
      for (int64_t d = 0; d < head.value_stride; ++d) to[d * step] = 0;
      continue;
    }
    const int64_t slot = p < path.straight ? p : path.branch[p - path.straight];
    const T* from = static_cast<const T*>(head.values) + slot / step * line + slot % step;
    for (int64_t d = 0; d < head.value_stride; ++d) to[d * step] = from[d * step];
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

HWY_INLINE const void* rounded_query(const float* query, int64_t /*head_dim*/, float* /*to*/) { return query; }
HWY_INLINE const void* rounded_query(const float* query, int64_t head_dim, uint16_t* to) {
  int64_t d = 0;
  for (; d + int64_t(kLanes) <= head_dim; d += int64_t(kLanes)) store(load(query + d), to + d);
  for (; d < head_dim; ++d) to[d] = bfloat16_bits(query[d]);
  return to;
}

// Scratch: [kMostQueries] rounded queries and sums, then the tail.
template <class T>
struct Scratch {
  Scratch(char* at, const KvHead& head)
      : queries(reinterpret_cast<T*>(at)),
        sums(reinterpret_cast<float*>(at + kMostQueries * padded(head.head_dim, 16) * 4)),
        tail(reinterpret_cast<T*>(at + kMostQueries * (padded(head.head_dim, 16) + head.value_stride) * 4)) {}
  T* queries;
  float* sums;
  T* tail;
};

// Tiles that no query sees, between the trunk and the branches, are not read.
template <class T>
void score_all(const AttendArgs& args, const Query* queries, int count, int64_t start, T* rounded) {
  const int64_t head_dim = args.head.head_dim, first = start / kKeyTile;
  ScoreArgs scores{};
  scores.head_dim = head_dim;
  int64_t slots = 0, straight = 0, branch = INT64_MAX;
  for (int q = 0; q < count; ++q) {
    slots = HWY_MAX(slots, queries[q].slots());
    straight = HWY_MAX(straight, queries[q].straight_tiles());
    branch = HWY_MIN(branch, queries[q].branch_tile(start));
    scores.queries[q] = rounded_query(queries[q].values, head_dim, rounded + q * padded(head_dim, 16));
  }
  const auto score_tiles = [&](int64_t begin, int64_t end) {
    scores.keys = static_cast<const T*>(args.head.keys) + begin * kKeyTile * head_dim;
    scores.tiles = end - begin;
    for (int q = 0; q < count; ++q) scores.scores[q] = queries[q].scores + begin * kKeyTile;
    args.blocks.score(scores, count);
  };
  const int64_t tiles = (slots + kKeyTile - 1) / kKeyTile;
  const bool has_trunk = first < straight, has_gap = straight < branch && branch < tiles;
  if (has_trunk) score_tiles(first, has_gap ? straight : tiles);
  if (!has_trunk || has_gap) score_tiles(branch, tiles);
}

// The values that the queries need, if nothing has read them yet.
template <class T>
HWY_INLINE Ahead values_ahead(const AttendArgs& args, const Query* queries, int64_t start, bool is_first) {
  const int64_t line = args.head.value_stride * int64_t(sizeof(T)), slots = queries[0].path->straight - start;
  if (!is_first || slots <= 0) return {};
  const char* values = static_cast<const char*>(args.head.values) + start * line;
  return {values, values + HWY_MIN(slots * line, kMostAhead)};
}

struct Turn {
  bool is_first, is_last;
};

template <class T, class R>
void attend_queries(const AttendArgs& args, Query* queries, int count, Turn turn) {
  const KvHead& head = args.head;
  const Scratch<T> scratch(args.scratch, head);
  int64_t start = INT64_MAX, common = INT64_MAX;
  for (int q = 0; q < count; ++q) {
    start = HWY_MIN(start, queries[q].path->first / kKeyTile * kKeyTile);
    common = HWY_MIN(common, queries[q].path->straight);
  }
  score_all<T>(args, queries, count, start, scratch.queries);
  ValueArgs values{};
  values.values = static_cast<const T*>(head.values) + start * head.value_stride;
  values.value_stride = head.value_stride;
  const int64_t tile_bytes = kKeyTile * head.value_stride * int64_t(sizeof(T));
  Ahead wanted = values_ahead<T>(args, queries, start, turn.is_first);
  for (int q = 0; q < count; ++q) {
    queries[q].total = softmax<T>(queries[q], {start, args.softcap}, wanted, tile_bytes / 64 / count + 1);
    values.weights[q] = weights_of<T>(queries[q]) + start;
    values.sums[q] = scratch.sums + q * head.value_stride;
    queries[q].sums = values.sums[q];
    for (int64_t d = 0; d < head.value_stride; ++d) queries[q].sums[d] = 0;
  }
  values.steps = HWY_MAX(common - start, int64_t{0}) / kStep<T>;
  if (turn.is_last) values.ahead = args.ahead;
  args.blocks.add_values(values, count);
  common = start + values.steps * kStep<T>;
  for (int q = 0; q < count; ++q) {  // the heads of a group see the same slots
    if (q == 0 || queries[q].path != queries[q - 1].path) gather_tail<T>(head, queries[q], common, scratch.tail);
    ValueArgs tail{};
    tail.values = scratch.tail;
    tail.value_stride = head.value_stride;
    tail.steps = (queries[q].keys() - common + kStep<T> - 1) / kStep<T>;
    tail.weights[0] = weights_of<T>(queries[q]) + common;
    tail.sums[0] = queries[q].sums;
    args.blocks.add_values(tail, 1);
    finish<R>(head, queries[q]);
  }
}

// T: of the cache; R: of the rows written.
template <class T, class R>
void attend(const AttendArgs& args) {
  const int64_t total = args.rows * args.group, turns = (total + kMostQueries - 1) / kMostQueries;
  for (int64_t turn = 0; turn < turns; ++turn) {
    const int64_t first = total * turn / turns;
    const int count = int(total * (turn + 1) / turns - first);
    Query queries[kMostQueries];
    for (int q = 0; q < count; ++q) {
      const int64_t row = (first + q) / args.group, member = (first + q) % args.group;
      queries[q].values = args.query + row * args.query_stride + member * args.head.head_dim;
      queries[q].path = args.paths + row;
      queries[q].scores = args.scores + q * args.scores_stride;
      queries[q].out = static_cast<R*>(args.out) + row * args.out_stride + member * args.head.head_dim;
    }
    attend_queries<T, R>(args, queries, count, {turn == 0, turn + 1 == turns});
  }
}

void fill_attention(Kernels& kernels) {
  const bool is_float = kernels.cache_bytes == 4;
  kernels.attention = hwy::TargetName(HWY_TARGET);
  kernels.blocks = is_float ? AttentionBlocks{score<float>, add_values<float>}
                            : AttentionBlocks{score<uint16_t>, add_values<uint16_t>};
  kernels.attend = is_float                   ? attend<float, float>
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
