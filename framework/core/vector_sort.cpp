#include "framework/core/vector_sort.h"

#include <hwy/contrib/sort/vqsort.h>

namespace specula {

void sort_ascending(std::vector<double>& values) { hwy::Sorter()(values.data(), values.size(), hwy::SortAscending()); }

void sort_ascending(std::vector<uint64_t>& values) {
  hwy::Sorter()(values.data(), values.size(), hwy::SortAscending());
}

}  // namespace specula
