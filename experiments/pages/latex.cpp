#include "experiments/pages/latex.h"

#include <cctype>
#include <cmath>

#include "experiments/pages/markup.h"
#include "experiments/report/metrics.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

std::string replacement(char c) {
  switch (c) {
    case '\\':
      return "\\textbackslash{}";
    case '~':
      return "\\textasciitilde{}";
    case '^':
      return "\\textasciicircum{}";
    case '<':
      return "\\textless{}";
    case '>':
      return "\\textgreater{}";
    case '|':
      return "\\textbar{}";
    case '"':
      return "''";
    case '&':
    case '%':
    case '$':
    case '#':
    case '_':
    case '{':
    case '}':
      return std::string("\\") + c;
    default:
      return static_cast<unsigned char>(c) < 0x20 ? " " : std::string(1, c);
  }
}

// Of the remark behind a line: it must not end before the line does.
std::string one_line(const std::string& text) {
  std::string out;
  for (const char c : text) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out;
}

std::string head(const RunInfo& run, const std::string& what) {
  return cat("% ", one_line(what), ".  Written by `specula report` from run ", one_line(run.run_id), ", build ",
             one_line(run.build), "; do not edit.\n");
}

// A bracket or star that follows the end of a row would be its argument.
std::string cell_text(const std::string& cell) {
  if (cell == "~") return "$\\sim$";
  if (cell == "–") return "--";
  return (cell.starts_with("[") || cell.starts_with("*") ? "{}" : "") + latex_escaped(cell);
}

std::string camel(const std::string& text) {
  static const char* const kDigits[] = {"Zero", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine"};
  std::string out;
  bool begins = true;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x80 && std::isdigit(u) != 0) {
      out += kDigits[c - '0'];
      begins = true;
    } else if (u < 0x80 && std::isalpha(u) != 0) {
      out += begins ? static_cast<char>(std::toupper(u)) : c;
      begins = false;
    } else {
      begins = true;
    }
  }
  return out;
}

std::string macro(const std::string& name, const std::string& value, const std::string& remark) {
  return cat("\\newcommand{\\", name, "}{", value, "}% ", one_line(remark), "\n");
}

// The figure, and where it has an interval its ends.
std::string estimate_macros(MacroNames& names, const std::string& metric, const Estimate& e,
                            const std::vector<std::string>& of) {
  std::vector<std::string> words = {metric};
  words.insert(words.end(), of.begin(), of.end());
  const std::string remark = cat(metric, " of ", join(of, ", category "));
  if (!std::isfinite(e.value)) return macro(names.name(words), "--", cat(remark, ": ", reason_text(e.why)));
  std::string text = macro(names.name(words), metric_text(metric, e.value), remark);
  if (!std::isfinite(e.interval.low)) return text;
  words.emplace_back("low");
  text += macro(names.name(words), metric_text(metric, e.interval.low), remark + ", lower end of the 95 % interval");
  words.back() = "high";
  return text +
         macro(names.name(words), metric_text(metric, e.interval.high), remark + ", upper end of the 95 % interval");
}

}  // namespace

std::string latex_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += replacement(c);
  return out;
}

std::string MacroNames::name(const std::vector<std::string>& words) {
  std::string base;
  for (const std::string& word : words) base += camel(word);
  if (base.empty()) base = "Unnamed";
  std::string candidate = base;
  for (int next = 1; !given_.insert(candidate).second; ++next) {
    candidate = base;  // B .. Z, BB, BC, ... as columns of a sheet are counted
    for (int rest = next; rest >= 0; rest = rest / 26 - 1)
      candidate.insert(base.size(), 1, static_cast<char>('A' + rest % 26));
  }
  return candidate;
}

std::string latex_table(const RunInfo& run, const ReportTable& table) {
  std::string text = head(run, table.title) + "% needs \\usepackage{booktabs}\n\\begin{tabular}{";
  for (const MarkdownTable::Align align : table.table.aligns())
    text += align == MarkdownTable::Align::kLeft ? 'l' : 'r';
  text += "}\n\\toprule\n";
  const auto line = [](const std::vector<std::string>& cells) {
    std::vector<std::string> escaped_cells;
    for (const std::string& cell : cells) escaped_cells.push_back(cell_text(cell));
    return join(escaped_cells, " & ") + " \\\\\n";
  };
  text += line(table.table.titles()) + "\\midrule\n";
  for (const auto& row : table.table.rows()) text += line(row);
  text += "\\bottomrule\n\\end{tabular}\n";
  for (const std::string& note : table.notes) text += cat("% ", one_line(note), "\n");
  return text;
}

std::string latex_numbers(const Report& report) {
  MacroNames names;
  const RunInfo& run = report.run;
  std::string text = head(run, "One macro for each figure");
  text += macro(names.name({"run", "id"}), latex_escaped(run.run_id), "of the run");
  text += macro(names.name({"run", "build"}), latex_escaped(run.build), "of the program");
  text += macro(names.name({"run", "prompts"}), std::to_string(run.num_prompts), "in the run");
  text += macro(names.name({"run", "repetitions"}), std::to_string(run.repetitions), "of each prompt");
  text += macro(names.name({"run", "tokens"}), std::to_string(run.max_new_tokens), "at most for each prompt");
  for (const ArmInfo& arm : report.arms) {
    for (const NamedEstimate& m : report.cell(arm).metrics)
      text += estimate_macros(names, m.name, m.estimate, {arm.name});
  }
  for (const ArmInfo& arm : report.arms) {
    if (report.summary.categories.size() < 2) break;
    for (const std::string& category : report.summary.categories) {
      const CellSummary& cell = report.summary.cell(arm.name, category);
      for (const char* const metric : {"speedup", "tau", "alpha"})
        text += estimate_macros(names, metric, cell.at(metric), {arm.name, category});
    }
  }
  return text;
}

std::vector<fs::path> write_latex(const fs::path& run_folder, const Report& report) {
  const fs::path folder = run_folder / "tables";
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) throw Error(cat(folder.string(), ": cannot create the folder: ", code.message()));
  std::vector<fs::path> written;
  for (const auto make : {result_arms, result_categories, comparison_table, speed_table, acceptance_table, phase_table,
                          cost_table, work_table, quality_table}) {
    const ReportTable table = make(report);
    const fs::path file = folder / (table.id + ".tex");
    if (table.table.rows().empty()) {
      fs::remove(file, code);  // of an earlier report
      continue;
    }
    write_file_atomically(file, latex_table(report.run, table));
    written.push_back(file);
  }
  written.push_back(folder / "numbers.tex");
  write_file_atomically(written.back(), latex_numbers(report));
  return written;
}

}  // namespace specula
