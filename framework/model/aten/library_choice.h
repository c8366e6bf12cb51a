// Which of LibTorch's products a model of LibTorch operators uses: for each shape of its matrices the one that is
// faster on this machine, found out with the first matrix of that shape.  The own engine does not choose like this: its
// implementations differ in their last bits, and a run must decode the same text after a resume.  LibTorch's products
// give no such promise in the first place (aten_model.h).  Licence: Apache-2.0.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "framework/model/aten/library_linear.h"

namespace specula {

// Seconds of a product over one row, as decoding has them, and over 64, as a prompt has.
struct LibraryTimes {
  double one_row = 0, many_rows = 0;
};
// Whether `other` is worth leaving plain ATen: ten per cent in the geometric mean of the two.
bool is_faster(const LibraryTimes& other, const LibraryTimes& aten);

class LibraryChoice {
 public:
  // weight [out,in]; bias [out] or undefined.  Measures if the shape is new and there is a choice.
  LibraryLinear make(const Tensor& weight, const Tensor& bias);
  std::string text() const;  // "" where all are ATen's, "oneDNN", "oneDNN for 3 of 5 shapes"

 private:
  std::map<std::pair<int64_t, int64_t>, Library> chosen_;
};

}  // namespace specula
