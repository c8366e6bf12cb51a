// What records say of the engine: batch invariance found on the models at hand, what quantized numbers cost, and that
// no table promises more than that.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/report/quality_report.h"
#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/run/inspect.h"
#include "experiments/run/run_folder.h"
#include "framework/certify/hash_model.h"
#include "framework/core/files.h"
#include "tests/experiments/quiet_log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kDemo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/";

// A toy model under the demo's vocabulary, in a made-up engine; `varies`: more than one row costs a bit.
class ToyModel final : public LoadedModel {
 public:
  explicit ToyModel(bool varies, Dtype dtype = Dtype::kFloat32, const std::string& path = kDemo + "target")
      : varies_(varies), dtype_(dtype), info_(read_model_info(path)) {}
  int64_t vocab() const override { return inner_.vocab(); }
  int64_t context() const override { return inner_.context(); }
  std::unique_ptr<KvCache> new_cache(int batch, int64_t reserve) const override {
    return inner_.new_cache(batch, reserve);
  }
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    Pass pass = inner_.forward(rows, cache, ask);
    if (varies_ && rows.token.size(1) > 1 && pass.logits.defined()) {
      auto* logits = pass.logits.mutable_data_ptr<float>();
      logits[0] = std::nextafter(logits[0], 1e9F);
    }
    return pass;
  }
  const ModelInfo& info() const override { return info_; }
  Dtype dtype() const override { return dtype_; }
  std::string engine() const override { return "toy"; }
  bool is_invariant_by_construction() const override { return true; }
  int64_t weight_bytes() const override { return 0; }
  int64_t kv_bytes_per_slot() const override { return 0; }

 private:
  HashModel inner_{{.seed = 1, .vocab = 4096}};
  bool varies_;
  Dtype dtype_;
  ModelInfo info_;
};

RunModel known(const std::string& name) { return {.name = name, .path = kDemo + "target", .dtype = "int8"}; }

class EngineRecord : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(::testing::TempDir()) / ("engine_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  QuietLog quiet_;
  fs::path folder_;
};

// --- What is found of loaded models ---

TEST_F(EngineRecord, InvarianceIsFoundModelByModel) {
  Models models;
  models["good"] = std::make_unique<ToyModel>(false);
  models["bad"] = std::make_unique<ToyModel>(true);
  const std::vector<RunModel> found = inspect_models({known("good"), known("bad")}, models, {});
  EXPECT_EQ(found[0].engine, "toy");
  EXPECT_TRUE(found[0].batch_invariant());
  EXPECT_EQ(found[0].invariance.size(), 6U);
  EXPECT_FALSE(found[1].batch_invariant());
  EXPECT_FALSE(found[1].invariance.at("rows"));
  EXPECT_FALSE(found[0].quality.has_value()) << "float32 costs nothing";
}

TEST_F(EngineRecord, QualityIsMeasuredOnceAndAMissingReferenceIsNoFailure) {
  Models models;
  models["toy"] = std::make_unique<ToyModel>(false, Dtype::kInt8);
  const std::vector<Prefix> texts = {{1, 300, 20, 777}, {1, 5}};
  const auto found = inspect_models({known("toy")}, models, texts);
  ASSERT_TRUE(found[0].quality.has_value());
  EXPECT_EQ(found[0].quality->against, "bf16");
  EXPECT_EQ(found[0].quality->measured.tokens, 4);
  EXPECT_GT(found[0].quality->measured.kl, 0.1) << "a toy is not the demo model";
  EXPECT_FALSE(inspect_models({known("toy")}, models, {})[0].quality.has_value()) << "quality_tokens = 0";

  std::vector<RunModel> again = found;
  again[0].quality->measured.kl = 42;
  EXPECT_EQ(inspect_models(again, models, texts)[0].quality->measured.kl, 42);

  RunModel gone = known("toy");
  gone.path = (folder_ / "gone").string();
  const auto missing = inspect_models({gone}, models, texts);
  EXPECT_THAT(missing[0].quality->why, HasSubstr("no such model folder"));
}

TEST_F(EngineRecord, QualityTextsAreTheFirstTurnsUpToALimit) {
  const ExperimentConfig config =
      load_config(std::string(SPECULA_SOURCE_DIR) + "/configs/studies/quickstart.toml", {}, make_registries());
  const auto tokenizer = load_tokenizer(kDemo + "target");
  const Plan plan = make_plan(config);
  size_t total = 0;
  const auto texts = quality_texts(plan, config, *tokenizer, 100);
  for (const Prefix& text : texts) total += text.size();
  EXPECT_LE(total, 100U);
  EXPECT_GE(total, 99U);
  EXPECT_EQ(texts[0], Dialogue(*tokenizer, plan.prompts[0], config.data).next());
  EXPECT_TRUE(quality_texts(plan, config, *tokenizer, 0).empty());
}

