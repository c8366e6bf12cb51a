// The commands around the folders that runs leave.  Licence: Apache-2.0.
#include <iostream>

#include "experiments/cli/cli_flags.h"

namespace specula {
namespace {

void define_ls(CLI::App& app, CommandLine& line) {
  LsArgs& args = line.ls;
  argument(app, "DIR", args.folder, "folder of runs (default: runs)", Need::kOptional);
  repeated_flag(app, "--where", args.where, "KEY=VALUE",
                "only runs whose configuration says so, or KEY!=VALUE: not so; KEY may be experiment, cell or state; "
                "may be repeated");
  choice_flag(app, "--format", args.format, {"md", "csv", "json"}, "md by default");
}

void define_status(CLI::App& app, CommandLine& line) {
  arguments(app, "DIR", line.folders, "folders of runs or trainings, or folders of such");
}

void define_watch(CLI::App& app, CommandLine& line) {
  argument(app, "DIR", line.watch.folder, "the folder of a run, of a study, or of runs");
  number_flag(app, "--interval", line.watch.interval_s, "S", "seconds between two looks (default: 2)");
  switch_flag(app, "--once", line.watch.once, "looks once and ends");
}

void define_checklist(CLI::App& app, CommandLine& line) {
  argument(app, "DIR", line.checklist.folder, "the folder of a run");
  choice_flag(app, "--format", line.checklist.format, {"md", "json"}, "md by default");
}

void define_rerun(CLI::App& app, CommandLine& line) { argument(app, "DIR", line.rerun.folder, "a run folder"); }

void define_export(CLI::App& app, CommandLine& line) {
  ExportArgs& args = line.exported;
  argument(app, "DIR", args.folder, "a run folder");
  choice_flag(app, "--format", args.format, {"csv", "jsonl", "sqlite", "spec-bench"},
              "of the tables; csv by default; spec-bench writes the answer files of its evaluation instead");
  text_flag(app, "--out", args.out, "PATH",
            "tables of records, rounds, summary and meta: a new folder of files, or a new file of sqlite");
  text_flag(app, "--public", args.public_folder, "PATH",
            "instead: a copy of the run folder for others, without host, user, paths, command lines and token ids");
}

void define_merge(CLI::App& app, CommandLine& line) {
  argument(app, "DIR", line.merge.folder, "folder of a run, or of a study, whose shards have ended");
  switch_flag(app, "--force", line.merge.force,
              "joins what there is, whatever shards or prompts are missing and however their machines differ");
}

void define_slurm(CLI::App& app, CommandLine& line) {
  SlurmArgs& args = line.slurm;
  config_argument(app, args.config);
  switch_flag(app, "--print", args.print, "prints the script of the job array");
  switch_flag(app, "--submit", args.submit, "submits it, and a job that merges when all its tasks have ended");
  switch_flag(app, "--retry-failed", args.retry_failed,
              "submits only the shards that are neither done nor running, and the merging job");
  positive_flag(app, "--shards", args.shards, "parts of the prompts (default: as the run was begun, else 8)");
  positive_flag(app, "--parallel", args.parallel, "tasks at once (default: as many as the cluster gives)");
  count_flag(app, "--max-requeue", args.max_requeue,
             "times that a task may queue again after its time was up (default: 5)");
  text_flag(app, "--sbatch", args.sbatch, "ARGS", "further arguments of sbatch, as in '--gres=gpu:1 --time=2:00:00'");
  choice_flag(app, "--launcher", args.launcher, {"slurm", "local"},
              "local runs the same script on this machine, task by task, or --parallel at once");
  override_flags(app, args.overrides);
  sweep_flag(app, args.overrides);
}

void define_config_diff(CLI::App& app, CommandLine& line) {
  argument(app, "A", line.config, "an experiment, or the folder of a run");
  argument(app, "B", line.other_config, "another");
}

void define_completion(CLI::App& app, CommandLine& line) {
  argument(app, "SHELL", line.shell, "bash, zsh or fish", Need::kRequired, {"bash", "zsh", "fish"});
}

}  // namespace

std::vector<Command> run_commands() {
  return {
      {"config diff",
       "prints the keys in which two configurations or runs differ, with their origins",
       {"specula config diff configs/studies/quickstart.toml configs/studies/demo_t1.toml",
        "specula config diff configs/studies/quickstart.toml runs/demo/333c68536f_demo"},
       define_config_diff,
       [](CommandLine& line) { return config_diff_command(line.config, line.other_config); }},
      {"config schema",
       "prints the JSON Schema of an experiment file, for editors",
       {"specula config schema >specula.schema.json"},
       [](CLI::App& /*app*/, CommandLine& /*line*/) {},
       [](CommandLine& /*line*/) { return config_schema_command(); }},
      {"ls",
       "lists runs and trainings: state, progress, age, and the configuration keys in which they differ",
       {"specula ls", "specula ls runs/demo --where sampler.temperature.temperature=0",
        "specula ls runs --where 'state!=done' --format csv"},
       define_ls,
       [](CommandLine& line) { return ls_command(line.ls); }},
      {"status",
       "tells state, progress, age of the last heartbeat and last error of runs and trainings",
       {"specula status runs/demo", "specula status runs/demo/*", "specula status runs/train"},
       define_status,
       [](CommandLine& line) { return status_command(line.folders); }},
      {"watch",
       "shows running runs and trainings until they end: progress, speeds so far, time left",
       {"specula watch runs/demo", "specula watch runs/demo --once", "specula watch runs/study --interval 30",
        "specula watch runs/train"},
       define_watch,
       [](CommandLine& line) { return watch_command(line.watch); }},
      {"merge",
       "checks and joins the shards of a run or a study, and prints the table of what they say",
       {"specula merge runs/demo/333c68536f_demo", "specula merge runs/study --force"},
       define_merge,
       [](CommandLine& line) { return merge_command(line.merge); }},
      {"slurm",
       "runs an experiment in shards, as a job array of Slurm or on this machine",
       {"specula slurm " + kDemoConfig + " --print --shards 4",
        "specula slurm " + kDemoConfig + " --submit --shards 16 --parallel 8 --sbatch '--gres=gpu:1 --time=2:00:00'",
        "specula slurm " + kDemoConfig + " --retry-failed",
        "specula slurm " + kDemoConfig + " --submit --launcher local --shards 2 --limit 4"},
       define_slurm,
       [](CommandLine& line) { return slurm_command(line.slurm); }},
      {"rerun",
       "runs the resolved configuration of a run again, in a new folder beside it",
       {"specula rerun runs/demo/333c68536f_demo"},
       define_rerun,
       [](CommandLine& line) { return rerun_command(line.rerun); }},
      {"export",
       "writes a run as tables, or a copy of it that may be published",
       {"specula export runs/demo/333c68536f_demo --out demo-tables",
        "specula export runs/demo/333c68536f_demo --format sqlite --out demo.sqlite",
        "specula export runs/demo/333c68536f_demo --public demo-public"},
       define_export,
       [](CommandLine& line) { return export_command(line.exported); }},
      {"checklist",
       "answers reproducibility checklists (NeurIPS, ACM badges) from a run folder",
       {"specula checklist runs/demo/333c68536f_demo", "specula checklist runs/demo/333c68536f_demo --format json"},
       define_checklist,
       [](CommandLine& line) { return checklist_command(line.checklist); }},
      {"completion",
       "prints what makes a shell complete commands, flags and their values",
       {"specula completion bash >~/.specula-completion",
        "specula completion fish >~/.config/fish/completions/specula.fish"},
       define_completion,
       [](CommandLine& line) {
         std::cout << completion_script(line.shell);
         return ExitCode::kOk;
       }},
      {"man",
       "prints the manual page, specula.1",
       {"specula man >specula.1"},
       [](CLI::App& /*app*/, CommandLine& /*line*/) {},
       [](CommandLine& /*line*/) {
         std::cout << man_page();
         return ExitCode::kOk;
       }},
  };
}

}  // namespace specula
