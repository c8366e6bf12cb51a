// Acceptance against the entropy of p: drafts are rejected where the target itself is unsure.
#include <algorithm>
#include <cmath>

#include "experiments/pages/figure.h"
#include "experiments/report/grouped_ratio.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"

namespace specula {
namespace {

constexpr size_t kBins = 8;  // of equally many tokens

struct Bin {
  double entropy = 0;  // mean, nats
  GroupedRatio accepted;
};

std::vector<Bin> bins_of(std::vector<TestedToken> tokens) {
  std::sort(tokens.begin(), tokens.end(),
            [](const TestedToken& a, const TestedToken& b) { return a.entropy_nats < b.entropy_nats; });
  std::vector<Bin> bins;
  const size_t count = std::min(kBins, tokens.size());
  for (size_t b = 0; b < count; ++b) {
    const size_t first = tokens.size() * b / count, last = tokens.size() * (b + 1) / count;
    Bin bin;
    for (size_t i = first; i < last; ++i) {
      bin.entropy += tokens[i].entropy_nats / static_cast<double>(last - first);
      bin.accepted.add(tokens[i].group, tokens[i].accepted ? 1 : 0, 1);
    }
    bins.push_back(std::move(bin));
  }
  return bins;
}

Panel entropy_panel(const std::string& arm, const std::vector<Bin>& bins, double highest) {
  Svg svg(kPanelWidth, kPanelHeight, "Acceptance against entropy: " + arm);
  const Scale x(Scale::Kind::kLinear, range_of(0, highest), kPanelPlot.x, kPanelPlot.right());
  const Scale y(Scale::Kind::kLinear, range_of(0, 1), kPanelPlot.bottom(), kPanelPlot.y);
  draw_x_axis(svg, kPanelPlot, x, "entropy of p, nats");
  draw_y_axis(svg, kPanelPlot, y, "accepted");
  std::vector<Point> line;
  double tokens = 0;
  for (const Bin& bin : bins) {
    const Point at = {x(bin.entropy), y(bin.accepted.mean())};
    const double reach = 1.96 * bin.accepted.error();
    if (std::isfinite(reach))
      svg.line({at.x, y(std::max(0.0, bin.accepted.mean() - reach))},
               {at.x, y(std::min(1.0, bin.accepted.mean() + reach))}, "interval");
    line.push_back(at);
    tokens += bin.accepted.denominator;
  }
  svg.path(line, "line a");
  for (size_t i = 0; i < bins.size(); ++i) {
    svg.mark(Mark::kCircle, line[i], "dot a",
             cat(fixed(bins[i].entropy, 2), " nats: ", fixed(bins[i].accepted.mean(), 2), " of ",
                 bins[i].accepted.denominator, " tested tokens"));
  }
  return {arm, cat(tokens, " tested tokens"), svg.str()};
}

}  // namespace

Figure entropy_figure(const Report& report) {
  Figure figure{.id = "acceptance-entropy",
                .title = "Acceptance against entropy",
                .caption =
                    "Drafted tokens that the rule tested, in eight groups of equally many by the entropy of p where "
                    "they stood; bars are 95 % intervals over prompts."};
  double highest = 0;
  for (const auto& [arm, tested] : report.tested) {
    for (const TestedToken& token : tested.tokens) highest = std::max(highest, token.entropy_nats);
  }
  for (const ArmInfo& arm : report.arms) {
    const auto found = report.tested.find(arm.name);
    if (found == report.tested.end()) continue;
    if (found->second.tokens.empty()) {
      figure.missing.push_back(lacking(report, arm, reason_text(found->second.why)));
    } else {
      figure.panels.push_back(entropy_panel(arm.name, bins_of(found->second.tokens), std::max(highest, 0.1)));
    }
  }
  return figure;
}

}  // namespace specula
