// y = x W^T + b through LibTorch, float32 or bfloat16: plain ATen on any device, or oneDNN with weights that were
// packed once (the operators that Inductor's frozen graphs call; on CPUs that oneDNN has fast kernels for).  The
// yardstick beside the own products, and what the model of LibTorch operators computes with.  Neither is
// batch-invariant. Licence: Apache-2.0.
#pragma once

#include <optional>
#include <vector>

#include "framework/core/tensor.h"

namespace specula {

enum class Library { kAten, kOneDnn };
const char* name_of(Library library);  // "ATen", "oneDNN"

// What multiplies this dtype on this device; ATen always does and comes first.
std::vector<Library> libraries_for(at::ScalarType dtype, at::Device device);

class LibraryLinear {
 public:
  LibraryLinear() = default;
  // weight [out,in]; bias [out] of its dtype, or undefined.  `library` is one of libraries_for().  ATen shares the
  // weight, oneDNN makes a packed copy of it.
  LibraryLinear(Library library, const Tensor& weight, const Tensor& bias);

  Library library() const { return library_; }
  Tensor operator()(const Tensor& x) const;  // [T,in] of the weight's dtype -> [T,out] likewise
  // The same layer of these outputs only, [N] int64 on the weight's device; no value where only a packed copy is held.
  std::optional<LibraryLinear> select(const Tensor& outputs) const;
  int64_t bytes() const { return bytes_; }  // of weight and bias as LibTorch keeps them unpacked

 private:
  Library library_ = Library::kAten;
  Tensor weight_;  // [out,in], or opaque
  Tensor bias_;    // [out]; undefined where there is none
  int64_t bytes_ = 0;
};

}  // namespace specula
