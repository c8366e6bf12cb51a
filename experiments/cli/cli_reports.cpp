// The commands that turn finished runs into pages and tables.  Licence: Apache-2.0.
#include "experiments/cli/cli_flags.h"

namespace specula {
namespace {

void define_report(CLI::App& app, CommandLine& line) {
  argument(app, "DIR", line.report,
           "the folder of a run: report.html, report.md and tables/*.tex are written into it; or of a study: "
           "report.html, study.md, study.csv and the pages of its cells");
}

}  // namespace

std::vector<Command> report_commands() {
  return {
      {"report",
       "writes the figures of a run as a page with plots, as Markdown and as LaTeX",
       {"specula report runs/quickstart-1/demo/333c68536f_demo", "specula report runs/ablation"},
       define_report,
       [](CommandLine& line) { return report_command(line.report); }},
  };
}

}  // namespace specula
