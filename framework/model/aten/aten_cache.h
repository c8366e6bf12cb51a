// Keys and values of B sequences as one tensor on any device.  All sequences have room for equally many slots; the
// tensor doubles when one of them is full.  Keeping the head of a chain moves nothing.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/core/tensor.h"
#include "framework/model/language_model.h"
#include "framework/model/slot_book.h"

namespace specula {

struct AtenCacheShape {
  int64_t layers = 0, kv_heads = 0, head_dim = 0;
  at::ScalarType dtype = at::kFloat;
  at::Device device = at::kCPU;
  bool operator==(const AtenCacheShape&) const = default;
};

class AtenCache final : public KvCache {
 public:
  AtenCache(const AtenCacheShape& shape, int batch, int64_t reserve);

  int64_t size(int b) const override { return book(b).committed(); }
  int tentative(int b) const override { return book(b).tentative(); }
  void commit(int b, std::span<const int> slots) override;
  void truncate(int b, int64_t size) override;
  std::unique_ptr<KvCache> fork() const override;

  int batch() const { return static_cast<int>(books_.size()); }
  const AtenCacheShape& shape() const { return shape_; }
  const SlotBook& book(int b) const;
  int64_t capacity() const { return memory_.size(4); }
  void make_room(int b, int64_t more);  // for tentative slots to come
  int add(int b, int parent);           // a tentative slot; returns its number among the tentative ones
  // kv [n,2,kv_heads,head_dim]: keys and values of n slots of sequence b, beginning with `slot`.
  void write(int64_t layer, int b, int64_t slot, const Tensor& kv);
  // [B,kv_heads,length,head_dim], no copies.  Slots that nobody wrote are zero.
  Tensor keys(int64_t layer, int64_t length) const { return memory_[layer][0].narrow(2, 0, length); }
  Tensor values(int64_t layer, int64_t length) const { return memory_[layer][1].narrow(2, 0, length); }

 private:
  Tensor allocate(int64_t capacity) const;

  AtenCacheShape shape_;
  std::vector<SlotBook> books_;
  Tensor memory_;  // [layers, 2 (keys, values), B, kv_heads, capacity, head_dim]
};

}  // namespace specula
