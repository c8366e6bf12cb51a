// A hash table from pairs of 32-bit numbers to pairs of them, for the innermost lookups: merges, edges of a trie.
// Open addressing, filled at most by half.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

namespace specula {

class FlatTable {
 public:
  struct Value {
    uint32_t first, second;
  };

  explicit FlatTable(size_t expected = 8) { resize(expected); }

  // nullptr: not there.  The pointer is good until the next set().
  const Value* find(uint32_t left, uint32_t right) const {
    const uint64_t key = key_of(left, right);
    for (size_t at = slot(key);; at = (at + 1) & mask_) {
      if (slots_[at].key == key) return &slots_[at].value;
      if (slots_[at].key == kFree) return nullptr;
    }
  }

  void set(uint32_t left, uint32_t right, Value value) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    Slot& slot = place(key_of(left, right));
    if (slot.key == kFree) ++count_;
    slot = {key_of(left, right), value};
  }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};  // no pair: ids are below 2^31
  struct Slot {
    uint64_t key = kFree;
    Value value{};
  };

  static uint64_t key_of(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }
  // Fibonacci hashing: the golden ratio of 2^64 (Knuth, TAOCP 3, 6.4).
  size_t slot(uint64_t key) const { return static_cast<size_t>((key ^ key >> 29) * 0x9E3779B97F4A7C15ull >> shift_); }

  Slot& place(uint64_t key) {
    size_t at = slot(key);
    while (slots_[at].key != kFree && slots_[at].key != key) at = (at + 1) & mask_;
    return slots_[at];
  }

  void resize(size_t expected) {
    size_t size = 16;
    shift_ = 60;
    while (size < 2 * expected) {
      size *= 2;
      --shift_;
    }
    mask_ = size - 1;
    slots_.assign(size, Slot{});
  }

  void grow() {
    const std::vector<Slot> old = std::move(slots_);
    resize(old.size());
    for (const Slot& slot : old) {
      if (slot.key != kFree) place(slot.key) = slot;
    }
  }

  std::vector<Slot> slots_;
  size_t mask_ = 0, count_ = 0;
  int shift_ = 60;
};

}  // namespace specula
