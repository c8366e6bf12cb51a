#include "framework/train/autocast.h"

#include <ATen/autocast_mode.h>

#include "framework/model/kernels/isa.h"

namespace specula {

bool has_fast_bfloat16() {
  choose_isa();
  return has_isa(Isa::kAvx512Bf16);
}

AutocastScope::AutocastScope(bool is_on, at::DeviceType device)
    : is_on_(is_on && !at::autocast::is_autocast_enabled(device)), device_(device) {
  if (!is_on_) return;
  at::autocast::set_autocast_enabled(device_, true);
  at::autocast::set_autocast_dtype(device_, at::kBFloat16);
}

AutocastScope::~AutocastScope() {
  if (!is_on_) return;
  at::autocast::set_autocast_enabled(device_, false);
  at::autocast::clear_cache();  // of weights as bfloat16: they are about to change
}

}  // namespace specula
