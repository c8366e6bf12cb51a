// Products in bfloat16 while a scope lasts, everything that needs it in float32 (LibTorch's autocast).  Only forward
// passes may run inside: gradients take their numbers from the forward pass.  A scope inside another changes nothing.
// Licence: Apache-2.0.
#pragma once

#include "framework/core/tensor.h"

namespace specula {

bool has_fast_bfloat16();  // whether LibTorch's products are faster so on this CPU

class AutocastScope {
 public:
  AutocastScope(bool is_on, at::DeviceType device);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  bool is_on_;  // by this scope
  at::DeviceType device_;
};

}  // namespace specula
