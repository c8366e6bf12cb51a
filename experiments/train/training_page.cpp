#include "experiments/train/training_page.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/pages/figure.h"
#include "experiments/pages/markup.h"
#include "experiments/pages/page_parts.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr size_t kMostPoints = 200;  // a panel is as many pixels wide

void add_figures(const Json& line, std::vector<TrainingCurve>& curves) {
  const auto step = line.at("step").get<int64_t>();
  for (const auto& item : line.items()) {
    const std::string& name = item.key();
    if (!item.value().is_number() || name == "step" || name == "tokens") continue;
    auto curve = std::find_if(curves.begin(), curves.end(), [&](const TrainingCurve& c) { return c.name == name; });
    if (curve == curves.end()) curve = curves.insert(curves.end(), {.name = name, .points = {}});
    curve->points.emplace_back(step, item.value().get<double>());
  }
}

void add_line(const Json& line, TrainingCurves& curves) {
  if (line.at("k") == "step") add_figures(line, curves.batches);
  if (line.at("k") != "validation") return;
  add_figures(line, curves.held_out);
  if (line.value("is_best", false)) curves.best = line.at("step").get<int64_t>();
}

Panel panel_of(const TrainingCurve& curve, int64_t best) {
  const TrainingCurve drawn = thinned(curve, kMostPoints);
  Range values, steps;
  for (const auto& [step, value] : drawn.points) {
    values.include(value);
    steps.include(static_cast<double>(step));
  }
  Svg svg(kPanelWidth, kPanelHeight, curve.name + " against the step");
  const Scale x(Scale::Kind::kWhole, steps, kPanelPlot.x, kPanelPlot.right());
  const Scale y(Scale::Kind::kLinear, values, kPanelPlot.bottom(), kPanelPlot.y);
  draw_x_axis(svg, kPanelPlot, x, "step");
  draw_y_axis(svg, kPanelPlot, y, "");
  std::vector<Point> line;
  for (const auto& [step, value] : drawn.points) {
    if (std::isfinite(value)) line.push_back({x(static_cast<double>(step)), y(value)});
  }
  svg.path(line, "line a");
  for (const auto& [step, value] : curve.points) {
    if (step == best && std::isfinite(value))
      svg.mark(Mark::kSquare, {x(static_cast<double>(step)), y(value)}, "measured",
               cat("best: step ", step, ", ", curve.name, " ", fixed(value, 4)));
  }
  return {curve.name, cat("last ", fixed(curve.points.back().second, 4)), svg.str()};
}

Figure figure_of(const std::string& id, const std::string& title, const std::string& caption,
                 const std::vector<TrainingCurve>& curves, int64_t best) {
  Figure figure{.id = id, .title = title, .caption = caption};
  for (const TrainingCurve& curve : curves) figure.panels.push_back(panel_of(curve, best));
  if (best > 0) figure.legend = {{LegendEntry::Kind::kSquare, "measured", cat("best, after step ", best)}};
  if (curves.empty()) figure.missing.push_back("no line of metrics.jsonl has such figures");
  return figure;
}

// A row for every validation that has all figures.
MarkdownTable validations(const TrainingCurves& curves) {
  using enum MarkdownTable::Align;
  MarkdownTable table;
  table.column("step", kRight);
  size_t rows = curves.held_out.empty() ? 0 : curves.held_out.front().points.size();
  for (const TrainingCurve& curve : curves.held_out) {
    table.column(curve.name, kRight);
    rows = std::min(rows, curve.points.size());
  }
  for (size_t i = 0; i < rows; ++i) {
    std::vector<std::string> cells = {cat(curves.held_out.front().points[i].first)};
    for (const TrainingCurve& curve : curves.held_out) cells.push_back(fixed(curve.points[i].second, 4));
    table.row(cells);
  }
  return table;
}

std::string header_html(const Json& training) {
  const std::string name = training.value("name", ""), note = training.value("note", "");
  return cat("<header>\n<h1>", escaped(name), "</h1>\n<p class=\"meta\">", escaped(training.value("kind", "")),
             "; begun ", escaped(training.value("created_utc", "")), "; build ", escaped(training.value("build", "")),
             note.empty() ? "" : "; " + escaped(note),
             "</p>\n<nav><a href=\"#held\">Held-out texts</a><a href=\"#batches\">Batches</a></nav>\n</header>\n");
}

}  // namespace

bool is_training_folder(const fs::path& folder) { return fs::is_regular_file(folder / "training.json"); }

TrainingCurves read_training_curves(const fs::path& folder) {
  const fs::path file = folder / "metrics.jsonl";
  const std::string text = read_file(file);
  TrainingCurves curves;
  size_t begin = 0;
  for (int64_t number = 1; begin < text.size(); ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // torn
    try {
      add_line(Json::parse(text.substr(begin, end - begin)), curves);
    } catch (const Json::exception& e) {
      throw Error(cat(file.string(), ":", number, ": no line of metrics: ", e.what()));
    }
    begin = end + 1;
  }
  return curves;
}

TrainingCurve thinned(const TrainingCurve& curve, size_t most) {
  const size_t count = curve.points.size();
  if (count <= most) return curve;
  TrainingCurve thin{.name = curve.name, .points = {}};
  for (size_t i = 0; i < most; ++i) {
    const size_t begin = i * count / most, end = (i + 1) * count / most;
    double sum = 0;
    for (size_t j = begin; j < end; ++j) sum += curve.points[j].second;
    thin.points.emplace_back(curve.points[begin + (end - begin) / 2].first, sum / static_cast<double>(end - begin));
  }
  return thin;
}

fs::path write_training_page(const fs::path& folder) {
  const TrainingCurves curves = read_training_curves(folder);
  Json training;
  try {
    training = Json::parse(read_file(folder / "training.json"));
  } catch (const Json::exception& e) {
    throw Error(cat((folder / "training.json").string(), ": ", e.what()));
  }
  const Figure held_out =
      figure_of("held-out", "Held-out texts",
                "accepted_t1 and accepted_t0: tokens of a chain of gamma drafts that the target would keep, at "
                "temperature 1 and 0; overlap and agreement: of each place in the chain.",
                curves.held_out, curves.best);
  const Figure batches =
      figure_of("learning", "Batches", "Where there are many steps, each point is a mean of them.", curves.batches, 0);
  fs::path page = folder / "report.html";
  write_file_atomically(
      page, page_html(training.value("name", "training") + " - Specula",
                      cat(header_html(training), "<main>\n<section id=\"held\">\n<h2>Held-out texts</h2>\n",
                          figure_html(held_out), "<div class=\"block\">", table_html(validations(curves)),
                          "</div>\n</section>\n<section id=\"batches\">\n<h2>Batches</h2>\n", figure_html(batches),
                          "</section>\n</main>\n<footer>Written by Specula, from metrics.jsonl alone.</footer>\n"),
                      training.dump(1)));
  return page;
}

}  // namespace specula
