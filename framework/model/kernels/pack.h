// One panel of a linear layer's outputs, brought into the order in which its kernel reads it (the layouts are in
// gemm.h), quantized where the format asks for it.  Licence: Apache-2.0.
#pragma once

#include <span>

#include "framework/model/kernels/kernels.h"

namespace specula {

// rows[c]: output c as float32 [k], zeros behind its inputs; null: an output of zeros.  `scale` [panel] is written for
// int8 and int8 weights.  An output that holds NaN or infinity gets a scale of NaN: what it gives must not look sane.
void pack_panel(const LinearKernel& kernel, std::span<const float* const> rows, int64_t k, void* weights, float* scale);

// The same for rows that the checkpoint already holds in the format (float32, bfloat16): their bits, 4 bytes at a time.
// rows[c]: [words] 4-byte words, not necessarily aligned; null: zeros.
void pack_panel_bits(std::span<const uint8_t* const> rows, int64_t words, void* weights);

}  // namespace specula
