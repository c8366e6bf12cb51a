// Where the threads of one pass wait for one another, some sixty times a pass.  OpenMP's own barrier spins for a
// millisecond before it sleeps: nothing where the cores are free, but beside other programs the spinning thread takes
// the core that the awaited one needs, and decoding becomes a hundred times slower.  This one spins for some ten
// microseconds, which a quiet machine never exceeds by much, and then sleeps.  Licence: Apache-2.0.
#pragma once

#include <atomic>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace specula {

class Barrier {
 public:
  void wait(int count) {
    const int phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      phase_.notify_all();
      return;
    }
    for (int spin = 0; spin < kSpins; ++spin) {
      if (phase_.load(std::memory_order_acquire) != phase) return;
      pause();
    }
    while (phase_.load(std::memory_order_acquire) == phase) phase_.wait(phase, std::memory_order_acquire);
  }

 private:
  static constexpr int kSpins = 4096;
  static void pause() {
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<int> phase_{0};
};

}  // namespace specula
