#include "framework/model/engine/decoder_cache.h"

#include <algorithm>
#include <cstring>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr int64_t kGranule = 4 * kKeyTile;  // the attention kernel works on up to four tiles at once

int64_t rounded(int64_t slots) { return std::max(padded(slots, kGranule), kGranule); }

}  // namespace

DecoderCache::DecoderCache(const CacheShape& shape, int batch, int64_t reserve) : shape_(shape) {
  SPECULA_CHECK(batch >= 1 && reserve >= 0, "batch ", batch, ", reserve ", reserve);
  sequences_.resize(static_cast<size_t>(batch));
  for (Sequence& s : sequences_) {
    s.capacity = rounded(reserve);
    s.memory = AlignedBuffer(static_cast<size_t>(s.capacity * shape_.bytes_per_slot()));
  }
}

const DecoderCache::Sequence& DecoderCache::sequence(int b) const {
  SPECULA_CHECK(b >= 0 && b < batch(), "sequence ", b, " of ", batch());
  return sequences_[static_cast<size_t>(b)];
}

DecoderCache::Sequence& DecoderCache::sequence(int b) {
  return const_cast<Sequence&>(std::as_const(*this).sequence(b));
}

KvHead DecoderCache::head(int b, int64_t layer, int64_t kv_head) const {
  const Sequence& s = sequence(b);
  char* keys = s.memory.data() + (layer * shape_.kv_heads + kv_head) * s.capacity * shape_.head_bytes_per_slot();
  char* values = keys + s.capacity * shape_.head_dim * shape_.element_bytes;
  return {keys, values, shape_.head_dim, shape_.value_stride()};
}

// A copy of what is in use in memory for `capacity` slots.
AlignedBuffer DecoderCache::resized(const Sequence& from, int64_t capacity) const {
  AlignedBuffer memory(static_cast<size_t>(capacity * shape_.bytes_per_slot()));
  const int64_t used = from.book.used();
  const int64_t tiles = padded(used, kKeyTile);
  const int64_t key_bytes = shape_.head_dim * shape_.element_bytes,
                value_bytes = shape_.value_stride() * shape_.element_bytes;
  for (int64_t h = 0; h < shape_.layers * shape_.kv_heads; ++h) {
    const char* source = from.memory.data() + h * from.capacity * shape_.head_bytes_per_slot();
    char* target = memory.data() + h * capacity * shape_.head_bytes_per_slot();
    std::memcpy(target, source, static_cast<size_t>(tiles * key_bytes));
    std::memcpy(target + capacity * key_bytes, source + from.capacity * key_bytes,
                static_cast<size_t>(padded(used, 2) * value_bytes));
  }
  return memory;
}

void DecoderCache::make_room(int b, int64_t more) {
  Sequence& s = sequence(b);
  const int64_t needed = s.book.used() + more;
  if (needed <= s.capacity) return;
  const int64_t capacity = rounded(std::max(needed, 2 * s.capacity));
  s.memory = resized(s, capacity);
  s.capacity = capacity;
}

// In both layouts a slot's elements are apart by the other slots of its tile or pair.
void DecoderCache::move_slot(Sequence& of, int64_t from, int64_t to) const {
  const auto copy = [&]<class T>(T* keys, int64_t step) {
    const auto key_of = [&](int64_t slot) {
      return keys + slot / kKeyTile * shape_.head_dim * kKeyTile + slot % kKeyTile * step;
    };
    const T* key = key_of(from);
    for (int64_t i = 0; i < shape_.head_dim; ++i) {
      const int64_t at = i / step * kKeyTile * step + i % step;
      key_of(to)[at] = key[at];
    }
    T* values = keys + of.capacity * shape_.head_dim;
    const auto value_of = [&](int64_t slot) {
      return values + slot / step * shape_.value_stride() * step + slot % step;
    };
    const T* value = value_of(from);
    for (int64_t i = 0; i < shape_.value_stride(); ++i) value_of(to)[i * step] = value[i * step];
  };
  for (int64_t h = 0; h < shape_.layers * shape_.kv_heads; ++h) {
    char* keys = of.memory.data() + h * of.capacity * shape_.head_bytes_per_slot();
    if (shape_.element_bytes == 4) {
      copy(reinterpret_cast<float*>(keys), 1);
    } else {
      copy(reinterpret_cast<uint16_t*>(keys), 2);
    }
  }
}

void DecoderCache::commit(int b, std::span<const int> slots) {
  Sequence& s = sequence(b);
  s.book.check_path(slots);
  const int64_t committed = s.book.committed();
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] != static_cast<int>(i)) move_slot(s, committed + slots[i], committed + static_cast<int64_t>(i));
  }
  s.book.commit(static_cast<int64_t>(slots.size()));
}

void DecoderCache::truncate(int b, int64_t size) { sequence(b).book.truncate(size); }

std::unique_ptr<KvCache> DecoderCache::fork() const {
  auto copy = std::make_unique<DecoderCache>(shape_, 1, 0);
  copy->sequences_.clear();
  for (const Sequence& from : sequences_) {
    Sequence& to = copy->sequences_.emplace_back();
    to.book = from.book;
    to.capacity = from.capacity;
    to.memory = resized(from, from.capacity);
  }
  return copy;
}

}  // namespace specula
