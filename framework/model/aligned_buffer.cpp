#include "framework/model/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kLine = 64, kHugePage = size_t{2} << 20;

}  // namespace

AlignedBuffer::AlignedBuffer(size_t bytes) : size_(bytes) {
  if (bytes == 0) return;
  const bool is_large = bytes >= 2 * kHugePage;
  const size_t alignment = is_large ? kHugePage : kLine;
  const size_t padded = (bytes + kLine - 1) / kLine * kLine;
  if (::posix_memalign(&data_, alignment, padded) != 0)
    throw Error(cat("out of memory: cannot allocate ", bytes, " bytes"));
  if (is_large) ::madvise(data_, padded / kHugePage * kHugePage, MADV_HUGEPAGE);  // a hint: refusal costs speed alone
}

AlignedBuffer::~AlignedBuffer() { std::free(data_); }

void AlignedBuffer::clear() {
  if (size_ > 0) std::memset(data_, 0, size_);
}

}  // namespace specula
