// Compiled for each instruction set by Highway and chosen at run time.
#include "framework/decode/top_tokens.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "framework/decode/top_tokens.cpp"
#include <hwy/foreach_target.h>  // NOLINT: includes this file once per target
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace specula {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The first i >= from with x[i] > least, n if there is none.
size_t NextAbove(const float* x, size_t from, size_t n, float least) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto bound = hn::Set(d, least);
  size_t i = from;
  for (; i + 8 * lanes <= n; i += 8 * lanes) {
    const auto pair = [&](size_t at) {
      return hn::Max(hn::LoadU(d, x + i + at * lanes), hn::LoadU(d, x + i + (at + 1) * lanes));
    };
    const auto most = hn::Max(hn::Max(pair(0), pair(2)), hn::Max(pair(4), pair(6)));
    if (!hn::AllFalse(d, hn::Gt(most, bound))) break;
  }
  while (i < n && !(x[i] > least)) ++i;
  return i;
}

}  // namespace HWY_NAMESPACE
}  // namespace specula
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include <algorithm>
#include <limits>
#include <vector>

namespace specula {
HWY_EXPORT(NextAbove);

void top_tokens(std::span<const float> logits, std::span<Token> top) {
  std::fill(top.begin(), top.end(), -1);
  if (top.empty()) return;
  std::vector<float> value(top.size(), -std::numeric_limits<float>::infinity());
  for (size_t i = 0;; ++i) {
    i = HWY_DYNAMIC_DISPATCH(NextAbove)(logits.data(), i, logits.size(), value.back());
    if (i >= logits.size()) return;
    size_t place = top.size() - 1;
    for (; place > 0 && logits[i] > value[place - 1]; --place) {
      value[place] = value[place - 1];
      top[place] = top[place - 1];
    }
    value[place] = logits[i];
    top[place] = static_cast<Token>(i);
  }
}

}  // namespace specula
#endif
