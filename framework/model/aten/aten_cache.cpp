#include "framework/model/aten/aten_cache.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/index.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "framework/model/aten/aten_device.h"

namespace specula {
namespace {

constexpr int64_t kGranule = 64;  // slots; so that small caches do not grow at every pass

int64_t rounded(int64_t slots) { return std::max<int64_t>((slots + kGranule - 1) / kGranule, 1) * kGranule; }

}  // namespace

AtenCache::AtenCache(const AtenCacheShape& shape, int batch, int64_t reserve) : shape_(shape) {
  SPECULA_CHECK(batch >= 1 && reserve >= 0, "batch ", batch, ", reserve ", reserve);
  const c10::InferenceMode inference;
  books_.resize(static_cast<size_t>(batch));
  memory_ = allocate(rounded(reserve));
}

// Zeros, because a masked slot still takes part in products with weight 0, and 0 * NaN is NaN.
Tensor AtenCache::allocate(int64_t capacity) const {
  const std::vector<int64_t> sizes = {shape_.layers, 2, batch(), shape_.kv_heads, capacity, shape_.head_dim};
  int64_t bytes = static_cast<int64_t>(c10::elementSize(shape_.dtype));
  for (const int64_t size : sizes) bytes *= size;
  const std::string what = cat("a cache of ", batch(), " x ", capacity, " slots needs ", bytes / 1000000, " MB");
  return specula::allocate(sizes, shape_.dtype, shape_.device, what).zero_();
}

const SlotBook& AtenCache::book(int b) const {
  SPECULA_CHECK(b >= 0 && b < batch(), "sequence ", b, " of ", batch());
  return books_[static_cast<size_t>(b)];
}

void AtenCache::make_room(int b, int64_t more) {
  const int64_t needed = book(b).used() + more;
  if (needed <= capacity()) return;
  const c10::InferenceMode inference;
  const Tensor larger = allocate(rounded(std::max(needed, 2 * capacity())));
  larger.narrow(4, 0, capacity()).copy_(memory_);
  memory_ = larger;
}

int AtenCache::add(int b, int parent) {
  SPECULA_CHECK(book(b).used() < capacity(), "no room for slot ", book(b).used());
  return books_[static_cast<size_t>(b)].add(parent);
}

void AtenCache::write(int64_t layer, int b, int64_t slot, const Tensor& kv) {
  Dims dims;
  dims.check(kv, "kv", "N 2 H D");
  memory_[layer].select(1, b).narrow(2, slot, dims['N']).copy_(kv.permute({1, 2, 0, 3}));
}

void AtenCache::commit(int b, std::span<const int> slots) {
  book(b).check_path(slots);
  const auto count = static_cast<int64_t>(slots.size());
  int64_t in_place = 0;
  while (in_place < count && slots[static_cast<size_t>(in_place)] == in_place) ++in_place;
  if (in_place < count) {
    const c10::InferenceMode inference;
    const int64_t committed = book(b).committed();
    const Tensor from = at::empty({count - in_place}, at::kLong);
    std::transform(slots.begin() + in_place, slots.end(), from.mutable_data_ptr<int64_t>(),
                   [&](int slot) { return committed + slot; });
    const Tensor mine = memory_.select(2, b);  // [layers,2,kv_heads,capacity,head_dim]
    const Tensor kept = at::index(mine, {{}, {}, {}, from.to(shape_.device, /*non_blocking=*/true)});
    mine.narrow(3, committed + in_place, count - in_place).copy_(kept);
  }
  books_[static_cast<size_t>(b)].commit(count);
}

void AtenCache::truncate(int b, int64_t size) {
  (void)book(b);  // checks b
  books_[static_cast<size_t>(b)].truncate(size);
}

std::unique_ptr<KvCache> AtenCache::fork() const {
  const c10::InferenceMode inference;
  auto copy = std::make_unique<AtenCache>(*this);
  copy->memory_ = memory_.clone();
  return copy;
}

}  // namespace specula
