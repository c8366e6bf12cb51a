#include "framework/model/kernels/pack.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "framework/model/checkpoint/float16.h"

namespace specula {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

// To the nearest integer, ties to even, for |x| < 2^22: the sum keeps no bits behind the point.
float rounded(float x) { return (x + 0x1.8p23f) - 0x1.8p23f; }

// The largest magnitude of n values; NaN where one of them is not finite.
float largest_of(const float* x, int64_t n) {
  uint32_t most = 0;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu);
  return most < 0x7f800000u ? std::bit_cast<float>(most) : kNaN;
}

// Calls put(i, value) with the row as steps of the scale that is returned.
template <class Put>
float quantize_row(const float* row, int64_t k, Put put) {
  const float largest = largest_of(row, k), inverse = largest > 1e-35f ? 127.0f / largest : 0.0f;
  for (int64_t i = 0; i < k; ++i) put(i, static_cast<int>(inverse == 0.0f ? 0.0f : rounded(row[i] * inverse)));
  return largest / 127.0f;
}

void pack_int8(std::span<const float* const> rows, int64_t k, uint8_t* to, float* scale) {
  const auto panel = static_cast<int64_t>(rows.size());
  std::memset(to, 128, static_cast<size_t>(panel * k));
  for (int64_t c = 0; c < panel; ++c) {
    scale[c] = 0;
    if (rows[static_cast<size_t>(c)] == nullptr) continue;
    scale[c] = quantize_row(rows[static_cast<size_t>(c)], k, [&](int64_t i, int value) {
      to[(i / 4 * panel + c) * 4 + i % 4] = static_cast<uint8_t>(value + 128);
    });
  }
}

void pack_int8_weights(std::span<const float* const> rows, int64_t k, int8_t* to, float* scale) {
  const auto panel = static_cast<int64_t>(rows.size());
  std::memset(to, 0, static_cast<size_t>(panel * k));
  for (int64_t c = 0; c < panel; ++c) {
    scale[c] = 0;
    if (rows[static_cast<size_t>(c)] == nullptr) continue;
    scale[c] = quantize_row(rows[static_cast<size_t>(c)], k,
                            [&](int64_t i, int value) { to[i * panel + c] = static_cast<int8_t>(value); });
  }
}

// A group in steps of `step`, -8 to 7; returns the squared error.
float quantize_group(const float* x, float step, int8_t* out) {
  const float inverse = 1.0f / step;
  float error = 0;
  for (int64_t i = 0; i < kGroup; ++i) {
    const float value = std::min(std::max(rounded(x[i] * inverse), -8.0f), 7.0f);
    out[i] = static_cast<int8_t>(value);
    error += (x[i] - value * step) * (x[i] - value * step);
  }
  return error;
}

// Sixteen steps are not symmetric: the value of largest magnitude may become -8, with a step of the other sign, or 7.
// The step that leaves the least squared error is taken, of these and some that cut the largest value off a little.
uint16_t choose_step(const float* x, int8_t* out) {
  const float largest = largest_of(x, kGroup);
  std::fill_n(out, kGroup, int8_t{0});
  if (!(largest > 1e-30f)) return to_bfloat16(std::isnan(largest) ? kNaN : 0.0f);
  const bool is_positive = std::any_of(x, x + kGroup, [&](float value) { return value == largest; });
  const float extreme = is_positive ? largest : -largest;
  float least = std::numeric_limits<float>::infinity();
  uint16_t best = 0;
  for (const float levels : {-8.0f, -8.6f, 7.0f, 7.6f}) {
    const uint16_t step = to_bfloat16(extreme / levels);
    int8_t values[kGroup];
    const float error = quantize_group(x, from_bfloat16(step), values);
    if (error >= least) continue;
    least = error;
    best = step;
    std::copy_n(values, kGroup, out);
  }
  return best;
}

