// The two orders in which a head's rotated pairs are stored.  Hugging Face turns value j with value j + half;
// llama.cpp's files of the llama architecture and llama2.c turn neighbours, 2j with 2j + 1.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

#include "framework/convert/converted_model.h"

namespace specula {

struct RowOrder {
  int64_t head_dim = 0;  // of rows that are stored for the rotation of neighbours; 0: rows are taken as they are
};

// Where output `row` of a query or key projection in halves lies in one of neighbours.
inline int64_t neighbour_row(int64_t row, int64_t head_dim) {
  const int64_t head = row / head_dim, inside = row % head_dim, half = head_dim / 2;
  return head * head_dim + 2 * (inside % half) + inside / half;
}

// A projection [out, in], or its bias [out], read from neighbours in the order of halves.
inline ReadRows in_halves(const ReadRows& neighbours, const std::vector<int64_t>& shape, int64_t head_dim) {
  const int64_t size = shape.back();
  if (shape.size() == 1) {
    return [=](int64_t first, int64_t count, float* out) {
      std::vector<float> whole(static_cast<size_t>(size * count));
      neighbours(first, count, whole.data());
      for (int64_t i = 0; i < size * count; ++i) out[i] = whole[static_cast<size_t>(neighbour_row(i, head_dim))];
    };
  }
  return [=](int64_t first, int64_t count, float* out) {
    for (int64_t i = 0; i < count; ++i) neighbours(neighbour_row(first + i, head_dim), 1, out + i * size);
  };
}

}  // namespace specula
