// A measured figure: the median of its samples with the quartiles as spread.  Ratios are taken turn by turn, between
// samples of the same turn, so that a slow moment of the machine meets both sides.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

using Samples = std::vector<double>;  // one a turn

struct Figure {
  std::string name;  // with its unit: "ms", "gb_s"
  double median = 0;
  double low = 0, high = 0;  // quartiles; meaningless without `spread`
  bool spread = true;        // false: computed from other figures
};

Figure figure(const std::string& name, Samples samples);  // of at least one sample
Figure computed(const std::string& name, double value);

Samples ratios(const Samples& numerators, const Samples& denominators);  // of the same length
Samples scaled(Samples samples, double factor);
Samples inverse(const Samples& samples, double factor);  // factor / sample

}  // namespace specula
