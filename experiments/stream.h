// How fast this machine reads memory with every thread: the yardstick that speeds are printed beside.  Licence:
// Apache-2.0.
#pragma once

#include <vector>

#include "framework/model/aligned_buffer.h"

namespace specula {

class StreamProbe {
 public:
  StreamProbe();
  double gigabytes_per_second();  // one reading of the whole buffer, a few milliseconds

 private:
  AlignedBuffer buffer_;  // larger than the last-level cache
};

double stream_bandwidth();  // [GB/s] median of a few readings

double median(std::vector<double> values);
double load_average();  // of the last minute; -1 if unknown

}  // namespace specula
