// The items of the NeurIPS paper checklist that are about experiments.
#include <cmath>
#include <set>

#include "experiments/config/config_keys.h"
#include "experiments/pages/markup.h"
#include "experiments/report/table.h"
#include "experiments/runs/checklist_facts.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using Json = nlohmann::json;

std::string setting(const RunFacts& facts, const std::string& key) {
  const Value* const value = find_key(facts.config, key);
  return value == nullptr ? "not known" : value_text(*value);
}

ChecklistItem data(const RunFacts& facts) {
  const RunInfo& run = facts.run;
  const auto hash = run.identity.find("prompts");
  ChecklistItem item{.list = "NeurIPS",
                     .name = "data",
                     .question = "Which data, which split, and how was it selected?",
                     .answer = cat(run.num_prompts, " prompts of ", run.prompts_file,
                                   hash == run.identity.end() ? "" : cat(" (sha256 ", hash->second, ")"),
                                   "; data.limit = ", setting(facts, "data.limit"), ", data.categories = ",
                                   setting(facts, "data.categories"), "; nothing was trained on in this run"),
                     .files = {"manifest.json"}};
  if (facts.has("inputs.jsonl")) {
    item.answer += "; every prompt with the sha256 of its text is listed";
    item.files.emplace_back("inputs.jsonl");
  } else {
    item.todo = "inputs.jsonl, which lists the prompts, is not there: keep the whole run folder";
  }
  return item;
}

ChecklistItem parameters(const RunFacts& facts) {
  const size_t count = leaf_keys(facts.config).size();
  ChecklistItem item{
      .list = "NeurIPS", .name = "hyper-parameters", .question = "Which hyper-parameters, and how were they chosen?"};
  if (count == 0) {
    item.answer = "unknown";
    item.todo = "config.resolved.toml is not there: keep the whole run folder";
    return item;
  }
  size_t defaults = 0;
  for (const std::string& key : leaf_keys(facts.config))
    defaults += find_key(facts.config, key)->origin == "default" ? 1 : 0;
  item.answer =
      cat("sampling ", facts.run.sampler.empty() ? "p = softmax" : facts.run.sampler, ", at most ",
          facts.run.max_new_tokens, " new tokens, ", facts.run.arms.size(), " arms; all ", count, " keys, ", defaults,
          " of them defaults, stand below with where each was set.  How the values were chosen is for the text to say");
  item.files = {"config.resolved.toml"};
  return item;
}

ChecklistItem seeds(const RunFacts& facts) {
  return {.list = "NeurIPS",
          .name = "seeds",
          .question = "Which random seeds?",
          .answer = cat("seed ", facts.run.seed,
                        "; every random number is a function of it, the prompt, the repetition and the position"),
          .files = {"manifest.json"}};
}

// Methods of the intervals, each once.
std::set<std::string> interval_methods(const Json& summary) {
  std::set<std::string> methods;
  for (const Json& cell : summary.at("cells")) {
    for (const auto& [name, metric] : cell.at("metrics").items()) {
      if (metric.at("method").is_string()) methods.insert(metric.at("method").get<std::string>());
    }
  }
  return methods;
}

ChecklistItem error_bars(const RunFacts& facts) {
  ChecklistItem item{
      .list = "NeurIPS", .name = "error bars", .question = "How were error bars made, and what do they vary over?"};
  const auto methods = facts.summary.is_null() ? std::set<std::string>{} : interval_methods(facts.summary);
  if (methods.empty()) {
    item.answer = facts.summary.is_null() ? "there is no summary" : "there are no intervals";
    item.todo = facts.summary.is_null() ? "specula report writes summary.json"
                                        : "intervals need two groups of prompts: raise data.limit and run again";
    return item;
  }
  item.answer =
      cat("95% intervals by ", join({methods.begin(), methods.end()}, "; "), "; ", facts.run.bootstrap,
          " resamples of groups of prompts; differences by Wilcoxon signed-rank over groups, Holm across arms");
  item.files = {"summary.json"};
  return item;
}

ChecklistItem runs(const RunFacts& facts) {
  ChecklistItem item{
      .list = "NeurIPS",
      .name = "number of runs",
      .question = "How many runs stand behind each figure?",
      .answer = cat(facts.run.num_prompts, " prompts x ", facts.run.repetitions,
                    facts.run.repetitions == 1 ? " repetition" : " repetitions", ", ", facts.run.records_per_arm,
                    " records an arm, all arms interleaved in one process",
                    facts.run.one_hot ? "; at temperature 0 repetitions repeat the timing, not the text" : ""),
      .files = {"manifest.json", "records/"}};
  if (facts.state != "done" && facts.state != "partial") {
    item.answer += cat("; the run is ", facts.state.empty() ? "not known to be complete" : facts.state);
    item.todo = "the run is not complete: run the same command again, it goes on where it was";
  }
  return item;
}

