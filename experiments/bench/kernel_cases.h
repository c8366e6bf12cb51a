// What `specula bench kernels` measures: the inner loops of the fast forward and of sampling, each as a call that can
// be repeated.  The library that times them is known to kernels.cpp alone.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace specula {

struct KernelCase {
  std::string name;             // "product/bf16/AVX512-BF16/768x4096/rows:5/memory"
  double bytes = 0, flops = 0;  // of a call: what it must read and write, multiplications and additions; 0: not told
  std::function<std::function<void()>()> prepare;  // makes the data and returns the call
};

// All threads together.  "memory": weights rotate through copies; "cached": the same ones each time, from the last
// level of the cache where they fit.
std::vector<KernelCase> product_cases();
// All threads, each over one key head of its own; heads rotate, so that keys and values come from memory.
std::vector<KernelCase> attention_cases();
// One thread, data in its caches.
std::vector<KernelCase> row_cases();
// Every registered rule on a chain of 5 rows and on a tree (a chain, if it takes no trees) of 64, V = 32000: what a
// round of one sequence costs, the coins differing from call to call.
std::vector<KernelCase> rule_cases();

}  // namespace specula
