// The two 16-bit floats as bit patterns: bfloat16 (the upper half of a float32) and IEEE binary16.  Rounding is to
// nearest, ties to even.  Licence: Apache-2.0.
#pragma once

#include <bit>
#include <cstdint>

namespace specula {

inline float from_bfloat16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

inline uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40);  // a NaN stays one
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

inline float from_float16(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16, rest = bits & 0x7fffu;
  if (rest >= 0x7c00u) return std::bit_cast<float>(sign | 0x7f800000u | ((rest & 0x3ffu) << 13));  // infinity, NaN
  if (rest >= 0x0400u) return std::bit_cast<float>(sign | ((rest + (112u << 10)) << 13));  // normal: rebias 15 to 127
  const float magnitude = static_cast<float>(rest) * 0x1p-24f;                             // subnormal: exact
  return sign != 0 ? -magnitude : magnitude;
}

}  // namespace specula
