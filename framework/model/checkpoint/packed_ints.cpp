#include "framework/model/checkpoint/packed_ints.h"

#include <array>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int64_t kInWord = 8;
constexpr std::array<int, 8> kPlaceInWord = {0, 4, 1, 5,
                                             2, 6, 3, 7};  // of AWQ's outputs: the inverse of 0 2 4 6 1 3 5 7

int value_at(uint32_t word, int64_t place) { return static_cast<int>(word >> (4 * place)) & 15; }

}  // namespace

std::vector<float> unpack(const PackedInts& packed, StoredIntegers kind) {
  SPECULA_CHECK(kind != StoredIntegers::kNone);
  const int64_t words = packed.outputs / kInWord;
  const bool is_awq = kind == StoredIntegers::kAwq;
  const int less = kind == StoredIntegers::kGptq ? 1 : 0;  // zeros are kept less this
  std::vector<float> out(static_cast<size_t>(packed.outputs * packed.inputs));
  for (int64_t i = 0; i < packed.inputs; ++i) {
    const int64_t group = packed.group_of[static_cast<size_t>(i)];
    for (int64_t o = 0; o < packed.outputs; ++o) {
      const int64_t place = is_awq ? kPlaceInWord[static_cast<size_t>(o % kInWord)] : o % kInWord;
      const int zero = value_at(packed.zeros[static_cast<size_t>(group * words + o / kInWord)], place) + less;
      const int value =
          is_awq ? value_at(packed.weights[static_cast<size_t>(i * words + o / kInWord)], place)
                 : value_at(packed.weights[static_cast<size_t>(i / kInWord * packed.outputs + o)], i % kInWord);
      const float scale = packed.scales[static_cast<size_t>(group * packed.outputs + o)];
      out[static_cast<size_t>(o * packed.inputs + i)] = scale * static_cast<float>(value - zero);
    }
  }
  return out;
}

}  // namespace specula
