// Norms, rotary embedding, the store of a key and value, quantization: everything of a row that is neither a product
// with weights nor an activation nor attention.
#include "framework/model/kernels/kernels.h"
#include "framework/model/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels/rows.cpp"
#include <hwy/foreach_target.h>

#include "framework/model/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

// The first `count` of a vector's values; what stands behind them is not read: it may be another thread's.
HWY_INLINE Vec load_first(const float* from, int64_t count) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) lanes[i] = from[i];
  return load(lanes);
}

// The sum over n values of what `map` makes of them, kept in 16 lanes on every target and added up in order.
template <class Map>
HWY_INLINE float sum_of(const float* x, int64_t n, Map map) {
  constexpr int kParts = 16 / int(kLanes);
  Vec sums[kParts];
  for (int p = 0; p < kParts; ++p) sums[p] = hn::Zero(F());
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) {
    for (int p = 0; p < kParts; ++p) sums[p] = map(load(x + i + p * int64_t(kLanes)), sums[p]);
  }
  for (int p = 0; p < kParts && i < n; ++p, i += int64_t(kLanes)) {
    const int64_t count = HWY_MIN(n - i, int64_t(kLanes));
    sums[p] = hn::IfThenElse(hn::FirstN(F(), size_t(count)), map(load_first(x + i, count), sums[p]), sums[p]);
  }
  float lanes[16];
  for (int p = 0; p < kParts; ++p) store(sums[p], lanes + p * kLanes);
  float total = 0;
  for (const float lane : lanes) total += lane;
  return total;
}

// out[i] = map(x[i], i) for i < n; nothing is written behind.
template <class T, class Map>
HWY_INLINE void map_row(const float* x, int64_t n, T* out, Map map) {
  int64_t i = 0;
  for (; i + int64_t(kLanes) <= n; i += int64_t(kLanes)) store(map(load(x + i), i), out + i);
  if (i == n) return;
  T lanes[kLanes];
  store(map(load_first(x + i, n - i), i), lanes);
  for (int64_t j = 0; i + j < n; ++j) out[i + j] = lanes[j];
}

template <class T>
HWY_INLINE void rms_norm(const RowNorm& norm, const float* x, int64_t n, T* out) {
  const float squares = sum_of(x, n, [](Vec value, Vec sum) HWY_ATTR { return hn::MulAdd(value, value, sum); });
  const Vec scale = hn::Set(F(), 1.0f / __builtin_sqrtf(squares / float(n) + norm.epsilon));
  map_row(x, n, out,
          [&](Vec value, int64_t i) HWY_ATTR { return hn::Mul(hn::Mul(value, scale), load(norm.weight + i)); });
}

template <class T>
HWY_INLINE void layer_norm(const RowNorm& norm, const float* x, int64_t n, T* out) {
  const float sum = sum_of(x, n, [](Vec value, Vec all) HWY_ATTR { return hn::Add(all, value); });
  const Vec mean = hn::Set(F(), sum / float(n));
  const float squares = sum_of(x, n, [&](Vec value, Vec all) HWY_ATTR {
    const Vec distance = hn::Sub(value, mean);
    return hn::MulAdd(distance, distance, all);
  });
  const Vec scale = hn::Set(F(), 1.0f / __builtin_sqrtf(squares / float(n) + norm.epsilon));
  map_row(x, n, out, [&](Vec value, int64_t i) HWY_ATTR {
    const Vec scaled = hn::Mul(hn::Mul(hn::Sub(value, mean), scale), load(norm.weight + i));
    return norm.bias == nullptr ? scaled : hn::Add(scaled, load(norm.bias + i));
  });
}

template <class T>
void normalise(const RowNorm& norm, const float* x, int64_t n, void* out_bits) {
  T* out = static_cast<T*>(out_bits);
  if (norm.weight == nullptr) return map_row(x, n, out, [](Vec value, int64_t) HWY_ATTR { return value; });
  if (norm.kind == NormKind::kRms) return rms_norm(norm, x, n, out);
  layer_norm(norm, x, n, out);
}

// Dimension i turns with dimension i + turning / 2 (the layout of Hugging Face checkpoints).
void rotate(float* query, int64_t heads, int64_t head_dim, const Rotation& rotation, float scale) {
  const int64_t half = rotation.turning / 2;
  const float *cosine = rotation.at, *sine = cosine + half;
  for (int64_t h = 0; h < heads; ++h, query += head_dim) {
    for (int64_t i = 0; i < half; ++i) {
      const float a = query[i], b = query[i + half];
      query[i] = (a * cosine[i] - b * sine[i]) * scale;
      query[i + half] = (b * cosine[i] + a * sine[i]) * scale;
    }
    for (int64_t i = 2 * half; i < head_dim; ++i) query[i] *= scale;
  }
}

