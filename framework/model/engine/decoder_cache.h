// Keys and values of B sequences, and the scratch memory of their passes (the model is const, so it lives here).  Slots
// [0, size) of a sequence are committed, those behind are tentative and know their parent.  One block of memory a
// sequence: for each layer and key head the keys, then the values (attention.h); it doubles when it is full.
// Licence: Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/aligned_buffer.h"
#include "framework/model/kernels/kernels.h"
#include "framework/model/language_model.h"
#include "framework/model/slot_book.h"

namespace specula {

struct CacheShape {
  int64_t layers = 0, kv_heads = 0, head_dim = 0;
  int element_bytes = 0;
  int64_t value_stride() const { return padded(head_dim, 16); }
  int64_t head_bytes_per_slot() const { return (head_dim + value_stride()) * element_bytes; }
  int64_t bytes_per_slot() const { return layers * kv_heads * head_bytes_per_slot(); }
  bool operator==(const CacheShape&) const = default;
};

// Buffers of a pass over a chunk of rows.  Each grows on demand and is zero where nothing was written, so that the
// padding of rows adds nothing to a product.  own_: of each thread.
struct PassScratch {
  AlignedBuffer embedded, entered, residual, block, normed, own_normed, float_normed, quantized, own_quantized;
  AlignedBuffer qkv, attended, scores, attention;
  AlignedBuffer up, activated, router, expert_up, expert_activated;
};

class DecoderCache final : public KvCache {
 public:
  DecoderCache(const CacheShape& shape, int batch, int64_t reserve);

  int64_t size(int b) const override { return book(b).committed(); }
  int tentative(int b) const override { return book(b).tentative(); }
  void commit(int b, std::span<const int> slots) override;
  void truncate(int b, int64_t size) override;
  std::unique_ptr<KvCache> fork() const override;

  int batch() const { return static_cast<int>(sequences_.size()); }
  const CacheShape& shape() const { return shape_; }
  int64_t capacity(int b) const { return sequence(b).capacity; }
  void make_room(int b, int64_t more);  // for tentative slots to come
  int add(int b, int parent) { return sequence(b).book.add(parent); }
  const SlotBook& book(int b) const { return sequence(b).book; }
  KvHead head(int b, int64_t layer, int64_t kv_head) const;
  PassScratch& scratch() { return scratch_; }

 private:
  struct Sequence {
    SlotBook book;
    int64_t capacity = 0;
    AlignedBuffer memory;
  };
  const Sequence& sequence(int b) const;
  Sequence& sequence(int b);
  AlignedBuffer resized(const Sequence& from, int64_t capacity) const;
  void move_slot(Sequence& of, int64_t from, int64_t to) const;

  CacheShape shape_;
  std::vector<Sequence> sequences_;
  PassScratch scratch_;
};

}  // namespace specula
