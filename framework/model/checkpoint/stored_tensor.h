// A tensor where a file has it, and what must be read as a whole before a row of it can be given.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "framework/model/checkpoint/packed_ints.h"
#include "framework/model/checkpoint/tensor_file.h"

namespace specula {

struct StoredTensor {
  const TensorFile* file = nullptr;
  const TensorEntry* entry = nullptr;

  int64_t elements_of_row() const;  // a row is an element of the outermost dimension
  int64_t element_bytes() const { return entry->dtype == "F32" || entry->dtype == "I32" ? 4 : 2; }
  bool is_float() const { return entry->dtype == "F32" || entry->dtype == "F16" || entry->dtype == "BF16"; }
  void read_bits(int64_t first_row, int64_t row_count, void* out) const;
  void read_rows(int64_t first_row, int64_t row_count, float* out) const;  // of a float tensor
};

// A matrix of 4-bit integers; what it is made of was checked to fit together.
struct PackedTensor {
  StoredTensor weights, zeros, scales, group_of;  // group_of: no file where inputs follow one another in groups
  int64_t inputs = 0, outputs = 0, group_size = 0;
};

using Matrix = std::shared_ptr<const std::vector<float>>;  // [outputs,inputs]
Matrix read_turned(const StoredTensor& from);              // of a stored [inputs,outputs]
Matrix read_packed(const PackedTensor& from, StoredIntegers kind);

// Such matrices by name.  The last few are kept, since their rows are asked for one after the other, by all threads and
// of the tensors that are fused in turn.
class WholeMatrices {
 public:
  Matrix get(const std::string& name, const std::function<Matrix()>& read);

 private:
  std::mutex mutex_;
  std::list<std::pair<std::string, Matrix>> last_;
};

}  // namespace specula
