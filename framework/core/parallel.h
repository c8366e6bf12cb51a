// Work on many things of its own each, shared by threads that live as long as the call: for reports, where nothing
// else runs.  Models have their one pool (framework/model/threads.h).  Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace specula {

// Calls work(i) for i in 0..count-1, in any order, from as many threads as the machine has.  Throws the first error,
// after all threads have ended.
template <class Work>
void for_each_index(size_t count, const Work& work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr error;
  const auto run = [&] {
    try {
      for (size_t i = next++; i < count; i = next++) work(i);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (error == nullptr) error = std::current_exception();
      next = count;
    }
  };
  const size_t threads = std::min<size_t>(count, std::max(1U, std::thread::hardware_concurrency()));
  {
    std::vector<std::jthread> others;
    for (size_t t = 1; t < threads; ++t) others.emplace_back(run);
    run();
  }
  if (error != nullptr) std::rethrow_exception(error);
}

}  // namespace specula
