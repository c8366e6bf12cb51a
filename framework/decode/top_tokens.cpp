#include "framework/decode/top_tokens.h"

#include <algorithm>
#include <limits>
#include <vector>

namespace specula {
namespace {

constexpr size_t kBlock = 64, kLanes = 16;

// Element-wise maxima of lanes: a loop that compilers turn into vector instructions without -ffast-math.
float largest_of_block(const float* x) {
  float lane[kLanes];
  std::copy_n(x, kLanes, lane);
  for (size_t i = kLanes; i < kBlock; i += kLanes) {
    for (size_t j = 0; j < kLanes; ++j) lane[j] = x[i + j] > lane[j] ? x[i + j] : lane[j];
  }
  for (size_t step = kLanes / 2; step > 0; step /= 2) {
    for (size_t j = 0; j < step; ++j) lane[j] = lane[j + step] > lane[j] ? lane[j + step] : lane[j];
  }
  return lane[0];
}

}  // namespace

void top_tokens(std::span<const float> logits, std::span<Token> top) {
  std::fill(top.begin(), top.end(), -1);
  if (top.empty()) return;
  constexpr float kNothing = -std::numeric_limits<float>::infinity();
  std::vector<float> value(top.size(), kNothing);
  const auto scan = [&](size_t from, size_t to) {
    for (size_t i = from; i < to; ++i) {
      if (!(logits[i] > value.back())) continue;
      size_t place = top.size() - 1;
      for (; place > 0 && logits[i] > value[place - 1]; --place) {
        value[place] = value[place - 1];
        top[place] = top[place - 1];
      }
      value[place] = logits[i];
      top[place] = static_cast<Token>(i);
    }
  };
  size_t i = 0;
  for (; i + kBlock <= logits.size(); i += kBlock) {
    if (largest_of_block(&logits[i]) > value.back()) scan(i, i + kBlock);
  }
  scan(i, logits.size());
}

}  // namespace specula
