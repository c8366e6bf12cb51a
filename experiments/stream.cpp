#include "experiments/stream.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "framework/core/clock.h"
#include "framework/core/error.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

constexpr size_t kProbeBytes = size_t{512} << 20;
constexpr size_t kLine = 64, kAhead = 1024;

using Words = uint64_t __attribute__((vector_size(kLine)));

uint64_t read_all(const char* data, size_t bytes) {
  Words sums[4] = {};
  for (size_t at = 0; at + 4 * kLine <= bytes; at += 4 * kLine) {
    for (size_t i = 0; i < 4; ++i) {
      __builtin_prefetch(data + at + i * kLine + kAhead);
      sums[i] += *reinterpret_cast<const Words*>(data + at + i * kLine);
    }
  }
  const Words total = sums[0] + sums[1] + sums[2] + sums[3];
  return total[0] + total[7];
}

}  // namespace

StreamProbe::StreamProbe() : buffer_(kProbeBytes) { buffer_.clear(); }

double StreamProbe::gigabytes_per_second() {
  const int count = threads();
  std::atomic<uint64_t> sum{0};
  double start = 0;
#pragma omp parallel num_threads(count)
  {
    const size_t share = kProbeBytes / static_cast<size_t>(count) / (4 * kLine) * (4 * kLine);
#pragma omp barrier
#pragma omp master
    start = seconds_now();
    sum += read_all(buffer_.data() + static_cast<size_t>(omp_get_thread_num()) * share, share);
  }
  const double seconds = seconds_now() - start;
  SPECULA_CHECK(sum == 0, "the probe's memory changed");
  return double(kProbeBytes) / seconds / 1e9;
}

double stream_bandwidth() {
  StreamProbe probe;
  std::vector<double> readings(5);
  for (double& reading : readings) reading = probe.gigabytes_per_second();
  return median(std::move(readings));
}

double median(std::vector<double> values) {
  SPECULA_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double load_average() {
  double load = 0;
  return ::getloadavg(&load, 1) == 1 ? load : -1;
}

}  // namespace specula
