// report.html: the sections of the page.
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/pages/figure.h"
#include "experiments/pages/markup.h"
#include "experiments/pages/page_parts.h"
#include "experiments/pages/tables.h"
#include "experiments/report/metrics.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

std::string lines_html(const std::vector<std::string>& lines, const std::string& style) {
  std::string html;
  for (const std::string& line : lines) html += cat("<p class=\"", style, "\">", escaped(line), "</p>\n");
  return html;
}

std::string warnings_html(const Report& report) {
  const std::vector<std::string> all = warnings(report);
  if (all.empty()) return "<div class=\"card\"><p>None: every record is there, and every check passed.</p></div>\n";
  std::string html = "<div class=\"warnings\"><ul>\n";
  for (const std::string& w : all) html += cat("<li>", escaped(w), "</li>\n");
  return html + "</ul></div>\n";
}

std::string pairs_html(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::string html = "<dl>\n";
  for (const auto& [name, value] : pairs) html += cat("<dt>", escaped(name), "</dt><dd>", escaped(value), "</dd>\n");
  return html + "</dl>\n";
}

std::string setup_html(const Report& report) {
  const RunInfo& run = report.run;
  const std::vector<std::pair<std::string, std::string>> facts = {
      {"run", cat(run.run_id, ", begun ", run.created_utc)},
      {"experiment", cat(run.experiment, ", cell ", run.cell)},
      {"prompts", cat(run.prompts_file, ", ", run.num_prompts, " prompts, ", run.repetitions,
                      run.repetitions == 1 ? " repetition" : " repetitions")},
      {"new tokens", cat("at most ", run.max_new_tokens)},
      {"sampling", run.sampler.empty() ? "p = softmax" : run.sampler},
      {"seed", cat(run.seed, "; intervals from ", run.bootstrap, " resamples")},
      {"threads", cat(run.threads)},
      {"memory stream", three_digits(run.stream_gb_s) + " GB/s"},
      {"build", run.build}};
  std::string html = cat("<div class=\"wrap\">", table_html(arm_table(report)), table_html(model_table(report)),
                         "</div>\n", "<div class=\"block\"><h3>Run</h3>\n", pairs_html(facts),
                         "</div>\n<div class=\"block\"><h3>Machine and build</h3>\n");
  html += report.environment.empty() ? "<p class=\"missing\">The run folder has no env.json.</p>\n"
                                     : pairs_html(report.environment);
  std::vector<std::pair<std::string, std::string>> identity(run.identity.begin(), run.identity.end());
  html += "</div>\n";
  if (!identity.empty())
    html += cat("<div class=\"block\"><h3>What a resume compares</h3>\n", pairs_html(identity), "</div>\n");
  return html;
}

std::string prompt_cell(const PromptCell& cell, bool baseline) {
  if (baseline) return cell.paired() ? three_digits(cell.base_us_per_token() * 1e-3) : "–";
  if (cell.failed > 0) return "failed";
  return cat(cell.paired() ? fixed(cell.speedup(), 2) : "–", cell.different > 0 ? " ≠" : "");
}

// A row for each prompt: the baseline's time of a token, the speed-ups of the arms.
std::string prompts_html(const Report& report) {
  MarkdownTable table;
  using enum MarkdownTable::Align;
  table.column("prompt", kLeft);
  table.column("category", kLeft);
  for (const ArmInfo& arm : report.arms) table.column(arm.baseline ? arm.name + ", ms a token" : arm.name, kRight);
  for (const PromptRow& row : report.prompts) {
    std::vector<std::string> cells = {row.prompt, row.category};
    for (size_t i = 0; i < row.arms.size(); ++i) cells.push_back(prompt_cell(row.arms[i], report.arms[i].baseline));
    table.row(std::move(cells));
  }
  return cat(
      "<details class=\"card\"><summary>", report.prompts.size(), report.prompts.size() == 1 ? " prompt" : " prompts",
      "</summary>\n<p class=\"note\">Speed-up of each arm on the prompt, all turns and repetitions together; ≠: a "
      "text is not the baseline's.</p>\n",
      table_html(table), "</details>\n");
}

