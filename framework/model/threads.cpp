#include "framework/model/threads.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <sched.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "framework/core/error.h"

namespace specula {
namespace {

// Kernels ask for this many threads themselves: OpenMP's own count belongs to the calling thread alone.
std::atomic<int> thread_count{0};

int available_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) return std::max(CPU_COUNT(&set), 1);
  return std::max(static_cast<int>(std::thread::hardware_concurrency()), 1);
}

// Threads that a parallel region, and LibTorch's parallel_for, really run on.
int count_region_threads(int count) {
  std::atomic<int> seen{0};
#pragma omp parallel num_threads(count)
  ++seen;
  return seen;
}

int count_parallel_for_threads(int count) {
  std::mutex mutex;
  std::set<std::thread::id> seen;
  at::parallel_for(0, count, 1, [&](int64_t, int64_t) {
    const std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  return static_cast<int>(seen.size());
}

void check_threads(const char* what, int running, int count) {
  if (running == count) return;
  throw Error(
      cat("threads: ", what, " runs on ", running, " of ", count,
          " threads; OMP_THREAD_LIMIT, OMP_DYNAMIC or a second OpenMP library in the process can be the cause"));
}

}  // namespace

int set_threads(int count) {
  const int available = available_cores();
  if (count < 0 || count > 4096) throw ConfigError(cat("threads: ", count, " is out of range 0..4096 (0: all cores)"));
  if (count == 0) count = available;
  at::set_num_threads(count);
  omp_set_num_threads(count);
  omp_set_dynamic(0);
  check_threads("an OpenMP region", count_region_threads(count), count);
  check_threads("LibTorch's parallel_for", count_parallel_for_threads(count), count);
  thread_count = count;
  return count;
}

int threads() {
  const int count = thread_count;
  return count > 0 ? count : set_threads(0);
}

}  // namespace specula
