#include "experiments/pages/axes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kGap = 10;  // pixels between two labels at least
constexpr double kLineHeight = 14;
constexpr double kTickDrop = 17;  // below the plot, so that the lowest label of the y axis is not touched

// The smallest of 1, 2, 5 times a power of ten that is no smaller.
double round_step(double step) {
  const double power = std::pow(10, std::floor(std::log10(step)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= step * (1 - 1e-9)) return factor * power;
  }
  return 10 * power;
}

// Room that the labels of neighbouring ticks take along the axis.
bool fit(const Scale& scale, const std::vector<double>& ticks, bool horizontal) {
  for (size_t i = 1; i < ticks.size(); ++i) {
    const double room = horizontal ? (text_width(tick_text(ticks[i - 1])) + text_width(tick_text(ticks[i]))) / 2 + kGap
                                   : kLineHeight + 4;
    if (std::abs(scale(ticks[i]) - scale(ticks[i - 1])) < room) return false;
  }
  return true;
}

std::vector<double> fitting_ticks(const Scale& scale, bool horizontal) {
  for (size_t most = 9; most > 1; --most) {
    std::vector<double> ticks = scale.ticks(most);
    if (fit(scale, ticks, horizontal)) return ticks;
  }
  return scale.ticks(1);
}

}  // namespace

void Range::include(double value) {
  if (!std::isfinite(value)) return;
  low = empty ? value : std::min(low, value);
  high = empty ? value : std::max(high, value);
  empty = false;
}

Range range_of(double low, double high) {
  Range range;
  range.include(low);
  range.include(high);
  return range;
}

Scale::Scale(Kind kind, Range values, double from, double to) : kind_(kind), values_(values), from_(from), to_(to) {
  SPECULA_CHECK(!values.empty && (kind != Kind::kLog || values.low > 0), values.low, " to ", values.high);
  if (values_.high > values_.low) return;
  const double half = kind == Kind::kLog                         ? 0
                      : values_.low == 0 || kind == Kind::kWhole ? 0.5
                                                                 : std::abs(values_.low) / 10;
  values_.low = kind == Kind::kLog ? values_.low / 1.5 : values_.low - half;
  values_.high = kind == Kind::kLog ? values_.high * 1.5 : values_.high + half;
}

double Scale::operator()(double value) const {
  const double share = kind_ == Kind::kLog ? std::log(value / values_.low) / std::log(values_.high / values_.low)
                                           : (value - values_.low) / (values_.high - values_.low);
  return from_ + share * (to_ - from_);
}

std::vector<double> Scale::even_ticks(size_t most) const {
  double step = round_step((values_.high - values_.low) / static_cast<double>(most));
  if (kind_ == Kind::kWhole) step = std::max(1.0, step);
  std::vector<double> ticks;
  while (true) {
    const double first = std::ceil(values_.low / step - 1e-9), last = std::floor(values_.high / step + 1e-9);
    ticks.clear();
    for (double i = first; i <= last; ++i) ticks.push_back(i * step);
    if (ticks.size() <= most) return ticks;
    step = round_step(step * 1.5);
  }
}

std::vector<double> Scale::ticks(size_t most) const {
  if (kind_ != Kind::kLog) return even_ticks(most);
  const int low = static_cast<int>(std::floor(std::log10(values_.low))),
            high = static_cast<int>(std::ceil(std::log10(values_.high)));
  for (const std::vector<double>& factors : {std::vector<double>{1, 2, 5}, {1, 3}, {1}}) {
    std::vector<double> ticks;
    for (int decade = low; decade <= high; ++decade) {
      for (const double factor : factors) {
        const double tick = factor * std::pow(10, decade);
        if (tick >= values_.low * (1 - 1e-9) && tick <= values_.high * (1 + 1e-9)) ticks.push_back(tick);
      }
    }
    if (ticks.size() < 3 && values_.high / values_.low < 10) return even_ticks(most);
    if (ticks.size() <= most) return ticks;
  }
  std::vector<double> ticks;
  const int stride = (high - low) / static_cast<int>(most) + 1;
  for (int decade = low; decade <= high; decade += stride) {
    const double tick = std::pow(10, decade);
    if (tick >= values_.low * (1 - 1e-9) && tick <= values_.high * (1 + 1e-9)) ticks.push_back(tick);
  }
  return ticks;
}

std::string tick_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, std::abs(value) < 1e6 ? "%.6g" : "%.3g", std::abs(value) < 1e-12 ? 0.0 : value);
  return text;
}

void draw_x_axis(Svg& svg, const Box& plot, const Scale& x, const std::string& name) {
  for (const double tick : fitting_ticks(x, true)) {
    svg.line({x(tick), plot.y}, {x(tick), plot.bottom()}, "grid");
    svg.text({x(tick), plot.bottom() + kTickDrop}, tick_text(tick), Anchor::kMiddle, "tick");
  }
  svg.line({plot.x, plot.bottom()}, {plot.right(), plot.bottom()}, "axis");
  svg.text({plot.x + plot.width / 2, plot.bottom() + kTickDrop + kLineHeight + 3}, name, Anchor::kMiddle, "name");
}

void draw_y_axis(Svg& svg, const Box& plot, const Scale& y, const std::string& name) {
  for (const double tick : fitting_ticks(y, false)) {
    svg.line({plot.x, y(tick)}, {plot.right(), y(tick)}, "grid");
    svg.text({plot.x - 6, y(tick) + 4}, tick_text(tick), Anchor::kEnd, "tick");
  }
  svg.line({plot.x, plot.y}, {plot.x, plot.bottom()}, "axis");
  svg.text({0, plot.y - 8}, name, Anchor::kStart, "name");
}

}  // namespace specula