HWY_INLINE void put(float value, float* to) { *to = value; }
HWY_INLINE void put(float value, uint16_t* to) { *to = bfloat16_bits(value); }

template <class T>
void store_kv(const float* key, const float* value, const Rotation& rotation, const KvHead& head, int64_t slot) {
  constexpr int64_t kStep = sizeof(T) == 2 ? 2 : 1;
  const int64_t half = rotation.turning / 2;
  const float *cosine = rotation.at, *sine = cosine + half;
  T* keys = static_cast<T*>(head.keys) + slot / kKeyTile * head.head_dim * kKeyTile + slot % kKeyTile * kStep;
  const auto place = [](int64_t i) { return i / kStep * kKeyTile * kStep + i % kStep; };
  for (int64_t i = 0; i < half; ++i) {
    const float a = key[i], b = key[i + half];
    put(a * cosine[i] - b * sine[i], keys + place(i));
    put(b * cosine[i] + a * sine[i], keys + place(i + half));
  }
  for (int64_t i = 2 * half; i < head.head_dim; ++i) put(key[i], keys + place(i));
  T* values = static_cast<T*>(head.values) + slot / kStep * head.value_stride * kStep + slot % kStep;
  for (int64_t i = 0; i < head.head_dim; ++i) put(value[i], values + i * kStep);
  for (int64_t i = head.head_dim; i < head.value_stride; ++i) put(0.0f, values + i * kStep);
}

// The step is the largest magnitude over 127.  Magnitudes are compared as integers, which orders NaN above infinity
// above every number, so that neither gets lost: such a row has a step of NaN.
void quantize(const float* x, int64_t n, void* out) {
  using I32 = hn::RebindToSigned<F>;
  constexpr int kParts = int(kGroup) / int(kLanes);
  const int64_t k = padded(n, kGroup), whole = n / kGroup * kGroup;
  float last[kGroup] = {};  // the group that is not whole
  for (int64_t i = whole; i < n; ++i) last[i - whole] = x[i];
  auto most = hn::Zero(I32());
  for (int64_t i = 0; i < whole; i += int64_t(kLanes)) most = hn::Max(most, hn::BitCast(I32(), hn::Abs(load(x + i))));
  for (int64_t i = 0; i < kGroup; i += int64_t(kLanes))
    most = hn::Max(most, hn::BitCast(I32(), hn::Abs(load(last + i))));
  int32_t lanes[kLanes];
  hn::StoreU(most, I32(), lanes);
  int32_t highest = 0;
  for (const int32_t lane : lanes) highest = HWY_MAX(highest, lane);
  float largest;
  __builtin_memcpy(&largest, &highest, sizeof largest);
  const bool is_finite = highest < 0x7f800000;
  // Below this the reciprocal of the step would be infinite; such a row is zero.
  const Vec inverse = hn::Set(F(), is_finite && largest > 1e-35f ? 127.0f / largest : 0.0f);
  auto* values = static_cast<int8_t*>(out);
  RowScale scale{is_finite ? largest / 127.0f : __builtin_nanf(""), 0};
  char* sums = static_cast<char*>(out) + k + sizeof(RowScale);
  for (int64_t i = 0; i < k; i += kGroup) {
    const float* group = i < whole ? x + i : last;
    auto sum = hn::Zero(I32());
    for (int p = 0; p < kParts; ++p) {
      const int64_t at = p * int64_t(kLanes);
      const Vec scaled = is_finite ? hn::Mul(load(group + at), inverse) : hn::Zero(F());
      const auto rounded = hn::NearestInt(scaled);
      hn::StoreU(hn::DemoteTo(hn::Rebind<int8_t, F>(), rounded), hn::Rebind<int8_t, F>(), values + i + at);
      sum = hn::Add(sum, rounded);
    }
    hn::StoreU(sum, I32(), lanes);
    int32_t total = 0;
    for (const int32_t lane : lanes) total += lane;
    __builtin_memcpy(sums + i / kGroup * int64_t(sizeof total), &total, sizeof total);
    scale.total += total;
  }
  __builtin_memcpy(values + k, &scale, sizeof scale);
}

void fill_rows(Kernels& kernels) {
  kernels.target = hwy::TargetName(HWY_TARGET);
  kernels.norm = kernels.plain_bytes == 2 ? normalise<uint16_t> : normalise<float>;
  kernels.float_norm = normalise<float>;
  kernels.rotate = rotate;
  kernels.store = kernels.cache_bytes == 2 ? store_kv<uint16_t> : store_kv<float>;
  kernels.quantize = kernels.layer.rows == RowFormat::kQuantized ? quantize : nullptr;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(fill_rows);
void fill_row_kernels(Kernels& kernels) { HWY_DYNAMIC_DISPATCH(fill_rows)(kernels); }
}  // namespace specula
#endif