ChecklistItem compute_type(const RunFacts& facts) {
  ChecklistItem item{.list = "NeurIPS", .name = "compute", .question = "Which type of compute, with how much memory?"};
  if (facts.environment.is_null()) {
    item.answer = "unknown";
    item.todo = "env.json is not there: keep the whole run folder";
    return item;
  }
  const Json &cpu = facts.environment.at("cpu"), &gpus = facts.environment.at("gpus");
  std::vector<std::string> devices;
  for (const Json& gpu : gpus) devices.push_back(gpu.get<std::string>());
  item.answer = cat(
      cpu.at("model").get<std::string>(), ", ", facts.run.threads,
      facts.run.threads == 1 ? " thread of " : " threads of ", cpu.at("usable_cores").get<int>(), " cores, ",
      fixed(facts.environment.at("mem_bytes").get<double>() / (1 << 30), 1), " GiB, memory read at ",
      three_digits(facts.run.stream_gb_s), " GB/s; ", devices.empty() ? "no GPU" : "GPU " + join(devices), "; ",
      facts.environment.at("os").at("distro").is_string() ? facts.environment.at("os").at("distro").get<std::string>()
                                                          : "",
      ", LibTorch ", facts.environment.at("libs").at("libtorch").get<std::string>());
  item.files = {facts.environment_file};
  return item;
}

ChecklistItem compute_time(const RunFacts& facts) {
  ChecklistItem item{.list = "NeurIPS", .name = "compute hours", .question = "How much compute time did it take?"};
  if (facts.processes == 0) {
    item.answer = "there are no records";
    item.todo = "the run has no records yet: run it";
    return item;
  }
  item.answer = cat(three_digits(facts.busy_hours), " hours in ", facts.processes,
                    facts.processes == 1 ? " process" : " processes", " of ", facts.run.threads,
                    facts.run.threads == 1 ? " thread" : " threads",
                    ", warming up included; runs that were thrown away are for the text to say");
  item.files = {"records/"};
  return item;
}

ChecklistItem code(const RunFacts& facts) {
  ChecklistItem item{.list = "NeurIPS",
                     .name = "code",
                     .question = "Which version of the code?",
                     .answer = facts.run.build,
                     .files = {"manifest.json"}};
  const bool is_known = !facts.environment.is_null() && facts.environment.at("git").at("sha").is_string();
  if (is_known) {
    item.answer = cat("commit ", facts.environment.at("git").at("sha").get<std::string>(), ", version ",
                      facts.environment.at("build").at("version").get<std::string>(), ", ",
                      facts.environment.at("build").at("compiler").get<std::string>());
    item.files.push_back(facts.environment_file);
  }
  if (facts.run.build.ends_with("+changes")) {
    item.answer += ", with changes that no commit holds";
    item.todo = "commit the changes, build and run again: nobody can get these sources";
  } else if (!is_known) {
    item.todo = "build from a git checkout, so that the run knows its commit";
  }
  return item;
}

ChecklistItem command(const RunFacts& facts) {
  std::string line;
  for (const std::string& word : facts.run.argv) line += (line.empty() ? "" : " ") + shell_quoted(word);
  ChecklistItem item{.list = "NeurIPS",
                     .name = "command",
                     .question = "Which command makes the result?",
                     .answer = line,
                     .files = {"manifest.json"}};
  if (line.empty()) {
    item.answer = "the command line is not kept in a copy for publication";
    item.todo = "specula run config.resolved.toml makes it again; say so";
  }
  return item;
}

ChecklistItem assets(const RunFacts& facts) {
  std::vector<std::string> models;
  for (const RunModel& m : facts.run.models)
    models.push_back(
        cat(m.name, ": ", m.path, ", ", m.parameters, " parameters, ", m.dtype, ", sha256 ", m.fingerprint));
  return {.list = "NeurIPS",
          .name = "models",
          .question = "Which models, in which version?",
          .answer = join(models, "; "),
          .files = {"manifest.json"}};
}

void add_licence(const std::string& what, const std::filesystem::path& folder, ChecklistItem& item) {
  const Licence licence = licence_of(folder);
  item.answer += cat(item.answer.empty() ? "" : "; ", what, ": ", licence.text.empty() ? "not found" : licence.text);
  if (!licence.text.empty()) {
    item.files.push_back(licence.file.string());
    return;
  }
  item.todo += cat(item.todo.empty() ? "" : "; ", "put the licence of ", what, " into ", folder.string(),
                   ", as a file LICENSE or as 'license:' at the head of README.md, and name it in the text");
}

ChecklistItem model_licences(const RunFacts& facts) {
  ChecklistItem item{
      .list = "NeurIPS", .name = "licences of models", .question = "Under which licences are the models used?"};
  for (const RunModel& m : facts.run.models) add_licence(m.name, m.path, item);
  return item;
}

ChecklistItem data_licence(const RunFacts& facts) {
  ChecklistItem item{.list = "NeurIPS", .name = "licence of data", .question = "Under which licence is the data used?"};
  const std::filesystem::path file = facts.run.prompts_file;
  add_licence(file.filename().string(), file.parent_path(), item);
  return item;
}

}  // namespace

std::vector<ChecklistItem> experiment_items(const RunFacts& facts) {
  std::vector<ChecklistItem> items;
  for (const auto make : {data, parameters, seeds, error_bars, runs, compute_type, compute_time, code, command, assets,
                          model_licences, data_licence})
    items.push_back(make(facts));
  return items;
}

}  // namespace specula
