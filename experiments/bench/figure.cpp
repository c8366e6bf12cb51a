#include "experiments/bench/figure.h"

#include <algorithm>

#include "experiments/report/statistics.h"
#include "framework/core/error.h"

namespace specula {

Figure figure(const std::string& name, Samples samples) {
  SPECULA_CHECK(!samples.empty(), name);
  std::sort(samples.begin(), samples.end());
  return {.name = name, .median = quantile(samples, .5), .low = quantile(samples, .25), .high = quantile(samples, .75)};
}

Figure computed(const std::string& name, double value) { return {.name = name, .median = value, .spread = false}; }

Samples ratios(const Samples& numerators, const Samples& denominators) {
  SPECULA_CHECK(numerators.size() == denominators.size(), numerators.size(), " and ", denominators.size());
  Samples all(numerators.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = numerators[i] / denominators[i];
  return all;
}

Samples scaled(Samples samples, double factor) {
  for (double& sample : samples) sample *= factor;
  return samples;
}

Samples inverse(const Samples& samples, double factor) {
  Samples all(samples.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = factor / samples[i];
  return all;
}

}  // namespace specula
