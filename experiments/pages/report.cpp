#include "experiments/pages/report.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "experiments/report/paired_speed.h"
#include "experiments/report/table.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

// Null for a file that is not there or cannot be read: a report needs neither.
Json read_json(const fs::path& file) {
  if (!fs::exists(file)) return {};
  const Json json = Json::parse(read_file(file), nullptr, false);
  return json.is_object() ? json : Json();
}

std::string plain(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::vector<std::string> words;
  for (const Json& v : value) words.push_back(plain(v));
  return join(words);
}

void add_environment(const Json& json, Report& report) {
  static const std::pair<const char*, const char*> kShown[] = {
      {"processor", "/cpu/model"},      {"usable cores", "/cpu/usable_cores"},
      {"instruction sets", "/cpu/isa"}, {"clock governor", "/cpu/governor"},
      {"memory, bytes", "/mem_bytes"},  {"system", "/os/distro"},
      {"kernel", "/os/kernel"},         {"compiler", "/build/compiler"},
      {"build type", "/build/type"},    {"LibTorch", "/libs/libtorch"},
      {"load average", "/load_avg"},    {"variables", "/env_vars"}};
  for (const auto& [name, where] : kShown) {
    const Json::json_pointer pointer(where);
    if (!json.is_object() || !json.contains(pointer)) continue;
    const Json& value = json.at(pointer);
    if (!value.is_null() && !(value.is_structured() && value.empty()))
      report.environment.emplace_back(name, plain(value));
  }
  if (json.is_object() && json.contains("warnings") && json.at("warnings").is_array()) {
    for (const Json& w : json.at("warnings")) report.environment_warnings.push_back(plain(w));
  }
}

std::string state_of(const Json& status) {
  if (!status.is_object() || !status.contains("state")) return "";
  const std::string state = plain(status.at("state"));
  const int64_t done = status.value("done", int64_t{0}), total = status.value("total", int64_t{0});
  return done == total ? state : cat(state, ", ", done, " of ", total, " units");
}

void add_pair(const Record& record, const Record* base, PromptCell& cell) {
  cell.failed += record.ok ? 0 : 1;
  cell.different += record.ok && record.exact.has_value() && !*record.exact ? 1 : 0;
  if (!record.ok || base == nullptr || record.out.empty() || base->out.empty()) return;
  cell.tokens += static_cast<double>(record.n_out());
  cell.time_us += record.e2e_us;
  cell.base_tokens += static_cast<double>(base->n_out());
  cell.base_time_us += base->e2e_us;
}

void add_prompts(Report& report) {
  const PairedRecords baseline(report.run.baseline().name, report.records.records);
  std::map<std::string, size_t> arms, rows;
  for (size_t i = 0; i < report.arms.size(); ++i) arms[report.arms[i].name] = i;
  for (const Record& r : report.records.records) {
    const auto arm = arms.find(r.key.arm);
    if (r.key.trace || arm == arms.end()) continue;
    const auto [row, is_new] = rows.emplace(r.key.prompt, report.prompts.size());
    if (is_new) report.prompts.push_back({r.key.prompt, r.category, std::vector<PromptCell>(arms.size())});
    add_pair(r, baseline.of(r), report.prompts[row->second].arms[arm->second]);
  }
}

Report begin(const fs::path& run_folder) {
  Report report;
  report.run = read_manifest(run_folder);
  report.records = read_records(run_folder);
  if (report.records.records.empty()) throw Error(cat(run_folder.string(), ": this run has no records yet"));
  report.state = state_of(read_json(run_folder / "status.json"));
  add_environment(read_json(run_folder / "env.json"), report);
  if (fs::is_directory(run_folder / "traces")) {
    for (const ArmInfo& arm : report.run.arms) {
      if (arm.strategy.empty() && arm.drafter != "none")
        report.tested.emplace(arm.name, tested_tokens(run_folder, arm.name, report.records));
    }
  }
  return report;
}

Report finish(Report report, Summary summary) {
  report.summary = std::move(summary);
  report.arms = sorted_arms(report.run, report.summary);
  add_prompts(report);
  return report;
}

}  // namespace

bool Report::replayed() const {
  return std::any_of(records.records.begin(), records.records.end(), [](const Record& r) { return r.replayed; });
}

Report read_report(const fs::path& run_folder) {
  Report report = begin(run_folder);
  Summary summary = summarize(report.run, report.records);
  return finish(std::move(report), std::move(summary));
}

Report read_report(const fs::path& run_folder, Summary summary) {
  return finish(begin(run_folder), std::move(summary));
}

std::string reason_text(const std::string& why) {
  static const std::map<std::string, std::string> kTexts = {
      {"nothing_drafted", "nothing was drafted"},
      {"tree_draft", "drafts are trees"},
      {"rule_does_not_test_tokens", "the rule does not test tokens one by one"},
      {"no_records", "no record succeeded"},
      {"no_pairs", "no record has a baseline record beside it"},
      {"no_trace_pass", "the run had no fenced pass"},
      {"no_values", "nothing was measured"},
      {"not_asked_for", "not asked for"},
      {"not_compared", "texts were not compared"},
      {"not_computed", "not computed"},
      {"no_difference", "no text differs"},
      {"no_distributions", "its distributions were not recorded"},
      {"one_hot", "at temperature 0 p is one token"},
      {"no_price", "the run names no price"},
      {"no_bandwidth", "the bandwidth of the memory is not known"},
      {"no_weight_bytes", "the size of the weights is not known"},
      {"no_model_size", "the size of a model is not known"},
      {"draft_work_unknown", "the drafter's work leaves no trace in the records"},
      {"strategy", "a strategy's passes leave no trace in the records"},
      {"never_pays", "no acceptance would pay for the draft"},
      {"batch", "the passes of a batch are shared"},
      {"batches_mix_categories", "batches mix categories"},
      {"no_counter", "the machine has no energy counter"},
      {"no_permission", "the energy counters are readable by root alone"},
      {"not_read", "the energy counters were not read for every turn"},
      {"window_too_short", "the turns last less than 10 s in all"},
      {"unbilled_work", "the counters saw work that is not billed"},
      {"no_ids", "the records hold no token ids"},
      {"no_peak", "no rate of products was measured"},
      {"code_not_run", "the code that models wrote was not executed"},
      {"short_texts", "the texts are too short"},
      {"replay", "recorded rounds were judged again, without times"},
      {"replay_only", "only a replay measures it"}};
  const auto known = kTexts.find(why);
  return known != kTexts.end() ? known->second : why.empty() ? "not a finite number" : why;
}

fs::path write_page(const fs::path& run_folder, const Report& report) {
  fs::path file = run_folder / "report.html";
  write_file_atomically(file, report_html(report));
  return file;
}

}  // namespace specula
