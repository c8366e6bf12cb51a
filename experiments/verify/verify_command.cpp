// `specula verify`: climbs the ladder for each arm, writes a certificate of each, says what was violated.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/report/table.h"
#include "experiments/run/environment.h"
#include "experiments/run/run_plan.h"
#include "experiments/verify/ladder.h"
#include "framework/core/log.h"
#include "framework/model/threads.h"
#include "framework/text/tokenizer_config.h"

namespace specula {
namespace {

const std::vector<std::string> kRungs = {"L2", "L0", "L1", "L3"};  // in the order in which they are climbed

LadderOptions ladder_options(const VerifyArgs& args) {
  LadderOptions options{.draws = args.draws};
  if (!args.plant.empty()) options.fault = parse_planted_fault(args.plant, "--plant");
  if (args.max_tv >= 0) options.max_tv = args.max_tv;
  if (!args.rungs.empty()) options.rungs = {args.rungs.begin(), args.rungs.end()};
  for (const std::string& rung : options.rungs) {
    if (std::find(kRungs.begin(), kRungs.end(), rung) == kRungs.end())
      throw ConfigError(cat("--rungs ", rung, ": no such rung; valid: L0, L1, L2, L3"));
  }
  return options;
}

void read_prompts(const ExperimentConfig& config, Workbench& bench) {
  const std::string& folder = config.model(config.baseline().target).folder;
  const auto tokenizer = load_tokenizer(folder);
  for (const Prompt& prompt : make_plan(config).prompts)
    bench.prompts.push_back(Dialogue(*tokenizer, prompt, config.data).next());
  if (!config.data.ignore_eos) bench.stop = read_stop_tokens(folder, read_model_info(folder).vocab, tokenizer->eos());
}

// A strategy follows no law that a rung could refute.
ExperimentConfig without_strategies(ExperimentConfig config) {
  if (config.baseline().strategy) {
    throw ConfigError(
        cat(config.baseline().origin(), ": [arm.", config.baseline().name,
            "] is the baseline and a strategy; verify compares with a baseline that draws from the target"));
  }
  std::erase_if(config.arms, [](const ArmConfig& arm) {
    if (arm.strategy) log::info(cat("arm ", arm.name, " is left out: a strategy promises no law"));
    return arm.strategy.has_value();
  });
  return config;
}

// One arm's results, in the order of the rungs.
using Results = std::vector<std::vector<RungResult>>;

using Rung = RungResult (*)(const Workbench& bench, const ArmConfig& arm);

// Of rungs that decode with models of their own: a drafter that cannot be made of them (one that learns reads its model
// from a folder) says why.
RungResult climbed(const char* rung, Rung climb, const Workbench& bench, const ArmConfig& arm) {
  try {
    return climb(bench, arm);
  } catch (const ConfigError& e) {
    return {.rung = rung, .what = e.what()};
  }
}

Results climb_toys(const Workbench& bench) {
  Results results(bench.config.arms.size());
  for (size_t a = 0; a < results.size() && bench.options.rungs.contains("L2"); ++a) {
    log::info(cat("L2, arm ", bench.config.arms[a].name));
    results[a].push_back(climbed("L2", &toy_rung, bench, bench.config.arms[a]));
  }
  return results;
}

void climb_real_models(const Workbench& bench, Results& results) {
  const auto& arms = bench.config.arms;
  for (size_t a = 0; a < arms.size(); ++a) {
    for (const auto& [rung, climb] : {std::pair{"L0", &greedy_rung}, std::pair{"L1", &step_rung}}) {
      if (!bench.options.rungs.contains(rung)) continue;
      log::info(cat(rung, ", arm ", arms[a].name));
      results[a].push_back(climbed(rung, climb, bench, arms[a]));
    }
  }
  if (!bench.options.rungs.contains("L3")) return;
  log::info("L3");
  const std::vector<RungResult> texts = text_rungs(bench);
  for (size_t a = 0; a < arms.size(); ++a) results[a].push_back(texts[a]);
}

std::string table_of(const ExperimentConfig& config, const std::vector<Certificate>& certificates) {
  MarkdownTable table;
  for (const char* title : {"arm", "guarantee", "rung", "verdict", "found"})
    table.column(title, MarkdownTable::Align::kLeft);
  table.column("N", MarkdownTable::Align::kRight);
  for (const Certificate& c : certificates) {
    std::string arm = c.arm == config.baseline().name ? c.arm + " (baseline)" : c.arm, guarantee = c.guarantee;
    for (const RungResult& r : c.rungs) {
      table.row({arm, guarantee, r.rung, r.verdict, r.what, r.n > 0 ? cat(r.n) : ""});
      arm = guarantee = "";
    }
  }
  return table.text();
}

void print(const VerifyArgs& args, const ExperimentConfig& config, const std::vector<Certificate>& certificates) {
  if (args.format == "json") {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Certificate& c : certificates) all.push_back(nlohmann::ordered_json::parse(certificate_json(c, -1)));
    std::cout << all.dump(1) << "\n";
  } else {
    std::cout << table_of(config, certificates);
  }
}

// A fault certifies nothing, and neither does a toy alone.
bool certifies(const LadderOptions& options) { return !options.fault && options.rungs != std::set<std::string>{"L2"}; }

// Before an hour of work and not after it.
void check_folder(const std::string& out) {
  const std::filesystem::path folder = std::filesystem::path(out) / "certificates";
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error || ::access(folder.c_str(), W_OK) != 0)
    throw Error(cat("--out ", out, ": certificates cannot be written to ", folder.string()));
}

