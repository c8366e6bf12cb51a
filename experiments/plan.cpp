// `specula plan`, `specula config show` and `specula config check`: what a configuration means, without running it.
// Licence: Apache-2.0.
#include <algorithm>
#include <cmath>
#include <iostream>
#include <sstream>

#include "experiments/commands.h"
#include "experiments/config/config_reader.h"
#include "experiments/power.h"
#include "experiments/report/table.h"
#include "experiments/run/run_plan.h"
#include "experiments/run/trace_room.h"
#include "experiments/stream.h"
#include "experiments/study/study.h"
#include "framework/model/load.h"
#include "framework/model/memory.h"

namespace specula {
namespace {

// "draft_model(model = \"draft\", length = 4)": as --drafter takes it.
std::string models_text(const ExperimentConfig& config) {
  MarkdownTable table;
  for (const char* title : {"model", "dtype"}) table.column(title, MarkdownTable::Align::kLeft);
  for (const char* title : {"parameters", "vocabulary", "context"}) table.column(title, MarkdownTable::Align::kRight);
  table.column("folder", MarkdownTable::Align::kLeft);
  for (const ModelConfig& model : config.models) {
    const ModelInfo info = read_model_info(model.folder);
    const std::string dtype = model.dtype == "auto" ? cat("auto (", name_of(info.stored), ")") : model.dtype;
    table.row({model.name, dtype, fixed(static_cast<double>(info.parameters) / 1e6, 1) + " M", cat(info.vocab),
               cat(info.context), model.folder});
  }
  return table.text();
}

std::string arms_text(const ExperimentConfig& config) {
  MarkdownTable table;
  for (const char* title : {"arm", "target", "drafter", "verifier"}) table.column(title, MarkdownTable::Align::kLeft);
  const bool has_strategy = std::any_of(config.arms.begin(), config.arms.end(),
                                        [](const ArmConfig& arm) { return arm.strategy.has_value(); });
  if (has_strategy) table.column("strategy", MarkdownTable::Align::kLeft);
  table.column("guarantee", MarkdownTable::Align::kLeft);
  for (const ArmConfig& arm : config.arms) {
    std::vector<std::string> row{arm.name + (arm.baseline ? " (baseline)" : ""), arm.target, call_text(arm.drafter),
                                 call_text(arm.verifier)};
    if (has_strategy) row.push_back(arm.strategy ? call_text(*arm.strategy) : "");
    row.push_back(cat(arm.composed.promise(), arm.target == config.baseline().target ? "" : " for " + arm.target));
    table.row(std::move(row));
  }
  return table.text();
}

std::string prompts_text(const ExperimentConfig& config, const std::vector<Prompt>& prompts) {
  std::vector<std::pair<std::string, int>> counts;
  for (const Prompt& prompt : prompts) {
    const auto found =
        std::find_if(counts.begin(), counts.end(), [&](const auto& count) { return count.first == prompt.category; });
    if (found == counts.end()) {
      counts.emplace_back(prompt.category, 1);
    } else {
      ++found->second;
    }
  }
  std::vector<std::string> parts;
  for (const auto& [category, count] : counts) parts.push_back(cat(count, " ", category));
  return cat("prompts     ", prompts.size(), " (", join(parts), ") of ", config.data.file, "\n");
}

std::string traces_text(const ExperimentConfig& config) {
  if (!config.records_distributions()) return "";
  return cat("traces      ", trace_room_text(trace_bytes_at_most(config, make_plan(config))), "\n");
}

double weight_bytes(const ModelConfig& model) {
  const ModelInfo info = read_model_info(model.folder);
  return static_cast<double>(
      bytes_to_load(info, choose_dtype(model.dtype, info, cat("[models.", model.name, "] dtype"))));
}

std::string duration_text(double seconds) {
  if (seconds < 100) return cat(static_cast<int64_t>(std::ceil(seconds)), " s");
  if (seconds < 100 * 60) return cat(static_cast<int64_t>(std::ceil(seconds / 60)), " min");
  return cat(static_cast<int64_t>(std::ceil(seconds / 3600)), " h");
}

// Tokens of all records at most, and how long they take if each costs one pass over its target's weights.
std::string cost_text(const Study& study) {
  double tokens = 0, bytes = 0;
  for (const StudyCell& cell : study.cells) {
    const double texts = static_cast<double>(make_plan(cell.config).records_per_arm);
    for (const ArmConfig& arm : cell.config.arms) {
      const double most = texts * static_cast<double>(cell.config.data.max_new_tokens);
      tokens += most;
      bytes += most * weight_bytes(cell.config.model(arm.target));
    }
  }
  const double stream = stream_bandwidth();
  return cat("cost        at most ", static_cast<int64_t>(tokens), " tokens; about ",
             duration_text(bytes / stream * 1e-9), " if each is one pass over the target's weights at ",
             three_digits(stream), " GB/s, without warm-up and fenced pass\n");
}

std::string batch_text(const ExperimentConfig& config, const Plan& plan) {
  if (config.measure.batch == 1) return "";
  std::string left_out = plan.unbatched == 0 ? "" : cat("; ", plan.unbatched, " prompts fill none and are left out");
  return cat("batches     of ", config.measure.batch, left_out, "\n");
}

std::string cell_text(const ExperimentConfig& config) {
  std::vector<std::string> samplers;
  for (const Params& sampler : config.samplers) samplers.push_back(call_text(sampler));
  const Plan plan = make_plan(config);
  const std::vector<Prompt>& prompts = plan.prompts;
  const std::string folder = (std::filesystem::path(config.out) / config.name / config.cell).string();
  std::ostringstream out;
  out << "experiment  " << config.name << ", seed " << config.seed << "\n"
      << "sampler     " << (samplers.empty() ? "none: p is the softmax of the logits" : join(samplers)) << "\n"
      << prompts_text(config, prompts) << "records     " << prompts.size() << " prompts x " << config.arms.size()
      << " arms x " << config.measure.repetitions << (config.measure.repetitions == 1 ? " repetition" : " repetitions")
      << ", up to " << config.data.max_new_tokens << " tokens a turn\n"
      << batch_text(config, plan) << traces_text(config) << "cfg_hash    " << config.cfg_hash << "\n"
      << "folder      " << folder << (std::filesystem::exists(folder) ? " (exists)" : "") << "\n\n"
      << models_text(config) << "\n"
      << arms_text(config);
  return out.str();
}

// What `run` would find of a cell.
std::string state_of(const std::filesystem::path& folder) {
  if (std::filesystem::exists(folder / "DONE")) return "done: will be skipped";
  return std::filesystem::exists(folder) ? "begun: will be finished" : "new";
}

std::string cells_text(const Study& study) {
  MarkdownTable table;
  for (const char* title : {"cell", "hash", "state"}) table.column(title, MarkdownTable::Align::kLeft);
  for (const StudyCell& cell : study.cells)
    table.row({cell.label, cell.config.cfg_hash.substr(0, 10), state_of(study.folder_of(cell))});
  std::string text =
      cat("study       ", study.name, ": ", study.cells.size(), " cells, ", study.excluded, " excluded\n");
  if (!study.repeated.empty())
    text += cat("left out    ", join(study.repeated, "; "), ": an earlier cell says the same\n");
  return cat(text, cost_text(study), "folder      ", study.folder().string(), "\n\n", table.text());
}

}  // namespace

ExitCode plan_command(const PlanArgs& args) {
  const Study study = load_study(args.config, args.overrides, make_registries());
  if (study.is_sweep) std::cout << cells_text(study) << "\nThe first cell:\n";
  std::cout << cell_text(study.cells.front().config);
  if (!args.pilot.empty() && args.power <= 0)
    throw ConfigError(cat("--power ", args.power, ": expected a relative difference above 0, as in 0.02"));
  if (!args.pilot.empty()) std::cout << "\n" << power_text(study.cells.front().config, args.pilot, args.power);
  return ExitCode::kOk;
}

ExitCode config_show_command(const std::string& file, const ConfigOverrides& overrides, const std::string& format) {
  const ExperimentConfig config = load_config(file, overrides, make_registries());
  std::cout << (format == "json" ? to_json(config.resolved, 2) + "\n" : resolved_toml(config));
  return ExitCode::kOk;
}

ExitCode config_check_command(const std::vector<std::string>& files, const ConfigOverrides& overrides) {
  const Registries registries = make_registries();
  std::vector<std::string> problems;
  for (const std::string& file : files) {
    try {
      const Study study = load_study(file, overrides, registries);
      const ExperimentConfig& config = study.cells.front().config;
      std::cout << file << ": ok, " << config.arms.size() << " arms, ";
      std::cout << (study.is_sweep ? cat(study.cells.size(), " cells\n") : config.cell + "\n");
    } catch (const ConfigError& e) {
      std::cout << file << ": wrong\n";
      problems.emplace_back(e.what());
    }
  }
  if (!problems.empty()) throw ConfigError(join(problems, "\n"));
  return ExitCode::kOk;
}

}  // namespace specula
