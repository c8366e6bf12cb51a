// What stands between the two products of a feed-forward block, and the soft cap of logits.
#include "framework/model/kernels/kernels.h"
#include "framework/model/kernels/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/model/kernels/activations.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include "framework/model/kernels/vectors-inl.h"

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {

HWY_INLINE Vec number(float value) { return hn::Set(F(), value); }

// c[0] + c[1] x + ...
template <int kSize>
HWY_INLINE Vec polynomial(const float (&c)[kSize], Vec x) {
  Vec sum = number(c[kSize - 1]);
  for (int i = kSize - 2; i >= 0; --i) sum = hn::MulAdd(sum, x, number(c[i]));
  return sum;
}

// Within 1.1e-7.  Below 1 it is x times a polynomial of x^2, above 1 - exp(-x^2) times one of 1 / (1 + x / 2); both
// were fitted for the least largest error, up to 4, where erf is 1 to the last bit but one.
HWY_INLINE Vec erf(Vec x) {
  constexpr float kBelow[] = {1.12837916f,    -0.37612606f,     0.112834301f,   -0.0268485917f,
                              0.00517975017f, -0.000794236104f, 7.64713184e-05f};
  constexpr float kAbove[] = {0.00182247833f, 0.259700643f, 0.396801971f, -0.0644604507f, 0.636679874f, -0.23080162f};
  const Vec one = number(1.0f), size = hn::Min(hn::Abs(x), number(4.0f)), square = hn::Mul(size, size);
  const Vec below = hn::Mul(size, polynomial(kBelow, square));
  const Vec part = hn::Div(one, hn::MulAdd(size, number(0.5f), one));
  const Vec above = hn::NegMulAdd(hn::Exp(F(), hn::Neg(square)), polynomial(kAbove, part), one);
  return hn::CopySign(hn::IfThenElse(hn::Lt(size, one), below, above), x);
}

// x / (1 + exp(-z))
HWY_INLINE Vec times_sigmoid(Vec x, Vec z) {
  const Vec most = number(88.0f);  // exp(88) is finite
  return hn::Div(x, hn::Add(number(1.0f), hn::Exp(F(), hn::Min(hn::Neg(z), most))));
}

struct Silu {
  static HWY_INLINE Vec of(Vec x) { return times_sigmoid(x, x); }
};
struct Gelu {
  static HWY_INLINE Vec of(Vec x) {
    const Vec half = hn::Mul(x, number(0.5f));
    return hn::MulAdd(half, erf(hn::Mul(x, number(0.70710678f))), half);
  }
};
// (1 + tanh z) / 2 is a sigmoid of 2 z; z = sqrt(2 / pi) (x + 0.044715 x^3) (Hendrycks and Gimpel 2016).
struct GeluTanh {
  static HWY_INLINE Vec of(Vec x) {
    const Vec cubic = hn::MulAdd(hn::Mul(x, x), number(2 * 0.79788456f * 0.044715f), number(2 * 0.79788456f));
    return times_sigmoid(x, hn::Mul(x, cubic));
  }
};
struct Relu {
  static HWY_INLINE Vec of(Vec x) { return hn::IfThenZeroElse(hn::Lt(x, hn::Zero(F())), x); }  // a NaN stays one
};

template <class T, class Act, bool kIsGated>
void activate(const ActivateArgs& args) {
  constexpr int64_t kPanel = 2 * int64_t(kLanes);
  for (int64_t r = 0; r < args.rows; ++r) {
    const Vec weight = number(args.weights == nullptr ? 1.0f : args.weights[r]);
    for (int64_t panel = args.first; panel < args.last; ++panel) {
      const float* from = args.in + r * args.in_stride + (kIsGated ? 2 : 1) * panel * kPanel;
      T* to = static_cast<T*>(args.out) + r * args.out_stride + panel * kPanel;
      for (int64_t i = 0; i < kPanel; i += int64_t(kLanes)) {
        Vec value = Act::of(load(from + i));
        if (kIsGated) value = hn::Mul(value, load(from + kPanel + i));
        store(hn::Mul(value, weight), to + i);
      }
    }
  }
}

HWY_INLINE Vec capped(Vec x, float cap) { return hn::Mul(hn::Tanh(F(), hn::Mul(x, number(1.0f / cap))), number(cap)); }

void softcap(float* x, int64_t n, float cap) {
  int64_t i = 0;
  for (; i + int64_t(kLanes) <= n; i += int64_t(kLanes)) store(capped(load(x + i), cap), x + i);
  float lanes[kLanes] = {};
  for (int64_t j = 0; i + j < n; ++j) lanes[j] = x[i + j];
  store(capped(load(lanes), cap), lanes);
  for (int64_t j = 0; i + j < n; ++j) x[i + j] = lanes[j];
}

template <class T, bool kIsGated>
ActivateFunction function_of(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return activate<T, Silu, kIsGated>;
    case Activation::kGelu:
      return activate<T, Gelu, kIsGated>;
    case Activation::kGeluTanh:
      return activate<T, GeluTanh, kIsGated>;
    case Activation::kRelu:
      return activate<T, Relu, kIsGated>;
  }
  return nullptr;
}

template <class T>
ActivateFunction find_activation(Activation activation, bool is_gated) {
  return is_gated ? function_of<T, true>(activation) : function_of<T, false>(activation);
}

void fill_activations(Kernels& kernels) {
  kernels.activation = kernels.plain_bytes == 2 ? find_activation<uint16_t> : find_activation<float>;
  kernels.softcap = softcap;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace specula {
HWY_EXPORT(fill_activations);
void fill_activation_kernels(Kernels& kernels) { HWY_DYNAMIC_DISPATCH(fill_activations)(kernels); }
}  // namespace specula
#endif