void keep(const ExperimentConfig& config, const LadderOptions& options, const std::vector<Certificate>& certificates) {
  if (!certifies(options)) {
    std::cerr << "No certificate: "
              << (options.fault ? "a fault was planted" : "L2 alone says nothing of the real models") << ".\n";
    return;
  }
  for (const Certificate& c : certificates) {
    const bool is_part = options.rungs.size() < kRungs.size() && c.verdict() != "violated";
    const auto before = find_certificate(config.out, c.composition, binary_sha256());
    if (is_part && before) {
      std::cerr << "Kept " << before->path << " (" << c.arm << "): not all rungs were climbed\n";
    } else {
      std::cerr << "Wrote " << write_certificate(config.out, c).string() << " (" << c.arm << ")\n";
    }
  }
}

}  // namespace

ExitCode verify_command(const VerifyArgs& args) {
  const LadderOptions options = ladder_options(args);
  const Registries registries = make_registries();
  const ExperimentConfig config = without_strategies(load_config(args.config, args.overrides, registries));
  if (certifies(options)) check_folder(config.out);
  set_threads(config.measure.threads);
  const InferenceScope inference;
  const Models none;
  Results results = climb_toys({registries, config, options, none, {}, {}});

  const bool needs_models = options.rungs != std::set<std::string>{"L2"};
  const Models models = needs_models ? load_models(config) : Models{};
  if (needs_models) {
    Workbench bench{registries, config, options, models, {}, {}};
    read_prompts(config, bench);
    climb_real_models(bench, results);
  }
  std::vector<Certificate> certificates;
  ExitCode code = ExitCode::kOk;
  for (size_t a = 0; a < config.arms.size(); ++a) {
    const ArmConfig& arm = config.arms[a];
    certificates.push_back({.composition = needs_models ? identity_of(config, arm, models) : CompositionIdentity{},
                            .arm = arm.name,
                            .guarantee = name_of(arm.composed.guarantee),
                            .seed = config.seed,
                            .rungs = std::move(results[a])});
  }
  print(args, config, certificates);
  for (const Certificate& c : certificates) {
    for (const RungResult& r : c.rungs) {
      if (r.verdict != "violated") continue;
      code = ExitCode::kGuarantee;
      std::cerr << "violated: arm " << c.arm << ", rung " << r.rung << ": " << r.what << "\n";
    }
  }
  keep(config, options, certificates);
  if (options.fault && code == ExitCode::kOk) {
    throw Error(cat("--plant ", args.plant,
                    ": no rung found the fault: it does not touch these rules (at temperature 0 "
                    "no coin matters; 'wrong_row' is found there)"));
  }
  return code;
}

}  // namespace specula
