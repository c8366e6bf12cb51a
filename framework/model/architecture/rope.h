// Rotary position embeddings (Su et al. 2021) and the ways in which they are stretched to longer texts.
//
// Two of the ways depend on the length of the text ("dynamic", "longrope").  Here the length that counts for a row is
// its own position plus one, as where transformers decodes token by token with a cache: so what a row gets does not
// depend on what comes after it, or on how a text was cut into passes.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <vector>

namespace specula {

enum class RopeType { kDefault, kLinear, kDynamic, kYarn, kLongRope, kLlama3 };

struct Rope {
  double theta = 10000;
  RopeType type = RopeType::kDefault;
  double factor = 1;                                  // linear, dynamic, yarn, llama3
  double low_freq_factor = 1, high_freq_factor = 4;   // llama3
  int64_t original_max_position_embeddings = 8192;    // all but linear
  double beta_fast = 32, beta_slow = 1;               // yarn
  bool truncate = true;                               // yarn: its bounds are rounded to whole dimensions
  double magnitude = 1;                               // yarn, longrope: cosines and sines are multiplied by this
  std::vector<double> short_factor{}, long_factor{};  // longrope: [turning / 2]
};

// Does the frequency of a dimension depend on the position?
bool varies(const Rope& rope);
// [turning / 2] radians per position, at `position`.
std::vector<float> rope_frequencies(const Rope& rope, int64_t turning, int64_t position);

// Cosines and sines by position; the first positions are tabled.
class RotaryTable {
 public:
  RotaryTable() = default;
  RotaryTable(const Rope& rope, int64_t turning, int64_t context);
  // [turning / 2] cosines, then as many sines, times the magnitude; `scratch` [turning] holds them where the table
  // ends.
  const float* at(int64_t position, float* scratch) const;
  int64_t turning() const { return turning_; }

 private:
  void fill(int64_t position, float* out) const;

  Rope rope_;
  int64_t turning_ = 0;
  std::vector<float> frequencies_;  // empty where they vary
  std::vector<float> table_;
};

}  // namespace specula
