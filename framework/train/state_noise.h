// Noise on the target's states, so that a head which learned on exact ones is not lost on its own, which are not
// (EAGLE, Li et al. 2024, training: U(-0.1, 0.1)).  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/keyring.h"
#include "framework/core/tensor.h"

namespace specula {

// Each of `states` [B,n,H] with numbers of U(-width, width) added.  What text b gets is keyed by first + b, its place,
// its site and its number alone (Batch::first).
std::vector<Tensor> with_noise(const std::vector<Tensor>& states, double width, const Keyring& keys, int64_t first);

}  // namespace specula
