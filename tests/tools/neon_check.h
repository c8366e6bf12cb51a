// What the parts of neon_check.cpp share: counted expectations, checksums, fixed pseudo-random numbers, and the checks
// themselves, one a group of kernels.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/error.h"
#include "framework/model/checkpoint/float16.h"
#include "framework/model/kernels/kernels.h"

namespace specula::neon {

using Floats = std::vector<float>;

void fail(const std::string& what);  // counts; prints the first ones
int failures();
template <class... Args>
void expect(bool holds, const Args&... what) {
  if (!holds) fail(cat(what...));
}
// Each value within `tolerance` of the expected one: absolute, above 1 relative.
void expect_near(const Floats& given, const std::vector<double>& expected, double tolerance, const std::string& what);
void print_bits(const std::string& name, const void* data, size_t bytes);  // "bits NAME SUM"
void print_bits(const std::string& name, const Floats& values);

inline size_t at(int64_t index) { return static_cast<size_t>(index); }
inline float rounded(float value) { return from_bfloat16(to_bfloat16(value)); }
Floats random_values(uint64_t seed, int64_t count);  // uniform in (-1, 1), in steps of 1e-4
// Values that lie as near as possible to the middle between two steps of 8 bits: a fused multiplication and addition
// would round some of them to the other side.
void put_ties(float* row, int64_t count);
int step_of(float value, float largest);       // 8 bits, as the formats define it
std::vector<int64_t> in_order(int64_t count);  // 0, 1, ...
// `count` elements of `bytes` each, of a plain row or a cache, as float32.
Floats plain_values(const std::vector<char>& row, int64_t count, int bytes);
double plain_tolerance(int bytes);  // some units in the last place; one rounding to bfloat16

void check_products(const Kernels& kernels);
void check_rows(const Kernels& kernels);
void check_attention(const Kernels& kernels);

}  // namespace specula::neon
