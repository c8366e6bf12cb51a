// The portable kernels against sums written down naively, without LibTorch and GoogleTest, so that the program can be
// built for another processor and run in an emulator: check_neon.sh does so.  Each line "bits NAME SUM" is a checksum
// of results that every target with fused multiplication must give alike, whatever its panel width; the first line
// names the target.  Licence: Apache-2.0.
#include "tests/tools/neon_check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "framework/decode/probability.h"
#include "framework/decode/sampler.h"

#ifdef HWY_COMPILE_ONLY_STATIC
// One target is left, chosen when compiling, so Highway's library is not needed.
namespace hwy {
void DisableTargets(int64_t /*targets*/) {}
}  // namespace hwy
#endif

namespace specula::neon {
namespace {

int failed = 0;

}  // namespace

int failures() { return failed; }
void fail(const std::string& what) {
  if (++failed <= 20) std::fprintf(stderr, "FAILED: %s\n", what.c_str());
}

void print_bits(const std::string& name, const void* data, size_t bytes) {
  uint64_t sum = 0xcbf29ce484222325u;  // FNV-1a
  for (size_t i = 0; i < bytes; ++i) sum = (sum ^ static_cast<const uint8_t*>(data)[i]) * 0x100000001b3u;
  std::printf("bits %s %016llx\n", name.c_str(), static_cast<unsigned long long>(sum));
}
void print_bits(const std::string& name, const Floats& values) { print_bits(name, values.data(), values.size() * 4); }

Floats random_values(uint64_t seed, int64_t count) {
  Floats values;
  uint64_t state = seed * 2654435761u + 1;
  for (int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    values.push_back(static_cast<float>(static_cast<int>((state >> 33) % 20001) - 10000) / 10000.0f);
  }
  return values;
}

void put_ties(float* row, int64_t count) {
  row[0] = 0.9173f;
  for (int64_t i = 1; i < count; ++i)
    row[i] = static_cast<float>((static_cast<double>(i % 126) + 0.5) / (127.0f / row[0]));
}

int step_of(float value, float largest) { return static_cast<int>(std::nearbyint(value * (127.0f / largest))); }

std::vector<int64_t> in_order(int64_t outputs) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < outputs; ++i) order.push_back(i);
  return order;
}

Floats plain_values(const std::vector<char>& row, int64_t count, int bytes) {
  Floats values(at(count));
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t half;
    if (bytes == 4) std::memcpy(&values[i], row.data() + 4 * i, 4);
    if (bytes == 4) continue;
    std::memcpy(&half, row.data() + 2 * i, 2);
    values[i] = from_bfloat16(half);
  }
  return values;
}

double plain_tolerance(int bytes) { return bytes == 4 ? 1e-6 : 0x1p-8; }

void expect_near(const Floats& given, const std::vector<double>& expected, double tolerance, const std::string& what) {
  for (size_t i = 0; i < given.size(); ++i) {
    expect(std::abs(given[i] - expected[i]) <= tolerance * std::max(1.0, std::abs(expected[i])), what, " ", i, ": ",
           given[i], ", not ", expected[i]);
  }
}

namespace {

void check_softmax() {
  const int64_t n = 1003;
  Floats logits = random_values(9, n), p(at(n)), q = random_values(10, n);
  for (float& logit : logits) logit *= 10;
  logits[500] = -std::numeric_limits<float>::infinity();
  logits[17] = logits[1001] = 10.5f;  // two are the largest
  std::vector<double> expected, left(at(n));
  for (const float logit : logits) expected.push_back(std::exp(static_cast<double>(logit) - 10.5));
  double sum = 0;
  for (const double value : expected) sum += value;
  for (double& value : expected) value /= sum;
  softmax(logits.data(), n, p.data());
  expect_near(p, expected, 1e-7, "softmax");
  expect(p[500] == 0 && argmax(p.data(), n) == 17 && !std::isnan(max_logit(logits.data(), n)),
         "softmax: zero, argmax, soundness");
  double before = 0;
  for (int64_t i = 0; i < n; ++i) {  // the middle of each token's share
    if (p[at(i)] > 1e-9f)
      expect(pick(p.data(), n, (before + p[at(i)] / 2) / total(p.data(), n)) == i, "pick of token ", i);
    before += p[at(i)];
  }
  for (float& value : q) value = std::abs(value) / 500;
  subtract(expected.data(), q.data(), 0.5, n, left.data());
  for (int64_t i = 0; i < n; ++i)
    expect(std::abs(left[at(i)] - std::max(0.0, expected[at(i)] - 0.5 * q[at(i)])) < 1e-15, "subtract ", i);
  logits[1002] = std::numeric_limits<float>::quiet_NaN();
  expect(std::isnan(max_logit(logits.data(), n)), "a NaN in the last logit is sound");
}

void check_all() {
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16, Dtype::kInt8, Dtype::kInt8Weights, Dtype::kInt4}) {
    const Kernels kernels = make_kernels(dtype);
    if (dtype == Dtype::kFloat32) std::printf("target %s\n", kernels.target);
    check_products(kernels);
    check_rows(kernels);
    check_attention(kernels);
  }
  check_softmax();
}

}  // namespace
}  // namespace specula::neon

int main() {
  try {
    specula::neon::check_all();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FAILED: %s\n", error.what());
    return 1;
  }
  const int failures = specula::neon::failures();
  if (failures > 0) std::fprintf(stderr, "%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
