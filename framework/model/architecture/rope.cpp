#include "framework/model/architecture/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace specula {
namespace {

constexpr int64_t kMostTabledPositions = 8192;  // 2 MB at head size 64; later positions are computed when they come

// Long wavelengths, beyond the original context, are stretched by `factor`, short ones stay, those between are blended
// (Llama 3.1 model card).
double llama3(const Rope& rope, double frequency) {
  const double turns = double(rope.original_max_position_embeddings) * frequency / (2 * std::numbers::pi);
  const double blend = (turns - rope.low_freq_factor) / (rope.high_freq_factor - rope.low_freq_factor);
  const double kept = std::clamp(blend, 0.0, 1.0);
  return (1 - kept) * frequency / rope.factor + kept * frequency;
}

// The dimension whose wavelength turns so often within the original context (YaRN, Peng et al. 2023, eq. 17 solved for
// the dimension).
double dimension_of(const Rope& rope, double turns, double turning) {
  return turning * std::log(double(rope.original_max_position_embeddings) / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(rope.theta));
}

// As llama3, but blended along a ramp over dimensions (Peng et al. 2023, section 3.2).
double yarn(const Rope& rope, double frequency, double index, double turning) {
  double low = dimension_of(rope, rope.beta_fast, turning), high = dimension_of(rope, rope.beta_slow, turning);
  if (rope.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, turning - 1);
  if (low == high) high += 0.001;
  const double stretched = std::clamp((index - low) / (high - low), 0.0, 1.0);
  return stretched * frequency / rope.factor + (1 - stretched) * frequency;
}

// The base grows with the text once that is longer than the context ("dynamic NTK", bloc97 and emozilla 2023).
double dynamic_theta(const Rope& rope, double turning, int64_t length) {
  const auto context = double(rope.original_max_position_embeddings);
  const double grown = rope.factor * std::max(double(length), context) / context - (rope.factor - 1);
  return rope.theta * std::pow(grown, turning / (turning - 2));
}

}  // namespace

bool varies(const Rope& rope) { return rope.type == RopeType::kDynamic || rope.type == RopeType::kLongRope; }

std::vector<float> rope_frequencies(const Rope& rope, int64_t turning, int64_t position) {
  std::vector<float> frequencies(static_cast<size_t>(turning / 2));
  const auto size = double(turning);
  const bool is_long = position + 1 > rope.original_max_position_embeddings;
  const double theta =
      rope.type == RopeType::kDynamic && is_long ? dynamic_theta(rope, size, position + 1) : rope.theta;
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double frequency = 1.0 / std::pow(theta, 2.0 * double(i) / size);
    switch (rope.type) {
      case RopeType::kDefault:
      case RopeType::kDynamic:
        break;
      case RopeType::kLinear:
        frequency /= rope.factor;
        break;
      case RopeType::kLlama3:
        frequency = llama3(rope, frequency);
        break;
      case RopeType::kYarn:
        frequency = yarn(rope, frequency, double(i), size);
        break;
      case RopeType::kLongRope:
        frequency /= (is_long ? rope.long_factor : rope.short_factor)[i];
        break;
    }
    frequencies[i] = static_cast<float>(frequency);
  }
  return frequencies;
}

RotaryTable::RotaryTable(const Rope& rope, int64_t turning, int64_t context) : rope_(rope), turning_(turning) {
  if (turning == 0) return;
  if (!varies(rope)) frequencies_ = rope_frequencies(rope, turning, 0);
  const int64_t tabled = std::min(context, kMostTabledPositions);
  table_.resize(static_cast<size_t>(tabled * turning));
  for (int64_t p = 0; p < tabled; ++p) fill(p, table_.data() + p * turning);
}

// The angle is a float32 product, as in the reference implementations; its cosine is exact to the last bit or nearly
// so.
void RotaryTable::fill(int64_t position, float* out) const {
  const std::vector<float> own =
      frequencies_.empty() ? rope_frequencies(rope_, turning_, position) : std::vector<float>();
  const std::vector<float>& frequencies = frequencies_.empty() ? own : frequencies_;
  const size_t half = frequencies.size();
  for (size_t i = 0; i < half; ++i) {
    const double angle = static_cast<float>(position) * frequencies[i];
    out[i] = static_cast<float>(rope_.magnitude * std::cos(angle));
    out[half + i] = static_cast<float>(rope_.magnitude * std::sin(angle));
  }
}

const float* RotaryTable::at(int64_t position, float* scratch) const {
  const auto at = static_cast<size_t>(position * turning_);
  if (at < table_.size()) return table_.data() + at;
  fill(position, scratch);
  return scratch;
}

}  // namespace specula
