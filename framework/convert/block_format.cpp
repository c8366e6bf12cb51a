#include "framework/convert/block_format.h"

#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <vector>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"

namespace specula {
namespace {

constexpr int kSuper = 256;  // values of a "K" block

uint16_t read_u16(const uint8_t* at) { return static_cast<uint16_t>(at[0] | at[1] << 8); }
float read_half(const uint8_t* at) { return from_float16(read_u16(at)); }
float read_float(const uint8_t* at) {
  return std::bit_cast<float>(static_cast<uint32_t>(read_u16(at)) | static_cast<uint32_t>(read_u16(at + 2)) << 16);
}
float low_nibble(uint8_t byte) { return static_cast<float>(byte & 15); }
float high_nibble(uint8_t byte) { return static_cast<float>(byte >> 4); }

void decode_f32(const uint8_t* block, float* out) { *out = read_float(block); }
void decode_f16(const uint8_t* block, float* out) { *out = read_half(block); }
void decode_bf16(const uint8_t* block, float* out) { *out = from_bfloat16(read_u16(block)); }

// Blocks of 32: the low nibbles are the first 16 values, the high ones the rest.
void decode_q4_0(const uint8_t* block, float* out) {
  const float scale = read_half(block);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * (low_nibble(block[2 + i]) - 8);
    out[i + 16] = scale * (high_nibble(block[2 + i]) - 8);
  }
}

void decode_q4_1(const uint8_t* block, float* out) {
  const float scale = read_half(block), least = read_half(block + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * low_nibble(block[4 + i]) + least;
    out[i + 16] = scale * high_nibble(block[4 + i]) + least;
  }
}

// The fifth bits of 32 values, one bit each.
float fifth(const uint8_t* bits, int i) { return static_cast<float>((bits[i / 8] >> (i % 8) & 1) << 4); }

void decode_q5_0(const uint8_t* block, float* out) {
  const float scale = read_half(block);
  const uint8_t *bits = block + 2, *nibbles = block + 6;
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * (low_nibble(nibbles[i]) + fifth(bits, i) - 16);
    out[i + 16] = scale * (high_nibble(nibbles[i]) + fifth(bits, i + 16) - 16);
  }
}

void decode_q5_1(const uint8_t* block, float* out) {
  const float scale = read_half(block), least = read_half(block + 2);
  const uint8_t *bits = block + 4, *nibbles = block + 8;
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * (low_nibble(nibbles[i]) + fifth(bits, i)) + least;
    out[i + 16] = scale * (high_nibble(nibbles[i]) + fifth(bits, i + 16)) + least;
  }
}

void decode_q8_0(const uint8_t* block, float* out) {
  const float scale = read_half(block);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(block[2 + i])) * scale;
}

