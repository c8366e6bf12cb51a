#include "experiments/run/manifest.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "experiments/report/quality_report.h"
#include "experiments/run/segments.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;

Json arm_json(const RunInfo& r, const ArmInfo& a) {
  Json json = {{"name", a.name},
               {"baseline", a.baseline},
               {"target", a.target},
               {"drafter", a.drafter},
               {"verifier", a.verifier},
               {"guarantee", a.guarantee},
               {"promise", r.promise_of(a)},
               {"state", a.state},
               {"tests_tokens", a.tests_tokens}};
  if (!a.reference.empty()) json["reference"] = a.reference;
  if (!a.duplicate_of.empty()) json["duplicate_of"] = a.duplicate_of;
  if (!a.strategy.empty()) json["strategy"] = a.strategy;
  if (!a.drafting.empty()) json["drafting"] = a.drafting;
  if (!a.draft_model.empty()) json["draft_model"] = a.draft_model;
  if (a.q_next) json["q_next"] = true;
  if (!a.certified.empty()) json["certificate"] = {{"path", a.certificate}, {"verdict", a.certified}};
  return json;
}

ArmInfo arm_of(const Json& j) {
  const Json certificate = j.value("certificate", Json::object());
  return {.name = j.at("name"),
          .target = j.at("target"),
          .drafter = j.at("drafter"),
          .verifier = j.at("verifier"),
          .guarantee = j.at("guarantee"),
          .baseline = j.at("baseline"),
          .state = j.value("state", "request"),
          .tests_tokens = j.at("tests_tokens"),
          .certificate = certificate.value("path", ""),
          .certified = certificate.value("verdict", ""),
          .reference = j.value("reference", ""),
          .duplicate_of = j.value("duplicate_of", ""),
          .strategy = j.value("strategy", ""),
          .drafting = j.value("drafting", ""),
          .draft_model = j.value("draft_model", ""),
          .q_next = j.value("q_next", false)};
}

Json quality_json(const RunQuality& q) {
  Json json = q.why.empty() ? Json(q.measured) : Json{{"why", q.why}};
  json["against"] = q.against;
  json["text"] = q.text;
  return json;
}

RunQuality quality_of(const Json& j) {
  RunQuality q{.against = j.at("against"), .text = j.at("text"), .measured = {}, .why = j.value("why", "")};
  if (q.why.empty()) q.measured = j.get<Quality>();
  return q;
}

Json model_json(const RunModel& m) {
  Json json = {
      {"name", m.name},           {"path", m.path},   {"dtype", m.dtype},        {"fingerprint", m.fingerprint},
      {"n_params", m.parameters}, {"vocab", m.vocab}, {"context_max", m.context}};
  if (m.active > 0) {
    json["n_active"] = m.active;
    json["layers"] = m.layers;
    json["d_attn"] = m.attention_width;
  }
  if (m.engine.empty()) return json;
  json["weight_bytes"] = m.weight_bytes;
  if (m.gemm_gflop_s > 0) json["gemm_gflop_s"] = m.gemm_gflop_s;
  json["engine"] = m.engine;
  json["batch_invariant"] = m.batch_invariant();
  json["invariance"] = m.invariance;
  if (m.quality) json["quality"] = quality_json(*m.quality);
  return json;
}

RunModel model_of(const Json& j) {
  RunModel model{.name = j.at("name"),
                 .path = j.at("path"),
                 .dtype = j.at("dtype"),
                 .fingerprint = j.at("fingerprint"),
                 .parameters = j.at("n_params"),
                 .vocab = j.at("vocab"),
                 .context = j.at("context_max"),
                 .active = j.value("n_active", int64_t{0}),
                 .layers = j.value("layers", int64_t{0}),
                 .attention_width = j.value("d_attn", int64_t{0}),
                 .weight_bytes = j.value("weight_bytes", int64_t{0}),
                 .gemm_gflop_s = j.value("gemm_gflop_s", 0.0),
                 .engine = j.value("engine", "")};
  if (j.contains("invariance")) model.invariance = j.at("invariance").get<std::map<std::string, bool>>();
  if (j.contains("quality")) model.quality = quality_of(j.at("quality"));
  return model;
}

Json bound_json(double bound) { return std::isfinite(bound) ? Json(bound) : Json(nullptr); }

