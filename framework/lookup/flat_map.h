// A hash map from 64-bit keys to small values for indexes that grow by some tokens a round: one array, linear probing,
// at most 5/8 full, so that a look-up is one or two cache lines and nothing is allocated for an entry.  The key ~0 is
// taken (it marks empty cells).  A cell of an int32 value is 16 bytes: 26 to 51 bytes an entry.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "framework/core/error.h"

namespace specula {

// A bijection of 64-bit numbers whose output bits depend on all input bits (the finaliser of MurmurHash3, Appleby).
inline uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

template <class Value>
class FlatMap {
 public:
  size_t size() const { return size_; }

  Value* find(uint64_t key) { return const_cast<Value*>(std::as_const(*this).find(key)); }
  const Value* find(uint64_t key) const {
    if (cells_.empty()) return nullptr;
    const Cell& cell = cells_[place_of(key)];
    return cell.key == key ? &cell.value : nullptr;
  }

  // The value of the key, made if there is none.  Valid until the next insertion or removal.
  Value& operator[](uint64_t key) {
    SPECULA_DCHECK(key != kEmpty, "the key that marks empty cells");
    if (8 * (size_ + 1) > 5 * cells_.size()) grow();
    Cell& cell = cells_[place_of(key)];
    if (cell.key != key) {
      cell = {key, Value{}};
      ++size_;
    }
    return cell.value;
  }

  // No tombstones: what stands behind the hole and may, moves into it.
  void erase(uint64_t key) {
    if (cells_.empty()) return;
    size_t hole = place_of(key);
    if (cells_[hole].key != key) return;
    const size_t mask = cells_.size() - 1;
    for (size_t at = (hole + 1) & mask; cells_[at].key != kEmpty; at = (at + 1) & mask) {
      const size_t home = mixed(cells_[at].key) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;  // it may not stand before its home
      cells_[hole] = std::move(cells_[at]);
      hole = at;
    }
    cells_[hole] = {kEmpty, Value{}};
    --size_;
  }

 private:
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  struct Cell {
    uint64_t key = kEmpty;
    Value value{};
  };

  size_t place_of(uint64_t key) const {  // of the key, or of the empty cell where it belongs
    const size_t mask = cells_.size() - 1;
    size_t at = mixed(key) & mask;
    while (cells_[at].key != key && cells_[at].key != kEmpty) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Cell> old(cells_.empty() ? 16 : 2 * cells_.size());
    old.swap(cells_);
    for (Cell& cell : old) {
      if (cell.key != kEmpty) cells_[place_of(cell.key)] = std::move(cell);
    }
  }

  std::vector<Cell> cells_;  // a power of two of them
  size_t size_ = 0;
};

}  // namespace specula
