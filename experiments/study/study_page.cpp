// A study's report.html: the best choice under each condition, speed-up along each swept number, all cells.
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/pages/figure.h"
#include "experiments/pages/forest.h"
#include "experiments/pages/markup.h"
#include "experiments/pages/page_parts.h"
#include "experiments/report/table.h"
#include "experiments/study/axis_plot.h"
#include "experiments/study/axis_series.h"
#include "experiments/study/study_results.h"

namespace specula {
namespace {

std::string counted(size_t n, const std::string& what) { return cat(n, " ", what, n == 1 ? "" : "s"); }

std::string at(const std::string& condition) { return condition.empty() ? "" : " at " + condition; }

// "Best at temperature=0.7: sps length=2, speed-up 1.17 [1.02, 1.35]; 3 others cannot be told from it."
std::string verdict(const std::string& condition, const std::vector<Ranked>& ranking) {
  size_t alike = 0;
  for (const Ranked& r : ranking) alike += r.verdict == "~" ? 1 : 0;
  const std::string others = alike == 0   ? "every other is slower"
                             : alike == 1 ? "one other cannot be told from it"
                                          : cat(alike, " others cannot be told from it");
  return cat("Best", at(condition), ": ", ranking.front().name, ", speed-up ", with_interval(ranking.front().speedup),
             against_baseline(ranking.front().speedup), ranking.size() > 1 ? "; " + others : "", ".");
}

MarkdownTable ranking_table(const std::vector<Ranked>& ranking) {
  using enum MarkdownTable::Align;
  MarkdownTable table;
  table.column("choice", kLeft);
  for (const char* const title : {"speedup (95% CI)", "ratio to the best", "p adjusted"}) table.column(title, kRight);
  table.column("verdict", kLeft);
  for (const Ranked& r : ranking)
    table.row({r.name, with_interval(r.speedup), with_interval(r.ratio), p_text(r.p_adjusted), r.verdict});
  return table;
}

std::string ranking_html(const std::string& condition, const std::vector<Ranked>& ranking) {
  std::vector<ForestRow> rows;
  for (const Ranked& r : ranking) rows.push_back({r.name, r.speedup});
  Figure figure{.id = "best-" + condition,
                .title = condition.empty() ? "Choices" : "Choices at " + condition,
                .caption = "Speed-up of each choice against the baseline of its own cell, the fastest first.",
                .wide = true};
  figure.panels.push_back({"", "", forest_svg(rows, forest_range(rows), {760, 240}, "speed-up", figure.title)});
  return cat(figure_html(figure), "<details class=\"card\"><summary>Compared with the best", escaped(at(condition)),
             "</summary>\n", table_html(ranking_table(ranking)),
             "<p class=\"note\">Ratio of speed-ups on the groups of prompts that both have.  p: Wilcoxon over groups, "
             "Bonferroni over all pairs of choices, for the best is chosen by the same data.</p></details>\n");
}

std::string failures_html(const StudyResult& result) {
  std::string items;
  for (const StudyCellResult& cell : result.cells) {
    if (cell.state == "done") continue;
    items += cat("<li>", escaped(cell.label), ": ", escaped(cell.state),
                 cell.error.empty() ? "" : ", " + escaped(cell.error), "</li>\n");
  }
  return items.empty() ? "" : cat("<div class=\"warnings\"><ul>\n", items, "</ul></div>\n");
}

// The page of a cell lies in its folder, beside this one.
std::string pages_html(const StudyResult& result) {
  std::string html = "<div class=\"block\"><h3>Pages of the cells</h3>\n<ul>\n";
  for (const StudyCellResult& cell : result.cells) {
    if (!cell.times.empty())
      html += cat("<li><a href=\"", escaped(cell.cell), "/report.html\">", escaped(cell.label), "</a></li>\n");
  }
  return html + "</ul></div>\n";
}

std::string header_html(const StudyResult& result, const Rankings& rankings) {
  size_t measured = 0;
  for (const StudyCellResult& cell : result.cells) measured += cell.times.empty() ? 0 : 1;
  std::string html =
      cat("<header>\n<h1>", escaped(result.name), "</h1>\n<p class=\"meta\">", counted(result.cells.size(), "cell"),
          " over ", escaped(join(result.paths)), "; ", measured, " measured</p>\n");
  for (const auto& [condition, ranking] : rankings) {
    if (!ranking.empty()) html += cat("<p class=\"verdict\">", escaped(verdict(condition, ranking)), "</p>\n");
  }
  return html +
         "<nav><a href=\"#best\">Best choices</a><a href=\"#axes\">Along the swept keys</a><a "
         "href=\"#cells\">Cells</a></nav>\n</header>\n";
}

std::string axes_html(const StudyResult& result) {
  std::string html;
  for (const Axis& axis : number_axes(result)) {
    html += cat("<div class=\"card\"><h3>Where drafting pays along ", escaped(axis.key), "</h3>\n<ul>\n");
    for (const AxisSeries& series : axis.series) {
      const std::string crossover = crossover_text(axis, series);
      if (!crossover.empty()) html += cat("<li>", escaped(crossover), "</li>\n");
    }
    html += "</ul></div>\n";
  }
  for (const Figure& figure : axis_figures(result)) html += figure_html(figure);
  return html.empty() ? "<div class=\"card\"><p>No swept key took three or more different numbers.</p></div>\n" : html;
}

}  // namespace

std::string study_html(const StudyResult& result, const Rankings& rankings) {
  std::string best;
  for (const auto& [condition, ranking] : rankings) {
    if (ranking.size() > 1) best += ranking_html(condition, ranking);
  }
  if (best.empty()) best = "<div class=\"card\"><p>There is one choice under each condition, or none.</p></div>\n";
  return page_html(
      result.name + " - Specula",
      cat(header_html(result, rankings), "<main>\n", failures_html(result),
          "<section id=\"best\">\n<h2>Best choices</h2>\n", best,
          "</section>\n<section id=\"axes\">\n<h2>Along the swept keys</h2>\n", axes_html(result),
          "</section>\n<section id=\"cells\">\n<h2>Cells</h2>\n<div class=\"block\">", table_html(cells_table(result)),
          "</div>\n", pages_html(result), "</section>\n</main>\n<footer>Written by Specula, from the records of the ",
          "cells alone.</footer>\n"),
      study_json(result));
}

}  // namespace specula