// --- What a manifest and a table say ---

RunInfo a_run() {
  RunInfo run;
  run.run_id = "01TEST";
  run.arms = {{.name = "ar", .target = "target", .drafter = "none", .guarantee = "greedy exact", .baseline = true},
              {.name = "sps", .target = "target", .drafter = "echo", .guarantee = "greedy exact"}};
  run.models = {{.name = "target", .path = "demo/target", .dtype = "int8"}};
  run.prompts_file = "prompts.jsonl";
  run.one_hot = true;
  run.bootstrap = 100;
  return run;
}

RunModel measured() {
  RunModel model{.name = "target",
                 .path = "demo/target",
                 .dtype = "int8",
                 .engine = "own: AVX3",
                 .invariance = {{"rows", true}, {"tree", true}}};
  model.quality = RunQuality{.against = "bf16",
                             .text = "prompts of the run",
                             .measured = {.tokens = 512,
                                          .nll_reference = 3,
                                          .nll = 3.0031,
                                          .nll_difference = 0.0031,
                                          .nll_difference_se = 0.0008,
                                          .kl = 0.0009,
                                          .argmax_equal = 0.982},
                             .why = ""};
  return model;
}

TEST_F(EngineRecord, PromisesOfEqualTextsNeedInvariance) {
  EXPECT_EQ(promise("greedy exact", true), "greedy exact");
  EXPECT_EQ(promise("greedy exact", false), "greedy exact up to numerics");
  EXPECT_EQ(promise("coupled", false), "coupled up to numerics");
  EXPECT_EQ(promise("exact", false), "exact");
  EXPECT_EQ(promise("lossy", false), "lossy");
  RunInfo run = a_run();
  EXPECT_EQ(run.promise_of(run.arms[1]), "greedy exact") << "not tried yet";
  run.models[0].invariance = {{"rows", true}, {"tree", false}};
  EXPECT_EQ(run.promise_of(run.arms[1]), "greedy exact up to numerics");
  EXPECT_EQ(run.promise_of(run.arms[0]), "greedy exact") << "the baseline is equal to itself";
}

TEST_F(EngineRecord, ManifestAndTableCarryIt) {
  RunInfo run = a_run();
  run.models = {measured()};
  write_manifest(folder_, run);
  const json manifest = json::parse(read_file(folder_ / "manifest.json"));
  const json& model = manifest["models"][0];
  EXPECT_EQ(model["engine"], "own: AVX3");
  EXPECT_EQ(model["batch_invariant"], true);
  EXPECT_EQ(model["invariance"]["tree"], true);
  EXPECT_EQ(model["quality"]["against"], "bf16");
  EXPECT_EQ(model["quality"]["text"], "prompts of the run");
  EXPECT_EQ(model["quality"]["kl"], 0.0009);
  EXPECT_EQ(manifest["arms"][1]["promise"], "greedy exact");
  const RunInfo read = read_manifest(folder_);
  const std::string table = result_table(read, summarize(read, {}));
  EXPECT_THAT(table,
              HasSubstr("- target int8: NLL +0.0031 nats/token (+-0.0008, 512 tokens), argmax equal 98.2 %, KL 0.0009; "
                        "against bf16 on the prompts of the run\n"));
  EXPECT_THAT(table, AllOf(Not(HasSubstr("invariance")), Not(HasSubstr("numerics"))));
}

TEST_F(EngineRecord, WhereItDoesNotHoldManifestTableAndSummarySaySo) {
  RunInfo run = a_run();
  run.models = {measured()};
  run.models[0].invariance["tree"] = false;
  run.models[0].quality->why = "DIR: needs about 13.5 GB";
  write_manifest(folder_, run);
  const json manifest = json::parse(read_file(folder_ / "manifest.json"));
  EXPECT_EQ(manifest["models"][0]["batch_invariant"], false);
  EXPECT_EQ(manifest["models"][0]["quality"]["why"], "DIR: needs about 13.5 GB");
  EXPECT_FALSE(manifest["models"][0]["quality"].contains("kl"));
  EXPECT_EQ(manifest["arms"][1]["promise"], "greedy exact up to numerics");
  const RunInfo read = read_manifest(folder_);
  const Summary summary = summarize(read, {});
  const std::string table = result_table(read, summary);
  EXPECT_THAT(table, AllOf(HasSubstr("! batch invariance does not hold on target (own: AVX3; tree): "),
                           HasSubstr("| greedy exact up to numerics |"),
                           HasSubstr("- target int8: cost not measured (DIR: needs about 13.5 GB)\n")));
  EXPECT_THAT(summary_json(read, summary), HasSubstr("batch invariance does not hold on target"));
}

