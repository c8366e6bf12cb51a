// `specula report`: the records of one run as a page, as Markdown and as LaTeX; those of a study as its pages; the
// curves of a training.
#include <cstdio>

#include "experiments/commands.h"
#include "experiments/pages/latex.h"
#include "experiments/pages/report.h"
#include "experiments/results.h"
#include "experiments/train/training_page.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {

namespace {

void report_study(const std::filesystem::path& folder) {
  const StudyResult study = read_study(folder);
  for (const StudyCellResult& cell : study.cells) {
    if (!cell.times.empty()) write_page(folder / cell.cell, read_report(folder / cell.cell, cell.summary));
  }
  std::fputs(write_results(folder, study).c_str(), stdout);
}

void report_run(const std::filesystem::path& folder) {
  const Report report = read_report(folder);
  write_summary(folder, report.run, report.summary);
  std::vector<std::filesystem::path> written = {write_page(folder, report), folder / "report.md"};
  write_file_atomically(written.back(), report_markdown(report));
  for (const std::filesystem::path& file : write_latex(folder, report)) written.push_back(file);
  std::string text = verdict(report) + "\n\nWrote\n";
  for (const std::filesystem::path& file : written) text += "  " + file.string() + "\n";
  std::fputs(text.c_str(), stdout);
}

}  // namespace

ExitCode report_command(const std::string& folder) {
  if (is_training_folder(folder)) {
    std::fputs(cat("Wrote\n  ", write_training_page(folder).string(), "\n").c_str(), stdout);
    return ExitCode::kOk;
  }
  is_study_folder(folder) ? report_study(folder) : report_run(folder);
  return ExitCode::kOk;
}

}  // namespace specula
