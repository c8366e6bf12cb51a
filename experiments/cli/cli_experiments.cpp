// The commands around experiments: what a configuration says, runs, certificates, comparisons.  Licence: Apache-2.0.
#include "experiments/cli/cli_flags.h"
#include "framework/certify/planted.h"

namespace specula {
namespace {

void define_run(CLI::App& app, CommandLine& line) {
  config_argument(app, line.run.config);
  override_flags(app, line.run.overrides);
  sweep_flag(app, line.run.overrides);
  choice_flag(app, "--resume", line.run.resume, {"auto", "force", "never"},
              "what to do with a run that was begun: auto goes on if nothing changed (default), force goes on in any "
              "case, never begins anew");
  text_flag(
      app, "--shard", line.run.shard, "I/N",
      "only the prompts of part I of N, counted from 0; each part is a process of its own, in any order and on any "
      "host with this folder, and `specula merge` joins them");
}

void define_plan(CLI::App& app, CommandLine& line) {
  config_argument(app, line.plan.config);
  override_flags(app, line.plan.overrides);
  sweep_flag(app, line.plan.overrides);
  text_flag(app, "--pilot", line.plan.pilot, "DIR",
            "a run folder: tells from its scatter how many prompts --power needs");
  share_flag(app, "--power", line.plan.power, "FRAC",
             "the relative difference that is to be seen, with --pilot (default: 0.02)");
}

void define_config_show(CLI::App& app, CommandLine& line) {
  config_argument(app, line.config);
  override_flags(app, line.overrides);
  line.format = "toml";
  choice_flag(app, "--format", line.format, {"toml", "json"},
              "toml tells where each value came from (default); json does not");
}

void define_config_check(CLI::App& app, CommandLine& line) {
  arguments(app, "CFG", line.configs, "experiments, TOML files");
  override_flags(app, line.overrides);
  sweep_flag(app, line.overrides);
}

void define_verify(CLI::App& app, CommandLine& line) {
  VerifyArgs& args = line.verify;
  config_argument(app, args.config);
  override_flags(app, args.overrides);
  names_flag(app, "--rungs", args.rungs, "L0,L1",
             "of L0 greedy text, L1 one step, L2 toy models, L3 whole texts (default: all)", {"L0", "L1", "L2", "L3"});
  count_flag(app, "--draws", args.draws,
             "draws of L1, an arm, after its first text; after others a tenth (default: 300000)", 2);
  share_flag(app, "--max-tv", args.max_tv, "TV",
             "total variation from the target that a lossy rule may have, instead of each arm's max_tv");
  choice_flag(app, "--plant", args.plant, planted_fault_names(),
              "plants a fault in every arm's rule, to see the ladder fail; no certificate is written");
  choice_flag(app, "--format", args.format, {"text", "json"}, "text by default");
}

void define_list(CLI::App& app, CommandLine& line) {
  argument(app, "KIND", line.list.kind,
           "drafters, verifiers, samplers, strategies, stoppers, shapes, architectures or training (the keys of its "
           "files); all without it",
           Need::kOptional,
           {"drafters", "verifiers", "samplers", "strategies", "stoppers", "shapes", "architectures", "training"});
  choice_flag(app, "--format", line.list.format, {"text", "markdown", "json"}, "text by default");
}

void define_faults(CLI::App& app, CommandLine& line) {
  line.format = "text";
  choice_flag(app, "--format", line.format, {"text", "markdown", "json"}, "text by default");
}

void define_explain(CLI::App& app, CommandLine& line) {
  argument(app, "NAME", line.explained, "a plug-in, its option, a config key or a metric");
}

void define_compare(CLI::App& app, CommandLine& line) {
  arguments(app, "DIR", line.compare.runs, "run folders");
  text_flag(app, "--metric", line.compare.metric, "NAME",
            "what is compared; `specula explain NAME` defines it (default: speedup)");
  text_flag(
      app, "--fail-if", line.compare.fail_if, "BOUND",
      "as in 'speedup<0.98' or 'tau>3': exit status 3 if the whole 95% interval of an arm's value lies beyond it; "
      "baselines are not judged");
  choice_flag(app, "--format", line.compare.format, {"md", "csv", "json"}, "md by default");
}

void define_replay(CLI::App& app, CommandLine& line) {
  ReplayArgs& args = line.replay;
  argument(app, "DIR", args.run, "a run folder with traces ([output] record = \"distributions\")");
  names_flag(app, "--arm", args.arms, "A,B", "only the rounds of these arms (default: of all that drafted)");
  text_flag(app, "--verifiers", args.verifiers, "CALLS",
            "as in 'rejection,kseq(gamma=2)' (default: every rule that takes the recorded draft)");
  text_flag(app, "--out", args.out, "DIR", "folder of the new run, new or empty (default: DIR/replay)");
  positive_flag(app, "--draws", args.draws, "runs of a rule whose expected length has no exact form (default: 1000)");
}

void define_papers_list(CLI::App& app, CommandLine& line) {
  line.format = "text";
  choice_flag(app, "--format", line.format, {"text", "markdown"}, "text by default");
}

void define_papers_run(CLI::App& app, CommandLine& line) {
  PapersArgs& args = line.papers;
  arguments(app, "NAME", args.names, "papers, as `specula papers list` names them", Need::kOptional);
  switch_flag(app, "--all", args.all, "every paper, in place of names");
  count_flag(app, "--limit", args.limit, "prompts of each run (default: as its configuration says)", 1);
  text_flag(app, "--out", args.out, "DIR", "folder of the runs (default: runs/papers)");
  switch_flag(app, "--write", args.write, "also writes each outcome into the README.md of its paper");
}

}  // namespace

std::vector<Command> experiment_commands() {
  return {
      {"run",
       "decodes the prompts of an experiment with each of its arms and compares them",
       {"specula run " + kDemoConfig, "specula run " + kDemoConfig + " --limit 4 --set sampler.temperature=0.7",
        "specula run " + kDemoConfig + " --arms sps-g4 --out /tmp/runs",
        "specula run " + kDemoConfig + " --sweep arm.sps-g4.drafter.length=1-6 --sweep sampler.temperature=0,0.7",
        "specula run " + kDemoConfig + " --shard 0/4"},
       define_run,
       [](CommandLine& line) { return run_command(line.run); }},
      {"plan",
       "shows what a run would do: arms, guarantees, models, prompts, hash, folder",
       {"specula plan " + kDemoConfig, "specula plan " + kDemoConfig + " --limit 4",
        "specula plan configs/studies/aa.toml --power 0.02 --pilot runs/aa/333c68536f_aa"},
       define_plan,
       [](CommandLine& line) { return plan_command(line.plan); }},
      {"config show",
       "prints every key of a configuration, default or not, and its origin",
       {"specula config show " + kDemoConfig, "specula config show " + kDemoConfig + " --format json"},
       define_config_show,
       [](CommandLine& line) { return config_show_command(line.config, line.overrides, line.format); }},
      {"config check",
       "checks configurations without running anything",
       {"specula config check " + kDemoConfig, "specula config check configs/smoke/*.toml"},
       define_config_check,
       [](CommandLine& line) { return config_check_command(line.configs, line.overrides); }},
      {"list",
       "lists the drafters, verifiers, samplers, strategies, stoppers and shapes of trees",
       {"specula list", "specula list drafters --format markdown"},
       define_list,
       [](CommandLine& line) { return list_command(line.list); }},
      {"verify",
       "certifies that each arm decodes what its rule promises; exit status 4 if not",
       {"specula verify configs/studies/demo_t1.toml", "specula verify configs/studies/demo_t1.toml --rungs L2,L0",
        "specula verify configs/studies/demo_t1.toml --arms sps-g4 --plant redraw"},
       define_verify,
       [](CommandLine& line) { return verify_command(line.verify); }},
      {"faults",
       "refutes each planted fault anew: what the certificates are able to find",
       {"specula faults", "specula faults --format markdown"},
       define_faults,
       [](CommandLine& line) { return faults_command(line.format); }},
      {"explain",
       "documents a plug-in, an option, a config key or a metric on one screen",
       {"specula explain draft_model", "specula explain draft_model.length", "specula explain measure.repetitions",
        "specula explain tau"},
       define_explain,
       [](CommandLine& line) { return explain_command(line.explained); }},
      {"compare",
       "compares the arms of finished runs, pair by pair, with intervals",
       {"specula compare runs/demo/*", "specula compare runs/demo/* --metric tau --format csv",
        "specula compare runs/before runs/after --fail-if 'speedup<0.98'"},
       define_compare,
       [](CommandLine& line) { return compare_command(line.compare); }},
      {"replay",
       "judges the recorded rounds of a run by other acceptance rules, without a model",
       {"specula replay runs/record-t1/*", "specula replay runs/record-t1/* --arm iid --verifiers rejection,agreement"},
       define_replay,
       [](CommandLine& line) { return replay_command(line.replay); }},
      {"papers list",
       "lists the papers whose claims are checked",
       {"specula papers list", "specula papers list --format markdown"},
       define_papers_list,
       [](CommandLine& line) { return papers_list_command(line.format); }},
      {"papers run",
       "checks what papers claim, on toys and on the demo pair; exit status 3 if not",
       {"specula papers run block2024", "specula papers run --all --out /tmp/papers"},
       define_papers_run,
       [](CommandLine& line) { return papers_run_command(line.papers); }},
  };
}

}  // namespace specula
