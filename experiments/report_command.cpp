// `specula report`: the records of one run as a page, as Markdown and as LaTeX.
#include <cstdio>

#include "experiments/commands.h"
#include "experiments/pages/latex.h"
#include "experiments/pages/report.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {

ExitCode report_command(const std::string& run_folder) {
  const std::filesystem::path folder = run_folder;
  const Report report = read_report(folder);
  std::vector<std::filesystem::path> written = {write_page(folder, report), folder / "report.md"};
  write_file_atomically(written.back(), report_markdown(report));
  for (const std::filesystem::path& file : write_latex(folder, report)) written.push_back(file);
  std::string text = verdict(report) + "\n\nWrote\n";
  for (const std::filesystem::path& file : written) text += "  " + file.string() + "\n";
  std::fputs(text.c_str(), stdout);
  return ExitCode::kOk;
}

}  // namespace specula