TEST_F(EngineRecord, QualitySurvivesItsJson) {
  Quality quality = measured().quality->measured;
  EXPECT_EQ(nlohmann::ordered_json(quality).get<Quality>().nll, 3.0031);
  quality.nll_difference_se = NAN;
  const auto text = nlohmann::ordered_json(quality).dump();
  EXPECT_TRUE(std::isnan(nlohmann::ordered_json::parse(text).get<Quality>().nll_difference_se));
  EXPECT_EQ(quality_text(quality), "NLL +0.0031 nats/token (512 tokens), argmax equal 98.2 %, KL 0.0009");
}

// --- A resume ---

ExperimentConfig study(const fs::path& folder) {
  return load_config(std::string(SPECULA_SOURCE_DIR) + "/configs/studies/quickstart.toml",
                     {.out = (folder / "runs").string()}, make_registries());
}

TEST_F(EngineRecord, TheManifestIsCompletedOnceAndAnotherEngineIsRefused) {
  const ExperimentConfig config = study(folder_);
  RunInfo info = a_run();
  RunModel other = measured();
  other.engine = "own: AVX2";
  {
    RunFolder folder(config, info, "auto");
    EXPECT_THAT(read_file(folder.path() / "manifest.json"), Not(HasSubstr("engine")));
    folder.complete(info, {measured()});
    EXPECT_EQ(info.models[0].engine, "own: AVX3");
    EXPECT_EQ(read_manifest(folder.path()).models[0].engine, "own: AVX3");
    folder.complete(info, {measured()});  // the same again
  }
  {
    RunInfo now = a_run();
    RunFolder folder(config, now, "auto");
    EXPECT_EQ(now.models[0].engine, "own: AVX3") << "as the manifest says";
    try {
      folder.complete(now, {other});
      FAIL() << "another engine went on";
    } catch (const ConfigError& e) {
      EXPECT_THAT(e.what(), HasSubstr("another engine of model target (was own: AVX3, is own: AVX2)"));
    }
  }
  RunInfo now = a_run();
  RunFolder folder(config, now, "force");
  other.invariance["rows"] = false;
  folder.complete(now, {other});
  folder.begin_segment(now, "{}\n");
  EXPECT_EQ(read_manifest(folder.path()).models[0].engine, "own: AVX3");
  EXPECT_THAT(read_manifest(folder.path()).mixed,
              ElementsAre(HasSubstr("engine of model target (was own: AVX3, is own: AVX2)"),
                          HasSubstr("batch invariance of model target (it held)")));
}

// --- The programs ---

std::string captured(const std::function<void()>& command) {
  ::testing::internal::CaptureStdout();
  try {
    command();
  } catch (const std::exception& e) {
    ADD_FAILURE() << e.what();
  }
  return ::testing::internal::GetCapturedStdout();
}

TEST_F(EngineRecord, GenerateNamesItsEngine) {
  GenerateArgs args;
  args.model = kDemo + "target";
  args.draft_model = kDemo + "draft";
  args.prompt = "Once upon a time";
  args.has_prompt = true;
  args.max_new_tokens = 12;
  args.threads = 1;
  args.format = "json";
  args.dtype = "int8";
  const json alone = json::parse(captured([&] { generate_command(args); }));
  args.drafter = "draft_model(length=3)";
  args.draft_dtype = "bf16";
  const json line = json::parse(captured([&] { generate_command(args); }));
  EXPECT_EQ(line["ids"], alone["ids"]);
  EXPECT_EQ(line["dtype"], "int8");
  EXPECT_EQ(line["draft_dtype"], "bf16");
  EXPECT_FALSE(alone.contains("draft_dtype"));
  EXPECT_THAT(line["engine"].get<std::string>(), HasSubstr("own: "));
  EXPECT_EQ(line["batch_invariant"], true);
  EXPECT_EQ(line["guarantee"], "greedy exact");
}

TEST_F(EngineRecord, ADraftModelMustHoldTheWholeText) {
  const fs::path draft = folder_ / "draft";
  fs::copy(kDemo + "draft", draft, fs::copy_options::recursive);
  std::string config = read_file(draft / "config.json");
  const size_t at = config.find("1024", config.find("max_position_embeddings"));
  ASSERT_NE(at, std::string::npos);
  std::ofstream(draft / "config.json") << config.replace(at, 4, "20");
  GenerateArgs args;
  args.model = kDemo + "target";
  args.draft_model = draft.string();
  args.drafter = "draft_model";
  args.ids = "1,2,3";
  args.has_ids = true;
  args.max_new_tokens = 18;
  try {
    generate_command(args);
    FAIL() << "21 positions in a context of 20";
  } catch (const ConfigError& e) {
    EXPECT_STREQ(e.what(),
                 "a prompt of 3 tokens and --max-new-tokens 18 are more than the draft model's context of 20");
  }
}

