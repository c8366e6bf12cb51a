// `specula papers`: the claims of papers, checked on toys and on runs of the demo pair.
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/papers/outcome.h"
#include "experiments/run/environment.h"
#include "experiments/run_cell.h"
#include "framework/core/files.h"
#include "framework/core/log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> configs_of(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<const Paper*> chosen(const PapersArgs& args) {
  std::vector<std::string> names;
  for (const Paper& paper : all_papers()) names.push_back(paper.name);
  if (args.all != args.names.empty())
    throw ConfigError(cat("papers run: give names of papers or --all", suggestion("", names)));
  std::vector<const Paper*> papers;
  for (const Paper& paper : all_papers()) {
    if (args.all || std::find(args.names.begin(), args.names.end(), paper.name) != args.names.end())
      papers.push_back(&paper);
  }
  for (const std::string& name : args.names) {
    if (std::find(names.begin(), names.end(), name) == names.end())
      throw ConfigError(cat("papers run: unknown paper '", name, "'", suggestion(name, names)));
  }
  return papers;
}

PaperCheck check_of(const ExpectationResult& result, const std::string& file) {
  const Expectation& expected = result.expected;
  return {.claim = cat(expected.metric, " of ", expected.arm),
          .source = file,
          .got = result.value,
          .low = expected.low,
          .high = expected.high,
          .binding = expected.kind == "portable"};
}

struct PaperRun {
  std::string file;
  ExperimentConfig config;
};

class PapersRun {
 public:
  explicit PapersRun(const PapersArgs& args)
      : args_(args),
        registries_(make_registries()),
        run_args_{.resume = "never", .argv = args.argv},
        runner_(registries_, run_args_) {}

  ExitCode run() {
    const std::vector<const Paper*> papers = chosen(args_);
    std::vector<std::vector<PaperRun>> configs;  // every one is checked before the first runs
    for (const Paper* paper : papers) configs.push_back(load(*paper));
    std::vector<PaperOutcome> outcomes;
    for (size_t i = 0; i < papers.size(); ++i) {
      log::info(cat("paper ", i + 1, " of ", papers.size(), ": ", papers[i]->name));
      PaperOutcome outcome{.paper = papers[i], .checks = papers[i]->on_toys(registries_)};
      if (const ExitCode code = play(configs[i], outcome); code != ExitCode::kOk) return code;
      print(outcome);
      outcomes.push_back(std::move(outcome));
    }
    std::cout << outcomes_table(outcomes);
    const bool missed = std::any_of(outcomes.begin(), outcomes.end(),
                                    [](const PaperOutcome& outcome) { return outcome.missed(true) > 0; });
    return missed ? ExitCode::kExpectation : ExitCode::kOk;
  }

 private:
  fs::path folder_of(const Paper& paper) const {
    fs::path folder = fs::path(args_.folder) / paper.name;
    if (!fs::is_regular_file(folder / "README.md"))
      throw ConfigError(cat(folder.string(), ": no folder of a paper; run this where experiments/papers lies"));
    return folder;
  }

  std::vector<PaperRun> load(const Paper& paper) const {
    std::vector<PaperRun> runs;
    for (const fs::path& file : configs_of(folder_of(paper)))
      runs.push_back(
          {file.filename().string(), load_config(file, {.out = args_.out, .limit = args_.limit}, registries_)});
    return runs;
  }

  // Adds the checks of its runs.  Returns kOk, kPartial or the code of an interruption.
  ExitCode play(const std::vector<PaperRun>& configs, PaperOutcome& outcome) {
    PaperRuns runs;
    for (const auto& [file, config] : configs) {
      const CellResult cell = runner_.run(config, signals_);
      if (cell.code != ExitCode::kOk) return cell.code;
      Summary summary = rebuild_summary(cell.folder);
      for (const ExpectationResult& result : summary.expectations) outcome.checks.push_back(check_of(result, file));
      runs.add(fs::path(file).stem().string(), std::move(summary));
    }
    const PaperChecks checks = outcome.paper->on_runs(runs);
    outcome.checks.insert(outcome.checks.end(), checks.begin(), checks.end());
    return ExitCode::kOk;
  }

  void print(const PaperOutcome& outcome) const {
    const std::string table = checks_table(outcome);
    std::cout << "## " << outcome.paper->name << ": " << outcome.paper->reference << "\n\n" << table << std::endl;
    if (args_.write) {
      write_outcome(folder_of(*outcome.paper) / "README.md",
                    cat("Measured on ", cpu_model(), ": ", outcome.verdict(), ".\n\n", table));
    }
  }

  const PapersArgs& args_;
  const Registries registries_;
  const RunArgs run_args_;
  const SignalScope signals_{};
  CellRunner runner_;
};

}  // namespace

ExitCode papers_list_command(const std::string& format) {
  if (format == "markdown") {
    std::cout << papers_table(all_papers());
    return ExitCode::kOk;
  }
  for (const Paper& paper : all_papers())
    std::cout << paper.name << " (" << paper.reference << ")\n  " << paper.claim << "\n";
  return ExitCode::kOk;
}

ExitCode papers_run_command(const PapersArgs& args) {
  if (args.write && args.limit >= 0)
    throw ConfigError("papers run: --write keeps the outcome of whole runs; leave --limit out");
  return PapersRun(args).run();
}

}  // namespace specula