void pack_int4(std::span<const float* const> rows, int64_t k, uint8_t* to) {
  const auto panel = static_cast<int64_t>(rows.size());
  for (int64_t c = 0; c < panel; ++c) {
    for (int64_t g = 0; g < k / kGroup; ++g) {
      uint8_t* group = to + g * panel * kInt4GroupBytes;
      int8_t values[kGroup] = {};
      const float* row = rows[static_cast<size_t>(c)];
      const uint16_t step = row == nullptr ? uint16_t{0} : choose_step(row + g * kGroup, values);
      std::memcpy(group + 2 * c, &step, sizeof step);
      for (int64_t s = 0; s < 4; ++s) {
        for (int64_t b = 0; b < 4; ++b) {
          const int low = values[8 * s + b] + 8, high = values[8 * s + 4 + b] + 8;
          group[2 * panel + (s * panel + c) * 4 + b] = static_cast<uint8_t>(low | (high << 4));
        }
      }
    }
  }
}

using FourWords = uint32_t __attribute__((vector_size(16)));

// Word j of row c goes to line j, place c; a line is `panel` words.
void transpose_square(const uint8_t* const (&rows)[4], int64_t offset, uint32_t* to, int64_t panel) {
  FourWords row[4];
  for (int c = 0; c < 4; ++c) std::memcpy(&row[c], rows[c] + offset, sizeof row[c]);
  const FourWords low01 = __builtin_shufflevector(row[0], row[1], 0, 4, 1, 5),
                  low23 = __builtin_shufflevector(row[2], row[3], 0, 4, 1, 5),
                  high01 = __builtin_shufflevector(row[0], row[1], 2, 6, 3, 7),
                  high23 = __builtin_shufflevector(row[2], row[3], 2, 6, 3, 7);
  const FourWords line[4] = {
      __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
      __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (int j = 0; j < 4; ++j) std::memcpy(to + j * panel, &line[j], sizeof line[j]);
}

}  // namespace

void pack_panel(const LinearKernel& kernel, std::span<const float* const> rows, int64_t k, void* weights,
                float* scale) {
  const auto panel = static_cast<int64_t>(rows.size());
  const auto value = [&](int64_t c, int64_t i) {
    return rows[static_cast<size_t>(c)] == nullptr ? 0.0f : rows[static_cast<size_t>(c)][i];
  };
  switch (kernel.format) {
    case Dtype::kFloat32:
      for (int64_t i = 0; i < k; ++i) {
        for (int64_t c = 0; c < panel; ++c) static_cast<float*>(weights)[i * panel + c] = value(c, i);
      }
      break;
    case Dtype::kBfloat16:
      for (int64_t i = 0; i < k; ++i) {
        for (int64_t c = 0; c < panel; ++c)
          static_cast<uint16_t*>(weights)[(i / 2 * panel + c) * 2 + i % 2] = to_bfloat16(value(c, i));
      }
      break;
    case Dtype::kInt8:
      pack_int8(rows, k, static_cast<uint8_t*>(weights), scale);
      break;
    case Dtype::kInt8Weights:
      pack_int8_weights(rows, k, static_cast<int8_t*>(weights), scale);
      break;
    case Dtype::kInt4:
      pack_int4(rows, k, static_cast<uint8_t*>(weights));
      break;
  }
}

// Four words of four rows become four words of four lines at a time; a cache line of every row is finished before the
// next, so that the lines of the panel stay in the first cache until they are full.
void pack_panel_bits(std::span<const uint8_t* const> rows, int64_t words, void* weights) {
  constexpr int64_t kLine = 16, kSquare = 4;
  const auto panel = static_cast<int64_t>(rows.size());
  const std::vector<uint8_t> zeros(static_cast<size_t>(4 * words));
  auto* to = static_cast<uint32_t*>(weights);
  const auto row = [&](int64_t c) {
    const uint8_t* bits = rows[static_cast<size_t>(c)];
    return bits == nullptr ? zeros.data() : bits;
  };
  int64_t done = 0;
  for (; panel % kSquare == 0 && done + kLine <= words; done += kLine) {
    for (int64_t c = 0; c < panel; c += kSquare) {
      const uint8_t* const from[kSquare] = {row(c), row(c + 1), row(c + 2), row(c + 3)};
      for (int64_t i = done; i < done + kLine; i += kSquare) transpose_square(from, 4 * i, to + i * panel + c, panel);
    }
  }
  for (int64_t c = 0; c < panel; ++c) {
    for (int64_t i = done; i < words; ++i) std::memcpy(to + i * panel + c, row(c) + 4 * i, sizeof *to);
  }
}

}  // namespace specula
