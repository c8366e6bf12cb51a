#include "experiments/train/train_folder.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "experiments/run/environment.h"
#include "experiments/run/manifest.h"
#include "framework/core/clock.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr double kHeartbeat = 10;  // seconds between two of status.json

fs::path folder_of(const TrainConfig& config, const std::string& resume) {
  const std::vector<std::string> valid = {"auto", "force", "never"};
  if (std::find(valid.begin(), valid.end(), resume) == valid.end())
    throw ConfigError(cat("--resume ", resume, ": not one of ", join(valid), suggestion(resume, valid)));
  const fs::path base = fs::path(config.output.dir) / config.train.name;
  fs::path path = base;
  for (int i = 2; resume == "never" && fs::exists(path); ++i) path = base.string() + "." + std::to_string(i);
  return path;
}

Json identity_json(const TrainInfo& info) {
  Json json = Json::object();
  for (const auto& [name, value] : info.identity) json[name] = value;
  return json;
}

// Keeps the lines of steps up to `step`; they are in the order of the steps.
fs::path cut_behind_step(const fs::path& file, int64_t step) {
  if (!fs::exists(file)) return file;
  const std::string text = read_file(file);
  size_t end = 0;
  while (true) {
    const size_t newline = text.find('\n', end);
    if (newline == std::string::npos) break;
    const Json line = Json::parse(text.substr(end, newline - end), nullptr, false);
    if (line.is_discarded() || !line.contains("step") || line["step"] > step) break;
    end = newline + 1;
  }
  if (end < text.size()) write_file_atomically(file, text.substr(0, end));
  return file;
}

std::string short_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

// JSON has no infinity and no NaN.
Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

}  // namespace

TrainFolder::TrainFolder(const TrainConfig& config, const TrainInfo& info, const std::string& resume)
    : path_(folder_of(config, resume)) {
  if (fs::exists(path_) && !fs::exists(path_ / "training.json") && !fs::is_empty(path_))
    throw ConfigError(
        cat(path_.string(), ": exists, but is no folder of a training (no training.json); give another --out"));
  std::error_code code;
  fs::create_directories(path_ / "config.sources", code);
  if (code) throw Error(cat(path_.string(), ": cannot create the folder: ", code.message()));
  lock_ = std::make_unique<FileLock>(path_ / ".lock");
  if (!lock_->take())
    throw Error(cat(path_.string(), ": another process is training this; wait for it, or give --resume never"));
  if (fs::exists(path_ / "training.json")) {
    refuse_another(info, resume);
  } else {
    keep(config, info);
  }
}

void TrainFolder::keep(const TrainConfig& config, const TrainInfo& info) const {
  ExperimentConfig shown;  // resolved_toml() reads these two
  shown.resolved = config.resolved;
  shown.cfg_hash = info.identity.at("config");
  write_file_atomically(path_ / "config.resolved.toml", resolved_toml(shown));
  for (size_t i = 0; i < config.files.size(); ++i) {
    const std::string name = cat(i, "_", fs::path(config.files[i].path).filename().string());
    write_file_atomically(path_ / "config.sources" / name, config.files[i].content);
  }
  write_file_atomically(path_ / "config.sources" / "argv.txt", join(info.argv, "\n") + "\n");
  write_file_atomically(path_ / "env.json", read_environment(config.train.threads).json);
  const Json json = {{"schema", "specula.training/1.0"}, {"run_id", new_run_id()},   {"kind", info.kind},
                     {"name", config.train.name},        {"created_utc", utc_now()}, {"build", build_name()},
                     {"note", config.train.note},        {"argv", info.argv},        {"identity", identity_json(info)}};
  write_file_atomically(path_ / "training.json", json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void TrainFolder::refuse_another(const TrainInfo& info, const std::string& resume) const {
  const fs::path file = path_ / "training.json";
  const Json json = Json::parse(read_file(file), nullptr, false);
  if (!json.is_object() || !json.contains("identity")) throw Error(file.string() + ": is no JSON of a training");
  std::vector<std::string> differing;
  for (const auto& [name, value] : info.identity) {
    const std::string before = json["identity"].value(name, "");
    if (before != value)
      differing.push_back(cat(name, " (was ", before.substr(0, 12), ", is ", value.substr(0, 12), ")"));
  }
  if (differing.empty() || resume == "force") return;
  throw ConfigError(cat(path_.string(), ": this training was begun with another ", join(differing),
                        "; --resume never begins a new one beside it, --resume force goes on"));
}

bool TrainFolder::is_done() const { return fs::exists(path_ / "DONE") && fs::exists(model()); }

void TrainFolder::status(const RunStatus& status) const { write_status(path_, status, 0); }

void TrainFolder::finish(const RunStatus& last, const std::string& marker) const {
  status(last);
  write_marker(path_, marker);
}

TrainRecorder::TrainRecorder(const TrainFolder& folder, const TrainingPlan& plan, int64_t tokens_per_step, int64_t step)
    : folder_(folder),
      steps_(plan.steps),
      tokens_per_step_(tokens_per_step),
      first_(step),
      metrics_(cut_behind_step(folder.path() / "metrics.jsonl", step)),
      timing_(cut_behind_step(folder.path() / "timing.jsonl", step)),
      progress_("train", plan.steps, "steps"),
      start_(seconds_now()),
      heartbeat_(start_) {
  progress_.skip(step);
}

void TrainRecorder::stepped(const StepReport& report) {
  Json line = {{"k", "step"}, {"step", report.step}, {"tokens", report.step * tokens_per_step_}};
  for (const auto& [name, value] : report.figures) line[name] = number(value);
  line["learning_rate"] = report.learning_rate;
  line["gradient_norm"] = number(report.gradient_norm);
  metrics_.append(line.dump());
  const double now = seconds_now();
  timing_.append(Json{{"step", report.step}, {"elapsed_s", now - start_}}.dump());
  const double speed = static_cast<double>((report.step - first_) * tokens_per_step_) / (now - start_);
  progress_.reach(report.step, cat(report.figures.front().first, " ", short_text(report.figures.front().second),
                                   validated_, "  ", std::llround(speed), " tok/s"));
  if (now - heartbeat_ < kHeartbeat) return;
  heartbeat_ = now;
  folder_.status({.state = "running", .done = report.step, .total = steps_});
}

void TrainRecorder::validated(int64_t step, const Figures& figures, bool is_best) {
  Json line = {{"k", "validation"}, {"step", step}};
  for (const auto& [name, value] : figures) {
    line[name] = number(value);
    if (name == "loss_nats") line["perplexity"] = number(std::exp(value));
  }
  line["is_best"] = is_best;
  metrics_.append(line.dump());
  validated_ = cat("  held-out ", short_text(figures.front().second));
}

void TrainRecorder::saving(int64_t /*step*/) {
  metrics_.sync();
  timing_.sync();
}

}  // namespace specula
