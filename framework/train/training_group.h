// Processes that train one model together, each on its share of the rows of every pass.  Gradients are added over
// LibTorch's c10d store (TCPStore) in the order of the ranks, so all processes have the same bits.  (c10d's Gloo needs
// headers that LibTorch does not ship.)  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/core/tensor.h"

namespace specula {

struct GroupPlace {
  int rank = 0, size = 1;
  std::string host;  // of rank 0, which all others call
  int port = 0;
};

// "1/4" and "host:29500" as flags give them.  Throws ConfigError.
GroupPlace parse_group_place(const std::string& rank, const std::string& meet);

class TrainingGroup {
 public:
  explicit TrainingGroup(const GroupPlace& place);  // waits for the others; throws Error
  ~TrainingGroup();
  TrainingGroup(const TrainingGroup&) = delete;
  TrainingGroup& operator=(const TrainingGroup&) = delete;

  int rank() const { return place_.rank; }
  int size() const { return place_.size; }
  // Throws Error where another process says another text: they would not train the same.
  void agree(const std::string& what, const std::string& text);
  // Makes tensors (float32) and numbers their means over all processes.  Throws Error where one does not answer.
  void average(const std::vector<Tensor>& tensors, std::vector<double>& numbers);

 private:
  struct Store;
  std::vector<uint8_t> exchanged(const std::vector<uint8_t>& own, int rank) const;

  GroupPlace place_;
  std::unique_ptr<Store> store_;
  int64_t round_ = 0;
};

}  // namespace specula
