// Weights that others quantized to 4 bits, as their safetensors hold them.  Both keep a matrix of [inputs,outputs] with
// eight weights in an int32, a scale and a zero for each group of inputs:
//   GPTQ (Frantar et al. 2022): qweight [inputs / 8, outputs], eight inputs of an output in a word; qzeros [groups,
//     outputs / 8], less one but in "gptq_v2"; scales [groups,outputs]; g_idx [inputs], the group of each input
//   AWQ (Lin et al. 2023), "gemm": qweight [inputs, outputs / 8] and qzeros [groups, outputs / 8], eight outputs in a
//     word in the order 0 2 4 6 1 3 5 7; scales [groups,outputs]
// A weight is scale * (value - zero).  Here they are read as float32, and kept in the format that was asked for.
// Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/model/architecture/decoder_config.h"

namespace specula {

// One matrix, as the file has it.
struct PackedInts {
  int64_t inputs = 0, outputs = 0, groups = 0;
  std::vector<uint32_t> weights, zeros;  // of the shapes above
  std::vector<float> scales;             // [groups,outputs]
  std::vector<int32_t> group_of;         // [inputs], each in [0, groups)
};

// [outputs,inputs]
std::vector<float> unpack(const PackedInts& packed, StoredIntegers kind);

}  // namespace specula
