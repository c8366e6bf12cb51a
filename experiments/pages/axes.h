// Scales, their ticks, and the axes that are drawn from them.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/pages/svg.h"

namespace specula {

struct Range {
  double low = 0, high = 0;
  bool empty = true;
  void include(double value);  // what is not finite changes nothing
};
Range range_of(double low, double high);

class Scale {
 public:
  enum class Kind { kLinear, kLog, kWhole };  // kWhole: whole numbers, as positions are
  // Maps values onto pixels from `from` to `to`.  A range of one value is widened; kLog needs low > 0.
  Scale(Kind kind, Range values, double from, double to);

  double operator()(double value) const;
  // At most `most`, inside the range, round numbers: steps of 1, 2 or 5; on a log scale as many decades as there are.
  std::vector<double> ticks(size_t most) const;
  const Range& values() const { return values_; }
  double from() const { return from_; }
  double to() const { return to_; }

 private:
  std::vector<double> even_ticks(size_t most) const;
  Kind kind_;
  Range values_;
  double from_, to_;
};

std::string tick_text(double value);

// Draws what is around a plot: grid lines, labels that do not touch, the axis's name.
void draw_x_axis(Svg& svg, const Box& plot, const Scale& x, const std::string& name);
void draw_y_axis(Svg& svg, const Box& plot, const Scale& y, const std::string& name);

}  // namespace specula
