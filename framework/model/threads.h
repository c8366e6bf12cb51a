// Threads of the one OpenMP pool.  Licence: Apache-2.0.
#pragma once

#include <string>

namespace specula {

// Sets LibTorch's and OpenMP's thread count (0: every core this process may run on, its affinity mask) and checks that
// this many threads really run a parallel region and a LibTorch parallel_for; throws Error naming the cause if not.
// Returns the count.
int set_threads(int count);
int threads();

}  // namespace specula
