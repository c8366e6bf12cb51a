// The commands that turn finished runs into pages and tables.  Licence: Apache-2.0.
#include "experiments/cli/cli_flags.h"

namespace specula {
namespace {

void define_report(CLI::App& app, CommandLine& line) {
  argument(app, "DIR", line.report,
           "the folder of a run: report.html, report.md and tables/*.tex are written into it; or of a study: "
           "report.html, study.md, study.csv and the pages of its cells; or of a training: report.html");
}

void define_score_run(CLI::App& app, CommandLine& line) {
  argument(
      app, "DIR", line.score_run.folder,
      "the folder of a run; its records stay as they are, scores.jsonl, nll.jsonl and what is derived are made anew");
  repeated_flag(app, "--scorer", line.score_run.scorers, "NAME",
                "as in [quality] scorers: NAME or CATEGORY=NAME; again for more (default: those of the run)");
  switch_flag(app, "--run-code", line.score_run.run_code,
              "executes the code that models wrote where a scorer needs it, in a sandbox without network; without it "
              "nothing is executed");
  switch_flag(app, "--nll", line.score_run.nll,
              "also loads the baseline's target in float32 and tells how likely every text is under it, given its "
              "prompt, at temperature 1 (nll_nats, ppl, nll_delta)");
}

}  // namespace

std::vector<Command> report_commands() {
  return {
      {"report",
       "writes the figures of a run as a page with plots, as Markdown and as LaTeX",
       {"specula report runs/quickstart-1/demo/333c68536f_demo", "specula report runs/ablation"},
       define_report,
       [](CommandLine& line) { return report_command(line.report); }},
      {"score-run",
       "judges the texts of a run by the references of its prompts, or by the target in float32",
       {"specula score-run runs/quickstart-1/demo/333c68536f_demo",
        "specula score-run runs/spec-bench/6d1f0a2b3c_spec-bench --scorer math_reasoning=gsm8k_em",
        "specula score-run runs/mbpp/0b1c2d3e4f_mbpp --scorer mbpp_pass --run-code",
        "specula score-run runs/quickstart-1/demo/333c68536f_demo --nll"},
       define_score_run,
       [](CommandLine& line) { return score_run_command(line.score_run); }},
  };
}

}  // namespace specula
