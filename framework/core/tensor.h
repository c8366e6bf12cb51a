// LibTorch's Tensor and nothing more (1.8 s a file; <torch/torch.h> costs 19 s), and the shape check that public
// functions open with: Dims d; d.check(logits, "logits", "B R V"); d.check(parent, "parent", "B R");  A letter is bound
// at first use. Licence: Apache-2.0.
#pragma once

#include <ATen/core/Tensor.h>

#include "framework/core/error.h"

namespace specula {

using at::Tensor;

class Dims {
 public:
  // Throws std::logic_error "logits: expected [R V] with R=5, got [2, 4]" when the shape does not fit.
  void check(const Tensor& tensor, const char* name, const char* shape);
  int64_t operator[](char letter) const { return bound_[static_cast<unsigned char>(letter) & 127] - 1; }

 private:
  int64_t bound_[128] = {};  // 0: not bound; sizes are stored plus one
};

inline void Dims::check(const Tensor& tensor, const char* name, const char* shape) {
  int64_t axis = 0;
  bool fits = true;
  for (const char* c = shape; *c != '\0'; ++c) {
    if (*c == ' ') continue;
    if (axis >= tensor.dim()) {
      fits = false;
      break;
    }
    int64_t& slot = bound_[static_cast<unsigned char>(*c) & 127];
    const int64_t size = *c >= '0' && *c <= '9' ? *c - '0' : slot - 1;
    if (size < 0) slot = tensor.size(axis) + 1;
    if (size >= 0 && size != tensor.size(axis)) fits = false;
    ++axis;
  }
  if (fits && axis == tensor.dim()) return;
  std::string with;
  for (const char* c = shape; *c != '\0'; ++c) {
    const int64_t slot = bound_[static_cast<unsigned char>(*c) & 127];
    if (*c != ' ' && slot > 0) with += cat(with.empty() ? " with " : ", ", *c, "=", slot - 1);
  }
  std::string got;
  for (const int64_t size : tensor.sizes()) got += cat(got.empty() ? "" : ", ", size);
  throw std::logic_error(cat(name, ": expected [", shape, "]", with, ", got [", got, "]"));
}

}  // namespace specula
