// The bookkeeping of one sequence of a KvCache, apart from where keys and values lie: how many slots are committed, and
// what the tentative ones behind them hang under.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace specula {

class SlotBook {
 public:
  int64_t committed() const { return committed_; }
  int tentative() const { return static_cast<int>(parent_.size()); }
  int64_t used() const { return committed_ + tentative(); }
  int parent(int slot) const { return parent_[static_cast<size_t>(slot)]; }
  int depth(int slot) const { return depth_[static_cast<size_t>(slot)]; }  // 0 follows the committed text

  int add(int parent);  // a tentative slot; returns its number among the tentative ones
  // Throws std::logic_error unless `slots` lead from the committed text down the tree: keys carry their position, so
  // nothing else can be kept.
  void check_path(std::span<const int> slots) const;
  void commit(int64_t count);   // the path's keys and values lie in the next `count` slots
  void truncate(int64_t size);  // throws std::logic_error

 private:
  int64_t committed_ = 0;
  std::vector<int> parent_, depth_;  // of tentative slots
};

}  // namespace specula
