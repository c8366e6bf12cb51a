// Memory for weights, caches and scratch: aligned to cache lines, large blocks in huge pages where the system gives
// them, because a pass walks through all weights and would miss the TLB on every fourth kilobyte.  Licence: Apache-2.0.
#pragma once

#include <cstddef>
#include <utility>

namespace specula {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t bytes);  // contents undefined; throws Error when there is no memory
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  ~AlignedBuffer();

  template <class T = char>
  T* data() const {
    return static_cast<T*>(data_);
  }
  size_t size() const { return size_; }
  void clear();  // sets every byte to zero

 private:
  void swap(AlignedBuffer& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  void* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace specula
