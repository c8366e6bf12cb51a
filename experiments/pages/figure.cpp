#include "experiments/pages/figure.h"

#include "experiments/pages/markup.h"
#include "framework/core/error.h"

namespace specula {
namespace {

std::string swatch(const LegendEntry& entry) {
  using enum LegendEntry::Kind;
  Svg svg(26, 12, entry.text);
  const Point middle = {13, 6};
  if (entry.kind == kLine) svg.line({1, 6}, {25, 6}, entry.style);
  if (entry.kind == kBar) svg.rect({5, 0.5, 16, 11}, entry.style);
  if (entry.kind == kCircle) svg.mark(Mark::kCircle, middle, entry.style);
  if (entry.kind == kSquare) svg.mark(Mark::kSquare, middle, entry.style);
  if (entry.kind == kDiamond) svg.mark(Mark::kDiamond, middle, entry.style);
  return svg.str();
}

std::string panel_html(const Panel& panel) {
  std::string html = "<div class=\"panel\">";
  if (!panel.title.empty()) html += cat("<h4>", escaped(panel.title), "</h4>");
  if (!panel.note.empty()) html += cat("<p class=\"note\">", escaped(panel.note), "</p>");
  return html + "<div class=\"scroll\">" + panel.svg + "</div></div>\n";
}

}  // namespace

std::string lacking(const Report& report, const ArmInfo& arm, const std::string& reason) {
  return cat(arm.name, ": ", report.cell(arm).counts.records == 0 ? reason_text("no_records") : reason);
}

std::string figure_html(const Figure& figure) {
  std::string html = cat("<figure id=\"", figure.id, "\">\n<h3>", escaped(figure.title), "</h3>\n<figcaption>",
                         escaped(figure.caption), "</figcaption>\n");
  if (!figure.panels.empty()) {
    if (!figure.legend.empty()) {
      html += "<ul class=\"legend\">";
      for (const LegendEntry& entry : figure.legend) html += cat("<li>", swatch(entry), escaped(entry.text), "</li>");
      html += "</ul>\n";
    }
    html += cat("<div class=\"panels", !figure.wide ? "" : figure.panels.size() == 1 ? " one" : " wide", "\">\n");
    for (const Panel& panel : figure.panels) html += panel_html(panel);
    html += "</div>\n";
  }
  if (!figure.missing.empty()) {
    html += cat("<p class=\"missing\">",
                figure.panels.empty() ? "Nothing to draw: " : "Not shown: ", escaped(join(figure.missing, "; ")),
                ".</p>\n");
  }
  return html + "</figure>\n";
}

}  // namespace specula
