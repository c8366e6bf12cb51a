#include "experiments/run_cell.h"

#include <algorithm>
#include <functional>

#include "experiments/commands.h"
#include "experiments/run/drafting.h"
#include "experiments/run/environment.h"
#include "experiments/run/inspect.h"
#include "experiments/run/model_size.h"
#include "experiments/run/run.h"
#include "experiments/run/run_signal.h"
#include "experiments/run/trace_room.h"
#include "experiments/scores/likelihood.h"
#include "experiments/scores/sandbox.h"
#include "experiments/scores/score_file.h"
#include "experiments/scores/scoring.h"
#include "experiments/stream.h"
#include "experiments/verify/certificate.h"
#include "framework/core/log.h"
#include "framework/model/threads.h"
#include "framework/text/tokenizer_config.h"

namespace specula {
namespace {

ArmInfo arm_info(const ArmConfig& arm) {
  return {.name = arm.name,
          .target = arm.target,
          .drafter = call_text(arm.drafter),
          .verifier = call_text(arm.verifier),
          .guarantee = arm.composed.promise(),
          .baseline = arm.baseline,
          .state = name_of(arm.composed.drafter.scope),
          .tests_tokens = arm.composed.verifier.tests_tokens,
          .duplicate_of = arm.duplicate_of,
          .strategy = arm.strategy ? call_text(*arm.strategy) : "",
          .drafting = drafting_of(arm),
          .draft_model = arm.composed.drafter.models.empty() ? "" : arm.composed.drafter.models.front()};
}

void add_models(const ExperimentConfig& config, RunInfo& info) {
  for (const std::string& name : used_models(config)) {
    const ModelConfig& model = config.model(name);
    const ModelInfo known = read_model_info(model.folder);
    const ModelSize size = model_size(model.folder);
    info.models.push_back({.name = name,
                           .path = model.folder,
                           .dtype = name_of(choose_dtype(model.dtype, known, cat("[models.", name, "] dtype"))),
                           .fingerprint = known.fingerprint,
                           .parameters = known.parameters,
                           .vocab = known.vocab,
                           .context = known.context,
                           .active = size.active,
                           .layers = size.layers,
                           .attention_width = size.attention_width});
    info.identity["model." + name] = known.fingerprint;
  }
}

RunInfo describe(const ExperimentConfig& config, const Plan& plan, const Tokenizer& tokenizer, const RunArgs& args) {
  RunInfo info;
  info.run_id = new_run_id();
  info.experiment = config.name;
  info.cell = config.cell;
  info.created_utc = utc_now();
  info.argv = args.argv;
  info.cwd = std::filesystem::current_path().string();
  for (const ArmConfig& arm : config.arms) {
    info.arms.push_back(arm_info(arm));
    info.arms.back().q_next = arm.asks_q_next(config.records_distributions());
  }
  info.prompts_file = config.data.file;
  info.tokenizer = tokenizer.fingerprint();
  info.num_prompts = static_cast<int64_t>(plan.prompts.size());
  info.records_per_arm = plan.records_per_arm;
  info.max_new_tokens = config.data.max_new_tokens;
  info.sampler = sampler_text(config);
  info.one_hot = config.baseline().composed.one_hot;
  info.seed = config.seed;
  info.repetitions = config.measure.repetitions;
  info.batch = config.measure.batch;
  info.threads = threads();
  info.stream_gb_s = stream_bandwidth();
  info.trace_prompts = static_cast<int>(plan.trace_prompts);
  info.bootstrap = config.measure.bootstrap;
  info.sort = config.sort;
  info.usd_per_hour = config.cost.usd_per_hour;
  info.expectations = config.expectations;
  if (!plan_scoring(plan.prompts, config.data.file, config.quality.scorers).empty())
    info.scorers = config.quality.scorers;
  info.nll = config.quality.nll;
  info.build = build_name();
  info.identity = {{"configuration", config.cfg_hash},
                   {"binary", binary_sha256()},
                   {"machine", cpu_model()},
                   {"threads", std::to_string(info.threads)},
                   {"prompts", sha256(read_file(config.data.file))},
                   {"tokenizer", info.tokenizer}};
  const auto on_gpu = [](const ModelConfig& model) { return model.device.starts_with("cuda"); };
  if (std::any_of(config.models.begin(), config.models.end(), on_gpu)) info.identity["gpus"] = join(gpu_models());
  add_models(config, info);
  return info;
}

// What repeats a run says whose it is, and what is not as it was.
void name_parent(const std::string& folder, RunInfo& info) {
  const RunInfo parent = read_manifest(folder);
  info.parent_run = parent.run_id;
  for (const std::string& difference : differences(parent, info))
    log::warning(cat("not as in ", folder, ": ", difference));
}

std::vector<Token> stop_tokens(const ExperimentConfig& config, const std::string& target, const Tokenizer& tokenizer) {
  if (config.data.ignore_eos) return {};
  const std::string& folder = config.model(target).folder;
  return read_stop_tokens(folder, read_model_info(folder).vocab, tokenizer.eos());
}

// An arm ends its texts as its own target says.
std::map<std::string, std::vector<Token>> other_stops(const ExperimentConfig& config, const Tokenizer& tokenizer) {
  std::map<std::string, std::vector<Token>> stops;
  for (const ArmConfig& arm : config.arms) {
    if (arm.target != config.baseline().target) stops[arm.target] = stop_tokens(config, arm.target, tokenizer);
  }
  return stops;
}

constexpr double kIdleSeconds = 1;

struct Job {  // all lent by run_command
  const ExperimentConfig& config;
  const Registries& registries;
  const Plan& plan;
  const Tokenizer& tokenizer;
  RunFolder& folder;
  const SignalScope& signals;
  RunInfo& info;  // what the manifest says
  PowerMeter& power;
};

// What `verify` said of the same compositions under this very binary.
void cite_certificates(const ExperimentConfig& config, const Models& models, RunInfo& info) {
  const std::string binary = binary_sha256();
  for (ArmInfo& arm : info.arms) {
    const auto same = std::find_if(config.arms.begin(), config.arms.end(),
                                   [&](const ArmConfig& configured) { return configured.name == arm.name; });
    if (same == config.arms.end() || same->strategy) continue;
    const auto found = find_certificate(config.out, identity_of(config, *same, models), binary);
    arm.certificate = found ? found->path : "";
    arm.certified = found ? found->verdict : kNoCertificate;
  }
}

// What belongs beside the numbers of these models; a folder whose models were others refuses them here.
void inspect(const Job& job, const Models& models) {
  const std::vector<Prefix> texts =
      quality_texts(job.plan, job.config, job.tokenizer, job.config.measure.quality_tokens);
  cite_certificates(job.config, models, job.info);
  job.info.idle_w = idle_power(job.power, kIdleSeconds);
  job.info.no_energy = job.power.why();
  std::vector<RunModel> found = inspect_models(job.info.models, models, texts);
  add_product_rates(job.config, found);
  job.folder.complete(job.info, found);
}

// Plays what is left.  Returns kOk, kPartial or the code of an interruption.
ExitCode execute(const Job& job, const Models& models, RunStatus& status) {
  const Sampler sampler =
      make_sampler(job.registries, job.config.samplers, parts_of(job.config, job.config.baseline(), models));
  const ArmRunner::Shared shared{.registries = job.registries,
                                 .config = job.config,
                                 .models = models,
                                 .sampler = sampler,
                                 .stop = stop_tokens(job.config, job.config.baseline().target, job.tokenizer),
                                 .interrupt = job.signals.flag(),
                                 .run_start = seconds_now(),
                                 .other_stops = other_stops(job.config, job.tokenizer),
                                 .power = job.power.why().empty() ? &job.power : nullptr};
  Run run(shared, job.plan, job.tokenizer, job.folder);
  Progress progress(job.config.name, static_cast<int64_t>(job.plan.units.size()));
  try {
    if (run.has_work()) run.warm_up(progress);
    run.play(progress);
  } catch (...) {
    status = run.status();
    throw;
  }
  status = run.status();
  if (job.signals.interrupted() && status.done < status.total) return job.signals.code();
  return status.failed > 0 ? ExitCode::kPartial : ExitCode::kOk;
}

bool has_ended(ExitCode code) { return code != ExitCode::kInterrupted && code != ExitCode::kUserInterrupt; }

bool is_finished(const RunFolder& folder) { return std::filesystem::exists(folder.own() / "DONE"); }

}  // namespace

const Models& CellRunner::models_of(const ExperimentConfig& config) {
  const std::string key = models_key(config);
  if (key == models_key_) return models_;
  forget_models();  // first, so that two sets are never in memory
  models_ = load_models(config);
  models_key_ = key;
  return models_;
}

namespace {

ExitCode play(const Job& job, const RunInfo& now, const std::function<const Models&()>& load) {
  RunFolder& folder = job.folder;
  const Environment environment = read_environment(threads());
  for (const std::string& warning : environment.warnings) log::warning(warning);
  RunStatus status{.state = "running", .total = static_cast<int64_t>(job.plan.units.size())};
  folder.status(status);
  try {
    const Models& models = load();
    inspect(job, models);
    folder.begin_segment(now, environment.json);
    const ExitCode code = execute(job, models, status);
    const bool interrupted = !has_ended(code);
    status.state = interrupted ? "interrupted" : code == ExitCode::kPartial ? "partial" : "done";
    folder.finish(status, code == ExitCode::kOk ? "DONE" : "PARTIAL");
    return code;
  } catch (const std::exception& e) {
    status.state = "failed";
    status.last_error = e.what();
    folder.finish(status, "FAILED");
    throw;
  }
}

void check_sandbox(const ExperimentConfig& config, const Plan& plan) {
  if (config.quality.run_code && runs_code(plan_scoring(plan.prompts, config.data.file, config.quality.scorers)))
    require_sandbox();
}

// Shards are judged when they are one run.
void judge_texts(const ExperimentConfig& config, const Plan& plan, const std::filesystem::path& folder) {
  if (!plan_scoring(plan.prompts, config.data.file, config.quality.scorers).empty())
    log::info(cat(score_run(folder, config.quality.scorers, config.quality.run_code), " texts were judged"));
}

void tell_likelihoods(const std::filesystem::path& folder) {
  log::info(cat(measure_likelihoods(folder), " texts have a likelihood"));
}

struct LogFile {
  explicit LogFile(const std::filesystem::path& path) { log::open_file(path.string()); }
  ~LogFile() { log::close_file(); }
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
};

}  // namespace

void CellRunner::forget_models() {
  models_key_.clear();
  models_.clear();
}

CellResult CellRunner::run(const ExperimentConfig& config, const SignalScope& signals) {
  Plan plan = make_plan(config);
  const auto tokenizer = load_tokenizer(config.model(config.baseline().target).folder);
  set_threads(config.measure.threads);
  RunInfo now = describe(config, plan, *tokenizer, args_);
  now.shards = shard_.count;
  keep_shard(plan, shard_);
  if (!args_.parent.empty()) name_parent(args_.parent, now);
  for (const RunModel& model : now.models) check_context(plan, config, *tokenizer, model.context, model.name);

  CellResult result{.info = now};
  RunFolder folder(config, result.info, args_.resume, shard_);
  result.folder = folder.path();
  const LogFile log_file(folder.own() / "log.txt");
  folder.keep_inputs(inputs_jsonl(plan, config, *tokenizer));
  check_sandbox(config, plan);
  if (is_finished(folder)) {
    result.was_finished = true;
    if (!shard_.is_whole()) return result;
    judge_texts(config, plan, folder.path());
    if (config.quality.nll && read_likelihoods(folder.path()).empty()) tell_likelihoods(folder.path());
    return result;
  }
  check_trace_room(config, plan, folder.path());
  PowerMeter power;
  try {
    result.code = play({config, registries_, plan, *tokenizer, folder, signals, result.info, power}, now,
                       [&]() -> const Models& { return models_of(config); });
  } catch (...) {
    forget_models();  // it may have been memory that ran out
    throw;
  }
  if (!shard_.is_whole() || !has_ended(result.code)) return result;
  judge_texts(config, plan, folder.path());
  if (config.quality.nll) tell_likelihoods(folder.path());
  return result;
}

}  // namespace specula
