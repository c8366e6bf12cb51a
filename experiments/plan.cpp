// `specula plan`, `specula config show` and `specula config check`: what a configuration means, without running it.
// Licence: Apache-2.0.
#include <algorithm>
#include <iostream>

#include "experiments/commands.h"
#include "experiments/config_reader.h"
#include "framework/model/load.h"
#include "framework/text/prompts.h"

namespace specula {
namespace {

std::string call_text(const Params& params) {
  std::vector<std::string> options;
  for (const Entry& option : params.values.table()) {
    if (option.key != "name")
      options.push_back(cat(option.key, "=", option.value.is_string() ? option.value.string() : to_text(option.value)));
  }
  return plugin_name(params) + (options.empty() ? "" : "(" + join(options, ",") + ")");
}

// Columns as wide as their widest cell.
std::string table_text(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c)
      line += row[c] + std::string(c + 1 < row.size() ? widths[c] - row[c].size() + 2 : 0, ' ');
    out += line + "\n";
  }
  return out;
}

std::string models_text(const ExperimentConfig& config) {
  std::vector<std::vector<std::string>> rows{{"model", "dtype", "parameters", "vocabulary", "context", "folder"}};
  for (const ModelConfig& model : config.models) {
    const ModelInfo info = read_model_info(model.folder);
    const std::string dtype = model.dtype == "auto" ? cat("auto (", name_of(info.stored), ")") : model.dtype;
    rows.push_back({model.name, dtype, cat(static_cast<double>(info.parameters / 100000) / 10, " M"), cat(info.vocab),
                    cat(info.context), model.folder});
  }
  return table_text(rows);
}

std::string arms_text(const ExperimentConfig& config) {
  std::vector<std::vector<std::string>> rows{{"arm", "target", "drafter", "verifier", "guarantee"}};
  for (const ArmConfig& arm : config.arms) {
    rows.push_back({arm.name + (arm.baseline ? " (baseline)" : ""), arm.target, call_text(arm.drafter),
                    call_text(arm.verifier), name_of(arm.composed.guarantee)});
  }
  return table_text(rows);
}

// The prompts that the run will take.
std::vector<Prompt> chosen_prompts(const DataConfig& data) {
  std::vector<Prompt> prompts = load_prompts(data.file);
  std::erase_if(prompts, [&](const Prompt& prompt) {
    return !data.categories.empty() &&
           std::find(data.categories.begin(), data.categories.end(), prompt.category) == data.categories.end();
  });
  return stratified(prompts, data.limit);
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

}  // namespace

ExitCode plan_command(const std::string& file, const ConfigOverrides& overrides) {
  const ExperimentConfig config = load_config(file, overrides, make_registries());
  std::vector<std::string> samplers;
  for (const Params& sampler : config.samplers) samplers.push_back(call_text(sampler));
  const std::vector<Prompt> prompts = chosen_prompts(config.data);
  const std::string folder = (std::filesystem::path(config.out) / config.name / config.cell).string();
  std::cout << "experiment  " << config.name << ", seed " << config.seed << "\n"
            << "sampler     " << (samplers.empty() ? "none: p is the softmax of the logits" : join(samplers)) << "\n"
            << prompts_text(config, prompts) << "records     " << prompts.size() << " prompts x " << config.arms.size()
            << " arms x " << config.measure.repetitions << " repetitions, up to " << config.data.max_new_tokens
            << " tokens a turn\n"
            << "cfg_hash    " << config.cfg_hash << "\n"
            << "folder      " << folder << (std::filesystem::exists(folder) ? " (exists)" : "") << "\n\n"
            << models_text(config) << "\n"
            << arms_text(config);
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
      const ExperimentConfig config = load_config(file, overrides, registries);
      std::cout << file << ": ok, " << config.arms.size() << " arms, " << config.cell << "\n";
    } catch (const ConfigError& e) {
      problems.emplace_back(e.what());
    }
  }
  if (!problems.empty()) throw ConfigError(join(problems, "\n"));
  return ExitCode::kOk;
}

}  // namespace specula