// In 2- and 3-bit blocks, 32 bytes hold four rows of 32 values: row r in bits 2r and 2r + 1.
int two_bits(const uint8_t* quants, int i) { return quants[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3; }

void decode_q2_k(const uint8_t* block, float* out) {
  const uint8_t *scales = block, *quants = block + 16;
  const float scale = read_half(block + 80), least = read_half(block + 82);
  for (int i = 0; i < kSuper; ++i) {
    const float step = scale * low_nibble(scales[i / 16]), offset = least * high_nibble(scales[i / 16]);
    out[i] = step * static_cast<float>(two_bits(quants, i)) - offset;
  }
}

// Six-bit scales of 16 sub-blocks: four low bits in nibbles of bytes 0-7, two high bits in bytes 8-11.
float q3_scale(const uint8_t* packed, int sub) {
  const int low = packed[sub % 8] >> (sub / 8 * 4) & 15, high = packed[8 + sub % 4] >> (sub / 4 * 2) & 3;
  return static_cast<float>((low | high << 4) - 32);
}

void decode_q3_k(const uint8_t* block, float* out) {
  const uint8_t *mask = block, *quants = block + 32, *scales = block + 96;
  const float scale = read_half(block + 108);
  for (int i = 0; i < kSuper; ++i) {
    const int borrow = (mask[i % 32] >> (i / 32) & 1) == 0 ? 4 : 0;  // a set bit means that nothing is taken off
    out[i] = scale * q3_scale(scales, i / 16) * static_cast<float>(two_bits(quants, i) - borrow);
  }
}

// Six-bit scales and minima of 8 sub-blocks in 12 bytes: those of the first four lie in the low bits of bytes 0-3 and
// 4-7, whose two high bits are the upper ones of the last four; their lower four are the nibbles of bytes 8-11.
struct ScaleAndLeast {
  float scale, least;
};
ScaleAndLeast q4_scale(const uint8_t* packed, int sub) {
  if (sub < 4) return {static_cast<float>(packed[sub] & 63), static_cast<float>(packed[sub + 4] & 63)};
  const uint8_t low = packed[sub + 4];
  return {static_cast<float>((low & 15) | (packed[sub - 4] >> 6) << 4),
          static_cast<float>(low >> 4 | (packed[sub] >> 6) << 4)};
}

// 32 bytes hold two sub-blocks of 32: the low nibbles and the high ones.  `fifths`: null, or one bit for each value.
void decode_q45_k(const uint8_t* block, const uint8_t* fifths, const uint8_t* nibbles, float* out) {
  const float scale = read_half(block), least = read_half(block + 2);
  for (int sub = 0; sub < 8; ++sub) {
    const ScaleAndLeast six_bits = q4_scale(block + 4, sub);
    const float step = scale * six_bits.scale, offset = least * six_bits.least;
    for (int i = 0; i < 32; ++i) {
      const uint8_t pair = nibbles[sub / 2 * 32 + i];
      float quant = sub % 2 == 0 ? low_nibble(pair) : high_nibble(pair);
      if (fifths != nullptr) quant += static_cast<float>((fifths[i] >> sub & 1) << 4);
      out[sub * 32 + i] = step * quant - offset;
    }
  }
}
void decode_q4_k(const uint8_t* block, float* out) { decode_q45_k(block, nullptr, block + 16, out); }
void decode_q5_k(const uint8_t* block, float* out) { decode_q45_k(block, block + 16, block + 48, out); }

// Halves of 128 values: 64 bytes of nibbles (low ones first), 32 bytes with the two upper bits of four rows of 32.
void decode_q6_k(const uint8_t* block, float* out) {
  const uint8_t *nibbles = block, *uppers = block + 128, *scales = block + 192;
  const float scale = read_half(block + 208);
  for (int i = 0; i < kSuper; ++i) {
    const int half = i / 128, row = i % 128 / 32, column = i % 32;
    const uint8_t pair = nibbles[half * 64 + row % 2 * 32 + column];
    const int lower = row < 2 ? pair & 15 : pair >> 4, upper = uppers[half * 32 + column] >> (2 * row) & 3;
    const auto step = static_cast<float>(static_cast<int8_t>(scales[i / 16]));
    out[i] = scale * step * static_cast<float>((lower | upper << 4) - 32);
  }
}

constexpr std::array<BlockFormat, 13> kFormats = {{
    {0, "F32", 1, 4, decode_f32},
    {1, "F16", 1, 2, decode_f16},
    {2, "Q4_0", 32, 18, decode_q4_0},
    {3, "Q4_1", 32, 20, decode_q4_1},
    {6, "Q5_0", 32, 22, decode_q5_0},
    {7, "Q5_1", 32, 24, decode_q5_1},
    {8, "Q8_0", 32, 34, decode_q8_0},
    {10, "Q2_K", kSuper, 84, decode_q2_k},
    {11, "Q3_K", kSuper, 110, decode_q3_k},
    {12, "Q4_K", kSuper, 144, decode_q4_k},
    {13, "Q5_K", kSuper, 176, decode_q5_k},
    {14, "Q6_K", kSuper, 210, decode_q6_k},
    {30, "BF16", 1, 2, decode_bf16},
}};

// Known by name only, so that an error can say which one a file has.
const std::map<uint32_t, const char*> kOthers = {
    {16, "IQ2_XXS"}, {17, "IQ2_XS"}, {18, "IQ3_XXS"}, {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"},
    {22, "IQ2_S"},   {23, "IQ4_XS"}, {24, "I8"},      {25, "I16"},   {26, "I32"},    {27, "I64"},
    {28, "F64"},     {29, "IQ1_M"},  {34, "TQ1_0"},   {35, "TQ2_0"}, {39, "MXFP4"}};

}  // namespace

std::span<const BlockFormat> block_formats() { return kFormats; }
const BlockFormat& float32_format() { return kFormats.front(); }

const BlockFormat& block_format(uint32_t id, const std::string& place) {
  std::vector<std::string> valid;
  for (const BlockFormat& format : kFormats) {
    if (format.id == id) return format;
    valid.emplace_back(format.name);
  }
  const auto other = kOthers.find(id);
  throw Error(cat(place, ": number format ", other == kOthers.end() ? "unknown" : other->second, " (id ", id,
                  ") cannot be read; valid: ", join(valid)));
}

}  // namespace specula
