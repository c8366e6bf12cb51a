// The values that one key of a sweep takes.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "framework/core/value.h"

namespace specula {

struct Assignment {
  std::string path;  // as --set takes it: arm.<name>.drafter.length
  Value value;       // its origin is where the sweep gives it
};

inline constexpr size_t kMostAxisValues = 10000;

// An array is its elements.  A text is a range: "1-8", "1-16*2" (1, 2, 4, 8, 16), "0-1+0.25" (0, 0.25, ...); the end
// belongs to it if a step meets it.  Whole numbers stay whole.  Throws ConfigError naming `path`.
std::vector<Value> axis_values(const Value& given, const std::string& path);

// "1-8", "[1, 2]" or "1,2,4" of a --sweep flag.
std::vector<Value> axis_values_of_flag(const std::string& text, const std::string& path, const std::string& origin);

// `n` draws of { uniform = [a, b] }, { log_uniform = [a, b] }, { integers = [a, b] } (both ends belong to it) or
// { choice = [...] }; the j-th depends on seed, path and j alone.  Throws ConfigError.
std::vector<Value> random_values(const Value& law, const std::string& path, int64_t n, uint64_t seed);

}  // namespace specula