Json expectation_json(const Expectation& e) {
  return {
      {"arm", e.arm}, {"metric", e.metric}, {"kind", e.kind}, {"low", bound_json(e.low)}, {"high", bound_json(e.high)}};
}

Expectation expectation_of(const Json& j) {
  Expectation e{.arm = j.at("arm"), .metric = j.at("metric"), .kind = j.at("kind")};
  if (j.at("low").is_number()) e.low = j.at("low");
  if (j.at("high").is_number()) e.high = j.at("high");
  return e;
}

Json to_json(const RunInfo& r) {
  Json json = {{"schema", "specula.run/1.0"},
               {"run_id", r.run_id},
               {"experiment", r.experiment},
               {"cell", r.cell},
               {"created_utc", r.created_utc},
               {"argv", r.argv},
               {"cwd", r.cwd},
               {"build", r.build}};
  if (!r.parent_run.empty()) json["parent_run"] = r.parent_run;
  if (r.shards > 1) json["shards"] = r.shards;
  json["arms"] = json["models"] = Json::array();
  for (const ArmInfo& a : r.arms) json["arms"].push_back(arm_json(r, a));
  for (const RunModel& m : r.models) json["models"].push_back(model_json(m));
  json["data"] = {{"prompts", r.prompts_file},
                  {"n_prompts", r.num_prompts},
                  {"records_per_arm", r.records_per_arm},
                  {"max_new_tokens", r.max_new_tokens},
                  {"tokenizer_sha256", r.tokenizer}};
  json["sampler"] = {{"text", r.sampler}, {"one_hot", r.one_hot}};
  json["seeds"] = {{"master", r.seed},
                   {"derivation", "uniform(use, request, position, index); request = hash(prompt, rep, turn)"}};
  json["measure"] = {{"repetitions", r.repetitions},     {"threads", r.threads}, {"stream_gb_s", r.stream_gb_s},
                     {"trace_prompts", r.trace_prompts}, {"sort", r.sort},       {"bootstrap", r.bootstrap}};
  if (r.batch > 1) json["measure"]["batch"] = r.batch;
  json["energy"] = {{"idle_w", r.idle_w}, {"why", r.no_energy}};
  if (r.usd_per_hour > 0) json["cost"] = {{"usd_per_hour", r.usd_per_hour}};
  if (r.scorers) json["quality"]["scorers"] = *r.scorers;
  if (r.nll) json["quality"]["nll"] = true;
  for (const Expectation& e : r.expectations) json["expectations"].push_back(expectation_json(e));
  json["definitions"] = {"accept/1", "time/1"};
  json["identity"] = r.identity;
  return json;
}

RunInfo of_json(const Json& j) {
  RunInfo r;
  r.run_id = j.at("run_id");
  r.experiment = j.at("experiment");
  r.cell = j.at("cell");
  r.created_utc = j.at("created_utc");
  r.argv = j.at("argv").get<std::vector<std::string>>();
  r.cwd = j.at("cwd");
  r.parent_run = j.value("parent_run", "");
  r.shards = j.value("shards", 1);
  r.build = j.at("build");
  for (const Json& a : j.at("arms")) r.arms.push_back(arm_of(a));
  for (const Json& m : j.at("models")) r.models.push_back(model_of(m));
  const Json& data = j.at("data");
  r.prompts_file = data.at("prompts");
  r.num_prompts = data.at("n_prompts");
  r.records_per_arm = data.at("records_per_arm");
  r.max_new_tokens = data.at("max_new_tokens");
  r.tokenizer = data.at("tokenizer_sha256");
  r.sampler = j.at("sampler").at("text");
  r.one_hot = j.at("sampler").at("one_hot");
  r.seed = j.at("seeds").at("master");
  const Json& measure = j.at("measure");
  r.repetitions = measure.at("repetitions");
  r.threads = measure.at("threads");
  r.stream_gb_s = measure.at("stream_gb_s");
  r.trace_prompts = measure.at("trace_prompts");
  r.bootstrap = measure.at("bootstrap");
  r.sort = measure.value("sort", "config");
  r.batch = std::max(1, measure.value("batch", 1));
  const Json energy = j.value("energy", Json::object());
  r.idle_w = energy.value("idle_w", std::map<std::string, double>{});
  r.no_energy = energy.value("why", "not_asked_for");  // an older run
  r.usd_per_hour = j.value("cost", Json::object()).value("usd_per_hour", 0.0);
  const Json quality = j.value("quality", Json::object());
  if (quality.contains("scorers")) r.scorers = quality.at("scorers").get<std::vector<std::string>>();
  r.nll = quality.value("nll", false);
  for (const Json& e : j.value("expectations", Json::array())) r.expectations.push_back(expectation_of(e));
  r.identity = j.at("identity").get<std::map<std::string, std::string>>();
  return r;
}

}  // namespace