TEST_F(EngineRecord, ScoreAgainstAnotherDtype) {
  const fs::path file = folder_ / "text.txt";
  std::ofstream(file) << "Once upon a time there was a little girl named Lily. She liked to play outside.";
  ScoringArgs args{.model = kDemo + "target", .text = file.string(), .dtype = "int8", .against = "bf16", .threads = 1};
  ::testing::internal::CaptureStderr();
  const json line = json::parse(captured([&] { score_command(args); }));
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), AllOf(HasSubstr("[int8 against bf16: NLL "), HasSubstr("KL ")));
  EXPECT_EQ(line["dtype"], "int8");
  EXPECT_EQ(line["against"], "bf16");
  EXPECT_GT(line["tokens"], 10);
  EXPECT_GT(line["kl"].get<double>(), 0);
  EXPECT_LT(line["kl"].get<double>(), 0.05);
  args.against = "int8";
  ::testing::internal::CaptureStderr();
  const json same = json::parse(captured([&] { score_command(args); }));
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(same["kl"], 0.0);
  EXPECT_EQ(same["nll_difference"], 0.0);
  EXPECT_EQ(same["argmax_equal"], 1.0);
  EXPECT_EQ(same["nll"], line["nll"]);

  args.against = "";
  args.dtype = "bf16";
  const json plain = json::parse(captured([&] { score_command(args); }));
  EXPECT_NEAR(plain["total_nats"].get<double>() / plain["tokens"].get<double>(), line["nll_reference"].get<double>(),
              1e-9);
}

TEST_F(EngineRecord, ATextLongerThanTheContextIsScoredInParts) {
  const fs::path file = folder_ / "long.txt";
  std::ofstream out(file);
  for (int i = 0; i < 400; ++i) out << "Tom has " << i << " apples. ";
  out.close();
  const ScoringArgs args{.model = kDemo + "target", .text = file.string(), .dtype = "bf16", .threads = 1};
  const json line = json::parse(captured([&] { score_command(args); }));
  const size_t length = line["ids"].size(), parts = (length + 1023) / 1024;
  ASSERT_GT(parts, 2U);
  EXPECT_EQ(line["tokens"].get<size_t>(), length - parts);
  EXPECT_EQ(line["nll"].size(), length);
  for (size_t i = 0; i < length; ++i) ASSERT_EQ(line["nll"][i].is_null(), i % 1024 == 0) << i;
}

TEST_F(EngineRecord, ScoreWantsOneInput) {
  const auto error = [](const ScoringArgs& args) -> std::string {
    try {
      score_command(args);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  };
  const std::string model = kDemo + "target";
  EXPECT_THAT(error({.model = model}), HasSubstr("neither --ids nor --text is given"));
  EXPECT_THAT(error({.model = model, .ids = "1,2", .text = "x"}), HasSubstr("both --ids and --text are given"));
  EXPECT_THAT(error({.model = model, .text = "/no/such/file"}), HasSubstr("/no/such/file"));
  EXPECT_THAT(error({.model = model, .ids = "1,2", .logits = "x.npy", .against = "fp32"}),
              HasSubstr("--logits cannot be given beside --against"));
  EXPECT_THAT(error({.model = model, .ids = "1,2", .against = "fp8"}), HasSubstr("--against: unknown dtype 'fp8'"));
  EXPECT_THAT(error({.model = model, .ids = "1", .against = "fp32", .threads = 1}), HasSubstr("at least two tokens"));
  std::ofstream(folder_ / "empty") << "";
  EXPECT_THAT(error({.model = model, .text = (folder_ / "empty").string()}), HasSubstr("at least 2 are needed"));
}

TEST_F(EngineRecord, DoctorTriesEveryDtypeAndAFolder) {
  ExitCode code = ExitCode::kRuntime;
  const std::string text =
      captured([&] { code = doctor_command({.model = kDemo + "target", .dtype = "int8", .threads = 1}); });
  EXPECT_EQ(code, ExitCode::kOk);
  for (const std::string& name : dtype_names()) {
    EXPECT_THAT(text, ContainsRegex("\n  " + name + " +[^ ]+ \\(in use\\)"));
    EXPECT_THAT(text, HasSubstr("\ninvariance " + name + " "));
  }
  EXPECT_THAT(text, AllOf(HasSubstr("11.015 M parameters, int8"), Not(HasSubstr("NOT HOLD"))));
  EXPECT_THROW(doctor_command({.model = "/no/such/folder"}), Error);
  EXPECT_THROW(doctor_command({.model = kDemo + "target", .dtype = "fp8"}), ConfigError);
}

}  // namespace
}  // namespace specula