std::string definitions_html(const Report& report) {
  std::string html = "<div class=\"block\"><dl>\n";
  for (const std::string& name : shown_metrics(report)) {
    const MetricDefinition& m = *find_metric(name);
    html += cat("<dt>", escaped(m.name), "</dt><dd>", escaped(m.definition),
                " <span class=\"meta\">Unit: ", escaped(m.unit), ". Portable: ", escaped(m.portable),
                m.also_called.empty() ? "" : ". Also called: " + escaped(m.also_called), ".</span></dd>\n");
  }
  return html + "</dl></div>\n";
}

// What others may read from the page: the summary, and the prompts with times in us a token.
std::string data_json(const Report& report) {
  Json json = {{"schema", "specula.report/1.0"}, {"summary", Json::parse(summary_json(report.run, report.summary))}};
  json["prompts"] = Json::array();
  for (const PromptRow& row : report.prompts) {
    Json arms = Json::object();
    for (size_t i = 0; i < row.arms.size(); ++i) {
      const PromptCell& cell = row.arms[i];
      if (!cell.paired()) continue;
      arms[report.arms[i].name] = {{"us_per_token", cell.us_per_token()},
                                   {"ref_us_per_token", cell.base_us_per_token()},
                                   {"different", cell.different}};
    }
    json["prompts"].push_back({{"prompt", row.prompt}, {"cat", row.category}, {"arms", std::move(arms)}});
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Only of a run that recorded distributions.
std::string entropy_html(const Report& report) {
  return report.tested.empty() ? "" : figure_html(entropy_figure(report));
}

// Only where some arm's energy was measured; the table says why not.
std::string energy_html(const Report& report) {
  const Figure figure = energy_figure(report);
  return figure.panels.empty() ? "" : figure_html(figure);
}

struct Section {
  const char *id, *title;
  std::string html;
};

std::vector<Section> sections(const Report& report) {
  const RunInfo& run = report.run;
  return {{"result", "Result",
           cat("<div class=\"block\">", table_html(result_arms(report).table),
               lines_html(result_remarks(report), "note"), "</div>\n")},
          {"warnings", "Warnings and exclusions", warnings_html(report)},
          {"speed", "Speed",
           cat(figure_html(speedup_figure(report)), figure_html(category_figure(report)),
               table_html(result_categories(report)), table_html(comparison_table(report)),
               figure_html(prompt_figure(report)))},
          {"acceptance", "Acceptance",
           cat(table_html(acceptance_table(report)), figure_html(depth_figure(report)),
               figure_html(length_figure(report)), figure_html(position_figure(report)), entropy_html(report))},
          {"time", "Time",
           cat(table_html(speed_table(report)), figure_html(phase_figure(report)), table_html(phase_table(report)),
               table_html(cost_table(report)), figure_html(step_figure(report)))},
          {"work", "Work and energy", cat(table_html(work_table(report)), energy_html(report))},
          {"quality", "Quality", table_html(quality_table(report))},
          {"setup", "Setup", setup_html(report)},
          {"prompts", "Prompts", prompts_html(report)},
          {"definitions", "Definitions", definitions_html(report)},
          {"rerun", "Run it again",
           cat("<div class=\"block\"><pre>", escaped(rerun_command(run)),
               "</pre><p class=\"note\">config.resolved.toml in the "
               "run folder holds every key; the figures above are computed anew by <code>specula "
               "report</code>.</p></div>\n")}};
}

}  // namespace

std::string report_html(const Report& report) {
  const RunInfo& run = report.run;
  const std::vector<Section> all = sections(report);
  std::string nav, main;
  for (const Section& s : all) {
    nav += cat("<a href=\"#", s.id, "\">", s.title, "</a>");
    main += cat("<section id=\"", s.id, "\">\n<h2>", s.title, "</h2>\n", s.html, "</section>\n");
  }
  return page_html(
      run.experiment + " - Specula",
      cat("<header>\n<h1>", escaped(run.experiment), "</h1>\n<p class=\"meta\">", escaped(header_line(run)),
          "</p>\n<p class=\"verdict\">", escaped(verdict(report)), "</p>\n<nav>", nav, "</nav>\n</header>\n<main>\n",
          main, "</main>\n<footer>Written by Specula, from the records of the run alone.</footer>\n"),
      data_json(report));
}

}  // namespace specula
