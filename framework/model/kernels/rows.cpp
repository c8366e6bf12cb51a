// RMSNorm, rotary embedding, SwiGLU, the store of a key and value, quantization: everything of a row that is neither a
// product with weights nor attention.
#include "framework/model/kernels/kernels.h"
#include "framework/model/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels/rows.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include "framework/model/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

// The sum of squares is kept in 16 lanes on every target and added up in order.
template <class T>
void rms_norm(const float* x, const float* weight, int64_t n, float epsilon, void* out_bits) {
  T* out = static_cast<T*>(out_bits);
  constexpr int kParts = 16 / int(kLanes);
  Vec squares[kParts];
  for (int p = 0; p < kParts; ++p) squares[p] = hn::Zero(F());
  for (int64_t i = 0; i < n; i += 16) {
    for (int p = 0; p < kParts; ++p) {
      const Vec value = load(x + i + p * int64_t(kLanes));
      squares[p] = hn::MulAdd(value, value, squares[p]);
    }
  }
  float lanes[16];
  for (int p = 0; p < kParts; ++p) store(squares[p], lanes + p * kLanes);
  float total = 0;
  for (const float lane : lanes) total += lane;
  const Vec scale = hn::Set(F(), 1.0f / __builtin_sqrtf(total / float(n) + epsilon));
  for (int64_t i = 0; i < n; i += int64_t(kLanes))
    store(hn::Mul(hn::Mul(load(x + i), scale), load(weight + i)), out + i);
}

template <class T>
void swiglu(const float* gate_up, int64_t stride, int64_t rows, int64_t first, int64_t last, void* out,
            int64_t out_stride) {
  constexpr int64_t kPanel = 2 * int64_t(kLanes);
  const Vec one = hn::Set(F(), 1.0f), most = hn::Set(F(), 88.0f);  // exp(88) is finite
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t pair = first; pair < last; ++pair) {
      const float* from = gate_up + r * stride + 2 * pair * kPanel;
      T* to = static_cast<T*>(out) + r * out_stride + pair * kPanel;
      for (int64_t i = 0; i < kPanel; i += int64_t(kLanes)) {
        const Vec gate = load(from + i), up = load(from + kPanel + i);
        const Vec below = hn::Add(one, hn::Exp(F(), hn::Min(hn::Neg(gate), most)));
        store(hn::Mul(hn::Div(gate, below), up), to + i);
      }
    }
  }
}

// Dimension i turns with dimension i + head_dim / 2 (the layout of Hugging Face checkpoints).
void rotate(float* query, int64_t heads, int64_t head_dim, const float* rotation, float scale) {
  const int64_t half = head_dim / 2;
  const float *cosine = rotation, *sine = rotation + half;
  for (int64_t h = 0; h < heads; ++h, query += head_dim) {
    for (int64_t i = 0; i < half; ++i) {
      const float a = query[i], b = query[i + half];
      query[i] = (a * cosine[i] - b * sine[i]) * scale;
      query[i + half] = (b * cosine[i] + a * sine[i]) * scale;
    }
  }
}

HWY_INLINE void put(float value, float* to) { *to = value; }
HWY_INLINE void put(float value, uint16_t* to) { *to = bfloat16_bits(value); }

template <class T>
void store_kv(const float* key, const float* value, const float* rotation, const KvHead& head, int64_t slot) {
  constexpr int64_t kStep = sizeof(T) == 2 ? 2 : 1;
  const int64_t half = head.head_dim / 2;
  const float *cosine = rotation, *sine = rotation + half;
  T* keys = static_cast<T*>(head.keys) + slot / kKeyTile * head.head_dim * kKeyTile + slot % kKeyTile * kStep;
  const auto place = [](int64_t i) { return i / kStep * kKeyTile * kStep + i % kStep; };
  for (int64_t i = 0; i < half; ++i) {
    const float a = key[i], b = key[i + half];
    put(a * cosine[i] - b * sine[i], keys + place(i));
    put(b * cosine[i] + a * sine[i], keys + place(i + half));
  }
  T* values = static_cast<T*>(head.values) + slot / kStep * head.value_stride * kStep + slot % kStep;
  for (int64_t i = 0; i < head.head_dim; ++i) put(value[i], values + i * kStep);
  for (int64_t i = head.head_dim; i < head.value_stride; ++i) put(0.0f, values + i * kStep);
}

// The step is the largest magnitude over 127.  Magnitudes are compared as integers, which orders NaN above infinity
// above every number, so that neither gets lost: such a row has a step of NaN.
void quantize(const float* x, int64_t n, void* out) {
  using I32 = hn::RebindToSigned<F>;
  constexpr int kParts = int(kGroup) / int(kLanes);
  const int64_t k = padded(n, kGroup);
  auto most = hn::Zero(I32());
  for (int64_t i = 0; i < k; i += int64_t(kLanes)) most = hn::Max(most, hn::BitCast(I32(), hn::Abs(load(x + i))));
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
    auto sum = hn::Zero(I32());
    for (int p = 0; p < kParts; ++p) {
      const int64_t at = i + p * int64_t(kLanes);
      const Vec scaled = is_finite ? hn::Mul(load(x + at), inverse) : hn::Zero(F());
      const auto rounded = hn::NearestInt(scaled);
      hn::StoreU(hn::DemoteTo(hn::Rebind<int8_t, F>(), rounded), hn::Rebind<int8_t, F>(), values + at);
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
  const bool is_half = kernels.plain_bytes == 2;
  kernels.target = hwy::TargetName(HWY_TARGET);
  kernels.rms_norm = is_half ? rms_norm<uint16_t> : rms_norm<float>;
  kernels.float_norm = rms_norm<float>;
  kernels.swiglu = is_half ? swiglu<uint16_t> : swiglu<float>;
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
