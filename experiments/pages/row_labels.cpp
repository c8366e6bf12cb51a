#include "experiments/pages/row_labels.h"

#include <algorithm>

namespace specula {
namespace {

constexpr double kLineHeight = 14;

}  // namespace

RowLabels::RowLabels(const std::vector<std::string>& names, double widest, double least_height) {
  for (const std::string& name : names) {
    lines_.push_back(wrapped_text(name, widest));
    for (const std::string& line : lines_.back()) width_ = std::max(width_, text_width(line));
    const double height = std::max(least_height, static_cast<double>(lines_.back().size()) * kLineHeight + 8);
    middles_.push_back(height_ + height / 2);
    height_ += height;
  }
}

void RowLabels::draw(Svg& svg, Point top_right) const {
  for (size_t row = 0; row < lines_.size(); ++row) {
    const double first = -(static_cast<double>(lines_[row].size()) - 1) / 2 * kLineHeight + 4;
    for (size_t i = 0; i < lines_[row].size(); ++i) {
      const double y = top_right.y + middles_[row] + first + static_cast<double>(i) * kLineHeight;
      svg.text({top_right.x, y}, lines_[row][i], Anchor::kEnd);
    }
  }
}

}  // namespace specula
