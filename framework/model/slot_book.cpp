#include "framework/model/slot_book.h"

#include "framework/core/error.h"

namespace specula {

int SlotBook::add(int parent) {
  const int slot = tentative();
  SPECULA_CHECK(parent >= -1 && parent < slot, "slot ", slot, " has parent ", parent);
  depth_.push_back(parent < 0 ? 0 : depth(parent) + 1);
  parent_.push_back(parent);
  return slot;
}

void SlotBook::check_path(std::span<const int> slots) const {
  int before = -1;
  for (const int slot : slots) {
    SPECULA_CHECK(slot >= 0 && slot < tentative(), "slot ", slot, " of ", tentative(), " tentative ones");
    SPECULA_CHECK(parent(slot) == before, "slot ", slot, " follows slot ", parent(slot), ", not ", before);
    before = slot;
  }
}

void SlotBook::commit(int64_t count) {
  committed_ += count;
  parent_.clear();
  depth_.clear();
}

void SlotBook::truncate(int64_t size) {
  SPECULA_CHECK(size >= 0 && size <= committed_, "cannot truncate ", committed_, " slots to ", size);
  committed_ = size;
  parent_.clear();
  depth_.clear();
}

}  // namespace specula
