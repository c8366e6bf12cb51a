// A figure of a report: one drawing, or many small ones with the same axes, one for each arm, so that twenty arms are
// as readable as two.  What has nothing to show is named with its reason.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/pages/axes.h"
#include "experiments/pages/report.h"
#include "experiments/pages/svg.h"

namespace specula {

struct Panel {
  std::string title, note;  // above the drawing; empty: none
  std::string svg;
};

struct LegendEntry {
  enum class Kind { kLine, kCircle, kSquare, kDiamond, kBar };
  Kind kind;
  std::string style, text;
};

struct Figure {
  std::string id, title, caption;
  std::vector<LegendEntry> legend{};
  std::vector<Panel> panels{};
  std::vector<std::string> missing{};  // "ar: nothing was drafted"
  bool wide = false;                   // panels of half the page
};

// The drawings of this figure, or why there are none, as HTML.
std::string figure_html(const Figure& figure);

// "sps: nothing was drafted", of an entry of `missing`; an arm without a successful record has no other reason.
std::string lacking(const Report& report, const ArmInfo& arm, const std::string& reason);

// One file each.
Figure speedup_figure(const Report& report);
Figure category_figure(const Report& report);
Figure depth_figure(const Report& report);
Figure length_figure(const Report& report);
Figure position_figure(const Report& report);
Figure entropy_figure(const Report& report);
Figure phase_figure(const Report& report);
Figure step_figure(const Report& report);
Figure prompt_figure(const Report& report);
Figure energy_figure(const Report& report);

// Small drawings: their size, and the plot inside it.
inline constexpr double kPanelWidth = 256, kPanelHeight = 190;
inline constexpr Box kPanelPlot = {40, 24, 200, 126};

}  // namespace specula
