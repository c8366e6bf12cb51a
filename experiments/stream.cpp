#include "experiments/stream.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "framework/core/clock.h"
#include "framework/core/error.h"
#include "framework/model/threads.h"

namespace specula {
namespace {

// Four times the last-level cache, so that what is read comes from memory.
size_t probe_bytes() {
  constexpr size_t kLeast = size_t{128} << 20, kMost = size_t{2} << 30;
  size_t kibibytes = 0;  // sysconf() counts the caches of all sockets of the host, also in a small guest
  std::ifstream("/sys/devices/system/cpu/cpu0/cache/index3/size") >> kibibytes;
  return kibibytes == 0 ? size_t{512} << 20 : std::clamp(4 * kibibytes << 10, kLeast, kMost);
}

constexpr size_t kLine = 64, kAhead = 1024, kWalks = 4;

using Words = uint64_t __attribute__((vector_size(kLine)));

// Four walks at once: one alone keeps fewer lines in flight and reads a quarter less on some machines.
uint64_t read_all(const char* data, size_t bytes) {
  const size_t part = bytes / kWalks;
  Words sums[4] = {};
  for (size_t at = 0; at < part; at += 4 * kLine) {
    for (size_t walk = 0; walk < kWalks; ++walk) {
      const char* from = data + walk * part + at;
      for (size_t i = 0; i < 4; ++i) {
        __builtin_prefetch(from + i * kLine + kAhead);
        sums[i] += *reinterpret_cast<const Words*>(from + i * kLine);
      }
    }
  }
  const Words total = sums[0] + sums[1] + sums[2] + sums[3];
  return total[0] + total[7];
}

}  // namespace

StreamProbe::StreamProbe() : buffer_(probe_bytes()) { buffer_.clear(); }

double StreamProbe::gigabytes_per_second() {
  const int count = threads();
  std::atomic<uint64_t> sum{0};
  double start = 0;
#pragma omp parallel num_threads(count)
  {
    const size_t share = buffer_.size() / static_cast<size_t>(count) / (4 * kWalks * kLine) * (4 * kWalks * kLine);
#pragma omp barrier
#pragma omp master
    start = seconds_now();
    sum += read_all(buffer_.data() + static_cast<size_t>(omp_get_thread_num()) * share, share);
  }
  const double seconds = seconds_now() - start;
  SPECULA_CHECK(sum == 0, "the probe's memory changed");
  return double(buffer_.size()) / seconds / 1e9;
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