const ArmInfo& RunInfo::baseline() const {
  for (const ArmInfo& arm : arms) {
    if (arm.baseline) return arm;
  }
  throw std::logic_error("a run without a baseline arm");
}

bool RunModel::batch_invariant() const {
  return std::all_of(invariance.begin(), invariance.end(), [](const auto& property) { return property.second; });
}

std::string RunInfo::promise_of(const ArmInfo& arm) const {
  const auto target =
      std::find_if(models.begin(), models.end(), [&](const RunModel& m) { return m.name == arm.target; });
  const std::string kept = promise(arm.guarantee, arm.baseline || target == models.end() || target->batch_invariant());
  return has_own_target(arm) && kept != "lossy" ? cat(kept, " for ", arm.target) : kept;
}

std::string promise(const std::string& guarantee, bool batch_invariant) {
  const bool promises_text = guarantee == "greedy exact" || guarantee == "coupled";
  return batch_invariant || !promises_text ? guarantee : guarantee + " up to numerics";
}

void write_manifest(const std::filesystem::path& run_folder, const RunInfo& info) {
  write_file_atomically(run_folder / "manifest.json",
                        to_json(info).dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

RunInfo read_manifest(const std::filesystem::path& run_folder) {
  const std::filesystem::path file = run_folder / "manifest.json";
  if (!std::filesystem::exists(file)) {
    throw Error(cat(run_folder.string(), ": not a run folder (it has no manifest.json)"), ExitCode::kConfig);
  }
  try {
    const Json json = Json::parse(read_file(file));
    const std::string schema = json.at("schema");
    if (!schema.starts_with("specula.run/1."))
      throw Error(cat(file.string(), ": its schema is ", schema, "; this program reads specula.run/1"));
    RunInfo info = of_json(json);
    info.mixed = mixes_of(run_folder, info.shards);
    return info;
  } catch (const Json::exception& e) {
    throw Error(cat(file.string(), ": not a manifest of specula.run/1: ", e.what()));
  }
}

std::vector<std::string> differences(const RunInfo& before, const RunInfo& now) {
  std::vector<std::string> all;
  for (const auto& [name, value] : now.identity) {
    const auto old = before.identity.find(name);
    const std::string was = old == before.identity.end() ? "absent" : old->second;
    if (was != value) all.push_back(cat(name, " (was ", was.substr(0, 40), ", is ", value.substr(0, 40), ")"));
  }
  for (const auto& [name, value] : before.identity) {
    if (!now.identity.contains(name)) all.push_back(cat(name, " (was ", value.substr(0, 40), ", is absent)"));
  }
  return all;
}

std::vector<std::string> differences(const std::vector<RunModel>& before, const std::vector<RunModel>& now) {
  std::vector<std::string> all;
  for (const RunModel& model : now) {
    const auto old =
        std::find_if(before.begin(), before.end(), [&](const RunModel& m) { return m.name == model.name; });
    if (old == before.end()) continue;  // told by the identity
    if (old->engine != model.engine)
      all.push_back(cat("engine of model ", model.name, " (was ", old->engine, ", is ", model.engine, ")"));
    if (old->batch_invariant() != model.batch_invariant()) {
      all.push_back(
          cat("batch invariance of model ", model.name, old->batch_invariant() ? " (it held)" : " (it did not hold)"));
    }
  }
  return all;
}

std::string new_run_id() {
  static std::atomic<int> counter{0};
  static const char* const kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  auto ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
  const std::string digest = sha256(cat(now.count(), " ", ::getpid(), " ", counter++));
  std::string id(26, '0');
  for (int i = 9; i >= 0; --i, ms >>= 5) id[static_cast<size_t>(i)] = kAlphabet[ms & 31];
  for (size_t i = 0; i < 16; ++i) id[10 + i] = kAlphabet[std::stoul(digest.substr(2 * i, 2), nullptr, 16) & 31];
  return id;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

}  // namespace specula
