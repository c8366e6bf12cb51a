#include "experiments/train/train_config.h"

#include <algorithm>

#include "experiments/config/config_tree.h"

namespace specula {
namespace {

const std::vector<std::string> kCommon = {"train", "sources", "batch", "optimizer", "validation", "output"};

}  // namespace

TrainingPlan TrainConfig::plan() const {
  const int64_t per_step = batch.sequences * batch.accumulate * batch.length;
  return {.steps = train.steps > 0 ? train.steps : (train.tokens + per_step - 1) / per_step,
          .sequences = batch.sequences,
          .accumulate = batch.accumulate,
          .learning_rate = optimizer.learning_rate,
          .warmup = optimizer.warmup,
          .final_share = optimizer.final_share,
          .clip = optimizer.clip,
          .optimizer = {.beta1 = optimizer.beta1, .beta2 = optimizer.beta2, .weight_decay = optimizer.weight_decay},
          .validate_every = validation.every,
          .patience = validation.patience,
          .checkpoint_every = output.checkpoint_every};
}

TrainFile::TrainFile(const std::filesystem::path& file, const ConfigOverrides& overrides,
                     const std::vector<std::string>& own) {
  ConfigTree tree = read_config_tree(file);
  root_ = std::move(tree.root);
  config_.files = std::move(tree.sources);
  config_.resolved = {.data = Value::Table{}, .origin = root_.origin};
  apply_overrides(root_, overrides, problems_);
  check_sections(own);
  section("train", config_.train);
  check_train();
  sources();
  section("batch", config_.batch);
  section("optimizer", config_.optimizer);
  section("validation", config_.validation);
  section("output", config_.output);
}

void TrainFile::check_sections(const std::vector<std::string>& own) {
  std::vector<std::string> valid = kCommon;
  valid.insert(valid.end(), own.begin(), own.end());
  for (const Entry& entry : root_.table()) {
    if (std::find(valid.begin(), valid.end(), entry.key) == valid.end())
      problems_.add(cat(entry.value.origin, ": unknown section '", entry.key, "'", suggestion(entry.key, valid)));
  }
}

const Value& TrainFile::table(const std::string& name) {
  static const Value kEmpty{.data = Value::Table{}, .origin = "default"};
  const Value* value = root_.find(name);
  if (value == nullptr) return kEmpty;
  if (value->is_table()) return *value;
  problems_.add(cat(value->origin, ": ", name, " = ", to_text(*value), " is ", kind_name(*value),
                    "; expected a table [", name, "]"));
  return kEmpty;
}

void TrainFile::problem(const std::string& section, const std::string& key, const std::string& what) {
  const Value* values = root_.find(section);
  const Value* value = values == nullptr ? nullptr : values->find(key);
  const std::string& origin = value != nullptr ? value->origin : values != nullptr ? values->origin : root_.origin;
  problems_.add(cat(origin, ": [", section, "] ", key, value == nullptr ? "" : cat(" = ", to_text(*value)), " ", what));
}

void TrainFile::check_train() {
  const TrainKeys& train = config_.train;
  require_text(table("train"), "[train]", "name", problems_);
  if (train.name.find('/') != std::string::npos || train.name.starts_with("."))
    problem("train", "name", "cannot name a folder; expected text without '/' and without a '.' in front");
  if ((train.steps > 0) == (train.tokens > 0))
    problem("train", train.steps > 0 ? "tokens" : "steps",
            cat("and ", train.steps > 0 ? "steps" : "tokens", train.steps > 0 ? " are both" : ": neither is",
                " given; expected one of them, at least 1"));
}

void TrainFile::sources() {
  const Value& all = table("sources");
  Value resolved{.data = Value::Table{}, .origin = all.origin};
  for (const Entry& entry : all.table()) {
    const std::string place = cat("[sources.", entry.key, "]");
    if (!entry.value.is_table()) {
      problems_.add(cat(entry.value.origin, ": ", place, " is ", kind_name(entry.value),
                        "; expected a table with the key 'paths'"));
      continue;
    }
    TrainSource source{.name = entry.key};
    Value values = read_section(entry.value, place, source, problems_);
    Value& paths = *values.find("paths");
    if (source.paths.empty()) problems_.add(cat(entry.value.origin, ": ", place, " lacks 'paths'; expected files"));
    for (size_t i = 0; i < source.paths.size(); ++i) {
      Value& path = paths.array()[i];
      path.origin = paths.origin;
      source.paths[i] = absolute_path(path);
      path.data = source.paths[i];
    }
    resolved.set(entry.key, std::move(values));
    config_.sources.push_back(std::move(source));
  }
  if (config_.sources.empty())
    problems_.add(cat(root_.origin, ": there are no texts; expected a table [sources.<name>] with the key 'paths'"));
  config_.resolved.set("sources", std::move(resolved));
}

void TrainFile::resolve_folder(const std::string& section, const std::string& key, Value& values) {
  Value& value = *values.find(key);
  if (!value.is_string() || value.string().empty()) return;
  value.data = absolute_path(value);
  if (!std::filesystem::is_directory(value.string()))
    problem(section, key, cat("names no folder: there is no ", value.string()));
}

std::string TrainFile::folder(const std::string& section, const std::string& key) const {
  return config_.resolved.find(section)->find(key)->string();
}

TrainConfig TrainFile::finish() {
  throw_if_any(problems_, config_.files);
  return std::move(config_);
}

}  // namespace specula
