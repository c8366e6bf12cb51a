// Where the time of a kept token goes, stacked by phase: of the fenced pass.
#include <algorithm>
#include <map>

#include "experiments/pages/figure.h"
#include "experiments/pages/row_labels.h"
#include "experiments/pages/tables.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr double kWidth = 760, kTop = 8, kBarHeight = 22, kTotalWidth = 76;

void draw_bar(Svg& svg, const PhaseTimes& times, const Scale& x, double y) {
  double before = 0;
  for (size_t i = 0; i < times.us.size(); ++i) {
    const double left = x(before), width = x(before + times.us[i]) - left;
    before += times.us[i];
    if (width < 0.2) continue;
    const std::string name = phase_names()[i];
    svg.rect({left, y - kBarHeight / 2, width, kBarHeight}, "phase " + name,
             cat(times.arm, ", ", name, ": ", three_digits(times.us[i]), " us"));
    if (text_width(name) + 8 <= width) svg.text({left + width / 2, y + 4}, name, Anchor::kMiddle, "on-bar");
  }
  svg.text({x(before) + 8, y + 4}, three_digits(before) + " us", Anchor::kStart);
}

std::string bars(const std::vector<PhaseTimes>& all) {
  double longest = 0;
  std::vector<std::string> names;
  for (const PhaseTimes& times : all) {
    names.push_back(times.arm);
    longest = std::max(longest, times.total());
  }
  const RowLabels labels(names, 240, kBarHeight + 8);
  const Box plot = {labels.width() + 12, kTop, kWidth - labels.width() - 12 - kTotalWidth, labels.height()};
  Svg svg(kWidth, plot.bottom() + 40, "Time of a kept token by phase");
  const Scale x(Scale::Kind::kLinear, range_of(0, longest), plot.x, plot.right());
  draw_x_axis(svg, plot, x, "us a kept token");
  labels.draw(svg, {plot.x - 10, kTop});
  for (size_t i = 0; i < all.size(); ++i) draw_bar(svg, all[i], x, kTop + labels.middle(i));
  return svg.str();
}

}  // namespace

Figure phase_figure(const Report& report) {
  Figure figure{.id = "phases",
                .title = "Where the time of a kept token goes",
                .caption =
                    "From the fenced pass, in which every phase is timed: shares are true, the sum is not quite "
                    "that of the headline speeds.  Prefill is divided by the kept tokens too.",
                .wide = true};
  const std::vector<PhaseTimes> all = phase_times(report);
  for (const ArmInfo& arm : report.arms) {
    if (std::none_of(all.begin(), all.end(), [&](const PhaseTimes& t) { return t.arm == arm.name; }))
      figure.missing.push_back(lacking(report, arm, "no successful record of the fenced pass"));
  }
  if (report.run.trace_prompts == 0) figure.missing = {"the run had no fenced pass ([measure] trace = false)"};
  if (all.empty()) return figure;
  for (const std::string& name : phase_names())
    figure.legend.push_back({LegendEntry::Kind::kBar, "phase " + name, name});
  figure.panels.push_back({"", "", bars(all)});
  return figure;
}

}  // namespace specula
