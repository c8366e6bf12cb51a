// Names beside the rows of a drawing; long ones take several lines, and their rows are higher.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/pages/svg.h"

namespace specula {

class RowLabels {
 public:
  RowLabels(const std::vector<std::string>& names, double widest, double least_height);
  double width() const { return width_; }                    // of the widest line
  double height() const { return height_; }                  // of all rows
  double middle(size_t row) const { return middles_[row]; }  // from the top of the first
  void draw(Svg& svg, Point top_right) const;

 private:
  std::vector<std::vector<std::string>> lines_;
  std::vector<double> middles_;
  double width_ = 0, height_ = 0;
};

}  // namespace specula
