// `specula train lm` and `distill`: what they learn, that a killed training goes on bit for bit, and what is refused.
#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "experiments/cli/cli.h"
#include "experiments/train/train_config.h"
#include "framework/core/files.h"
#include "framework/model/load.h"
#include "framework/model/reference.h"
#include "framework/train/lm.h"
#include "framework/train/trainer.h"
#include "tests/experiments/started_program.h"

namespace specula::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using Json = nlohmann::json;

const std::string kRoot = SPECULA_SOURCE_DIR;
const std::string kTiny = kRoot + "/configs/train/tiny.toml";

// Nothing is printed while it lasts.
struct Silence {
  Silence() : before(std::cout.rdbuf(printed.rdbuf())) {}
  ~Silence() { std::cout.rdbuf(before); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  std::ostringstream printed;
  std::streambuf* before;
};

class TrainModel : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / cat("specula-train-model-", ::getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::vector<std::string> words(const std::string& kind, const std::string& config, const std::string& out,
                                 const std::vector<std::string>& sets = {}) const {
    std::vector<std::string> all = {"train", kind, config, "--out", (folder_ / out).string()};
    for (const std::string& set : sets) all.insert(all.end(), {"--set", set});
    return all;
  }
  static int run(const std::vector<std::string>& given) {
    std::vector<const char*> argv = {"specula"};
    for (const std::string& word : given) argv.push_back(word.c_str());
    const Silence silence;
    return static_cast<int>(run_command_line(static_cast<int>(argv.size()), argv.data()));
  }
  static std::string error_of(const std::vector<std::string>& given) {
    try {
      run(given);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  static std::vector<Json> lines(const fs::path& file) {
    std::ifstream in(file);
    std::vector<Json> all;
    for (std::string line; std::getline(in, line);) all.push_back(Json::parse(line));
    return all;
  }

  static int64_t lines_of(const fs::path& file) {
    if (!fs::exists(file)) return 0;
    const std::string text = read_file(file);
    return std::count(text.begin(), text.end(), '\n');
  }
  // Starts the program and sends the signal once so many lines of metrics are there; what it returned.
  int interrupted(const std::vector<std::string>& given, const fs::path& metrics, int64_t after, int signal) const {
    const pid_t child = start_program(given, folder_);
    for (int i = 0; i < 6000 && lines_of(metrics) < after; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    ::kill(child, signal);
    return wait_for_program(child);
  }

  fs::path folder_;
};

TEST_F(TrainModel, ADecoderLearnsAndItsFolderLoads) {
  ASSERT_EQ(run(words("lm", kTiny, "a")), 0);
  const fs::path done = folder_ / "a/tiny";
  const std::vector<Json> metrics = lines(done / "metrics.jsonl");
  EXPECT_NEAR(double(metrics.front()["loss_nats"]), std::log(4096), 0.1) << "before it has learnt anything";
  std::vector<Json> validations;
  for (const Json& line : metrics) {
    if (line["k"] == "validation") validations.push_back(line);
  }
  ASSERT_EQ(validations.size(), 3U);
  EXPECT_LT(double(validations.back()["loss_nats"]), 6);
  EXPECT_NEAR(double(validations.back()["perplexity"]), std::exp(double(validations.back()["loss_nats"])), 1e-9);
  EXPECT_TRUE(fs::exists(done / "DONE"));
  for (const char* const file :
       {"training.json", "config.resolved.toml", "env.json", "status.json", "timing.jsonl", "report.html"})
    EXPECT_TRUE(fs::exists(done / file)) << file;

  // The own engine decodes what was written, with the logits of the reference.
  const auto model = load_model(done / "model", {.dtype = Dtype::kFloat32});
  EXPECT_EQ(model->info().vocab, 4096);
  EXPECT_EQ(run({"generate", "--model", (done / "model").string(), "--prompt", "Question:", "--max-new-tokens", "4"}),
            0);
  // Again: it is there, and nothing is done.
  const std::string before = read_file(done / "metrics.jsonl");
  EXPECT_EQ(run(words("lm", kTiny, "a")), 0);
  EXPECT_EQ(read_file(done / "metrics.jsonl"), before);
}

TEST_F(TrainModel, KilledTrainingGoesOnBitForBit) {
  const std::vector<std::string> sets = {"train.steps=40", "output.checkpoint_every=5", "validation.every=10"};
  ASSERT_EQ(run(words("lm", kTiny, "whole", sets)), 0);
  const fs::path metrics = folder_ / "killed/tiny/metrics.jsonl";
  ASSERT_EQ(interrupted(words("lm", kTiny, "killed", sets), metrics, 13, SIGKILL), -SIGKILL)
      << read_file(folder_ / "stderr");
  ASSERT_FALSE(fs::exists(folder_ / "killed/tiny/DONE"));
  ASSERT_EQ(wait_for_program(start_program(words("lm", kTiny, "killed", sets), folder_)), 0)
      << read_file(folder_ / "stderr");
  EXPECT_THAT(read_file(folder_ / "stderr"), HasSubstr("goes on behind step"));
  EXPECT_EQ(read_file(metrics), read_file(folder_ / "whole/tiny/metrics.jsonl"));
  EXPECT_EQ(sha256_of_file(folder_ / "killed/tiny/model/model.safetensors"),
            sha256_of_file(folder_ / "whole/tiny/model/model.safetensors"));
}

TEST_F(TrainModel, ASignalLeavesACheckpointAndTheStatusOfInterruptedRuns) {
  const std::vector<std::string> sets = {"output.checkpoint_every=0", "validation.every=0", "train.steps=100000"};
  const fs::path done = folder_ / "a/tiny";
  ASSERT_EQ(interrupted(words("lm", kTiny, "a", sets), done / "metrics.jsonl", 3, SIGTERM), 75)
      << read_file(folder_ / "stderr");
  const Json status = Json::parse(read_file(done / "status.json"));
  EXPECT_EQ(status["state"], "interrupted");
  EXPECT_EQ(status["done"], lines_of(done / "metrics.jsonl"));
  EXPECT_TRUE(fs::exists(done / cat("checkpoints/step-", int64_t(status["done"])) / "model.safetensors"));
}

// A port that nobody uses at the moment.
int free_port() {
  const int door = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(door, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ::getsockname(door, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(door);
  return ::ntohs(address.sin_port);
}

TEST_F(TrainModel, TwoProcessesTrainAsOneDoes) {
  const std::vector<std::string> sets = {"train.steps=6", "validation.every=3", "train.threads=1",
                                         "optimizer.dtype=fp32"};
  ASSERT_EQ(run(words("lm", kTiny, "one", sets)), 0);
  const std::string meet = cat("127.0.0.1:", free_port());
  std::vector<pid_t> children;
  for (const char* const rank : {"0/2", "1/2"}) {
    std::vector<std::string> given = words("lm", kTiny, "two", sets);
    given.insert(given.end(), {"--rank", rank, "--meet", meet});
    fs::create_directories(folder_ / rank);
    children.push_back(start_program(given, folder_ / rank));
  }
  for (const pid_t child : children)
    EXPECT_EQ(wait_for_program(child), 0) << read_file(folder_ / "0/2/stderr") << read_file(folder_ / "1/2/stderr");
  const std::vector<Json> one = lines(folder_ / "one/tiny/metrics.jsonl"),
                          two = lines(folder_ / "two/tiny/metrics.jsonl");
  ASSERT_EQ(two.size(), one.size());
  for (size_t i = 0; i < one.size(); ++i) {
    EXPECT_NEAR(double(two[i]["loss_nats"]), double(one[i]["loss_nats"]), 1e-4) << one[i];
    if (one[i]["k"] == "step") {
      EXPECT_NEAR(double(two[i]["gradient_norm"]) / double(one[i]["gradient_norm"]), 1, 1e-3) << one[i];
    }
  }
}

TEST_F(TrainModel, ProcessesThatDoNotFitAreRefused) {
  const auto error = [&](const std::string& rank, const std::string& meet) {
    std::vector<std::string> given = words("lm", kTiny, "a");
    given.insert(given.end(), {"--rank", rank, "--meet", meet});
    return error_of(given);
  };
  EXPECT_THAT(error("2/2", "localhost:1"), HasSubstr("--rank 2/2: expected the form I/N"));
  EXPECT_THAT(error("0/2", "localhost"), HasSubstr("--meet localhost: expected HOST:PORT"));
  std::vector<std::string> half = words("lm", kTiny, "a");
  half.insert(half.end(), {"--rank", "0/2"});
  EXPECT_THAT(error_of(half), HasSubstr("belong together"));
}

TEST_F(TrainModel, AnotherConfigurationIsNotMixedIn) {
  ASSERT_EQ(run(words("lm", kTiny, "a", {"train.steps=2", "validation.every=0"})), 0);
  EXPECT_THAT(error_of(words("lm", kTiny, "a", {"train.steps=3", "validation.every=0"})),
              AllOf(HasSubstr("begun with another config"), HasSubstr("--resume never")));
  std::vector<std::string> anew = words("lm", kTiny, "a", {"train.steps=3", "validation.every=0"});
  anew.insert(anew.end(), {"--resume", "never"});
  EXPECT_EQ(run(anew), 0);
  EXPECT_TRUE(fs::exists(folder_ / "a/tiny.2/DONE"));
}

TEST_F(TrainModel, EveryMistakeIsToldAtItsPlace) {
  const std::string text = error_of(words("lm", kTiny, "a",
                                          {"batch.lenght=3", "optimizer.dtype=bfp16", "model.heads=3",
                                           "model.tokenizer=nowhere", "train.tokens=5", "sources.samples.held_out=2"}));
  EXPECT_THAT(text, AllOf(HasSubstr("'lenght'"), HasSubstr("did you mean 'length'?"), HasSubstr("bfp16"),
                          HasSubstr("[model] heads = 3 does not divide hidden, 32"),
                          HasSubstr("[model] tokenizer = \"nowhere\" names no folder"),
                          HasSubstr("[train] tokens = 5 and steps are both given"), HasSubstr("held_out = 2")));
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  EXPECT_THAT(error_of(words("lm", kTiny, "a", {"modle.heads=3"})), HasSubstr("unknown section 'modle'"));
  if (!at::hasCUDA()) {
    EXPECT_THAT(error_of(words("lm", kTiny, "a", {"train.device=cuda"})), HasSubstr("[train] device"));
  }
  EXPECT_THAT(error_of(words("lm", kTiny, "a", {"model.from=" + kRoot + "/assets/demo/draft"})),
              HasSubstr("is given beside 'from'"));
  EXPECT_THAT(error_of(words("lm", kTiny, "a", {"sources.samples.paths=[\"none.jsonl\"]"})), HasSubstr("none.jsonl"));
  EXPECT_THAT(error_of(words("lm", kTiny, "a", {"batch.sequences=4096"})),
              HasSubstr("the corpus is shorter than one batch"));
  EXPECT_THAT(error_of(words("lm", kTiny, "a", {"sources.samples.held_out=0"})),
              HasSubstr("[validation] every asks for, has 0 tokens"));
  EXPECT_FALSE(fs::exists(folder_ / "a"));
}

// What a file of configs/train is for, as its name says: "demo_mtp_long" trains mtp.
std::string kind_of(const std::string& name) {
  const std::vector<std::pair<std::string, std::string>> kinds = {{"parallel", "parallel_draft"},
                                                                  {"block_diffusion", "block_diffusion"},
                                                                  {"early_exit", "early_exit"},
                                                                  {"medusa", "medusa"},
                                                                  {"eagle3", "eagle3"},
                                                                  {"peagle", "peagle"},
                                                                  {"eagle", "eagle"},
                                                                  {"mtp", "mtp"},
                                                                  {"kangaroo", "kangaroo"},
                                                                  {"draft", "distill"},
                                                                  {"head", "hydra"}};
  for (const auto& [part, kind] : kinds) {
    if (name.find(part) != std::string::npos) return kind;
  }
  return "lm";
}

TEST_F(TrainModel, ConfigurationsOfTheProjectAreRead) {
  for (const auto& entry : fs::directory_iterator(kRoot + "/configs/train")) {
    const std::string name = entry.path().stem().string();
    if (name == "demo_head") continue;  // what the others include
    const std::string kind = kind_of(name);
    const std::string error = error_of(words(kind, entry.path().string(), "none", {"batch.sequences=1000000"}));
    EXPECT_THAT(error, ::testing::AnyOf(HasSubstr("the corpus is shorter than one batch"),
                                        HasSubstr("/texts: there is no such file or folder"),
                                        HasSubstr("/texts.jsonl: there is no such file or folder")))
        << entry.path();
  }
}

TEST_F(TrainModel, ALossThatIsNoNumberStopsAndKeepsTheLastGoodState) {
  const std::vector<std::string> sets = {"optimizer.learning_rate=1e6", "optimizer.clip=0",
                                         "optimizer.warmup=1000000",    "validation.every=0",
                                         "output.checkpoint_every=1",   "train.steps=10000"};
  const std::string error = error_of(words("lm", kTiny, "a", sets));
  EXPECT_THAT(error, AllOf(HasSubstr("step "), HasSubstr("loss_nats is "), HasSubstr("the checkpoint of step ")));
  const Json status = Json::parse(read_file(folder_ / "a/tiny/status.json"));
  EXPECT_EQ(status["state"], "failed");
  EXPECT_EQ(status["last_error"], error);
  EXPECT_TRUE(fs::exists(folder_ / "a/tiny/FAILED"));
}

// A limit on the size of files stands in for a disk that is full.
TEST_F(TrainModel, AFullDiskIsToldAndKeepsTheLastGoodState) {
  const std::vector<std::string> some = {"train.steps=4", "validation.every=0", "output.checkpoint_every=2"};
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  struct sigaction ignored {
  }, former{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignored, &former);
  const rlimit small{.rlim_cur = 1 << 20, .rlim_max = before.rlim_max};  // a checkpoint has 1.8 MB
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string error = error_of(words("lm", kTiny, "a", some));
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::sigaction(SIGXFSZ, &former, nullptr);
  EXPECT_THAT(error, AllOf(HasSubstr("checkpoints/step-2"), HasSubstr("File too large")));
  EXPECT_EQ(lines_of(folder_ / "a/tiny/metrics.jsonl"), 2);
  EXPECT_TRUE(fs::is_empty(folder_ / "a/tiny/checkpoints")) << "nothing half written stays";
  EXPECT_EQ(run(words("lm", kTiny, "a", some)), 0) << "and it goes on once there is room";
}

TEST_F(TrainModel, ADraftLearnsFromTheTarget) {
  const std::string config = kRoot + "/configs/train/tiny_draft.toml";
  ASSERT_EQ(run(words("distill", config, "a", {"train.steps=40", "batch.sequences=4", "validation.rows=8"})), 0);
  std::vector<Json> validations;
  for (const Json& line : lines(folder_ / "a/tiny-draft/metrics.jsonl")) {
    if (line["k"] == "validation") validations.push_back(line);
  }
  ASSERT_EQ(validations.size(), 2U);
  EXPECT_GT(double(validations[1]["accepted_t1"]), double(validations[0]["accepted_t1"]));
  EXPECT_GT(double(validations[1]["overlap"]), 0.1);
  EXPECT_LT(double(validations[1]["overlap"]), 1);
  EXPECT_GT(double(validations[1]["accepted_t1"]), double(validations[1]["overlap"]));
}

// Rows of a step that the draft writes are keyed by their number: a resume draws the same ones.
TEST_F(TrainModel, OnPolicyTextsAreTheSameAfterAResume) {
  const std::string config = kRoot + "/configs/train/tiny_draft.toml";
  const std::vector<std::string> sets = {"train.steps=12",          "validation.every=0", "output.checkpoint_every=3",
                                         "distill.on_policy=0.5",   "distill.written=4",  "batch.length=16",
                                         "distill.data_share=0.25", "distill.loss=tvd++"};
  ASSERT_EQ(run(words("distill", config, "whole", sets)), 0);
  const fs::path metrics = folder_ / "killed/tiny-draft/metrics.jsonl";
  ASSERT_EQ(interrupted(words("distill", config, "killed", sets), metrics, 4, SIGKILL), -SIGKILL);
  ASSERT_EQ(wait_for_program(start_program(words("distill", config, "killed", sets), folder_)), 0)
      << read_file(folder_ / "stderr");
  EXPECT_EQ(read_file(metrics), read_file(folder_ / "whole/tiny-draft/metrics.jsonl"));
  EXPECT_EQ(lines_of(metrics), 12);
}

TEST_F(TrainModel, APrunedModelHasTheLayersThatWereNamed) {
  const std::string target = kRoot + "/assets/demo/target", pruned = (folder_ / "pruned").string();
  ASSERT_EQ(run({"train", "prune", target, pruned, "--layers", "0,3,5"}), 0);
  const ReferenceDecoder whole(target), kept(pruned);
  EXPECT_EQ(kept.config().layers, 3);
  for (const char* const name : {"embedding.weight", "final_norm.weight"})
    EXPECT_TRUE(at::equal(kept.parameters().at(name), whole.parameters().at(name))) << name;
  EXPECT_TRUE(
      at::equal(kept.parameters().at("layers.1.mlp.down.weight"), whole.parameters().at("layers.3.mlp.down.weight")));
  EXPECT_EQ(run({"generate", "--model", pruned, "--prompt", "a", "--max-new-tokens", "2"}), 0);
  EXPECT_THAT(error_of({"train", "prune", target, (folder_ / "b").string(), "--layers", "0,6"}),
              HasSubstr("layer 6: the model has the layers 0 to 5"));
  EXPECT_THAT(error_of({"train", "prune", target, (folder_ / "b").string(), "--layers", "one"}), HasSubstr("'one'"));
}

// One step of 4 rows is that of 2 passes of 2.
TEST(TrainingLoop, PassesOfAStepAddUp) {
  TrainableDecoder decoder = read_decoder(kRoot + "/assets/demo/draft");
  const auto gradient = [&](int64_t rows) {
    const auto objective = make_lm(decoder, {.autocast = false});
    const Tensor token = at::arange(4 * 9, at::kLong).view({4, 9}) + 100;
    double loss = 0;
    for (int64_t first = 0; first < 4; first += rows) {
      const double share = static_cast<double>(rows) / 4;
      loss += share * figure(objective->learn({token.narrow(0, first, rows), first}, share), "loss_nats");
    }
    for (const Parameter& p : objective->parameters()) {
      if (p.name == "layers.0.attention.q.weight") return std::make_pair(loss, p.tensor.grad().clone());
    }
    return std::make_pair(loss, Tensor());
  };
  const auto [whole, whole_gradient] = gradient(4);
  const auto [parts, parts_gradient] = gradient(2);
  EXPECT_NEAR(parts, whole, 1e-5);
  EXPECT_LT((parts_gradient - whole_gradient).abs().max().item<double>(),
            1e-4 * whole_gradient.abs().max().item<double>());
}

TEST(TrainingLoop, TheRateRisesAndFalls) {
  const TrainingPlan plan{.steps = 100, .learning_rate = 2, .warmup = 10, .final_share = 0.1};
  EXPECT_DOUBLE_EQ(learning_rate(plan, 0), 0.1 * 2);
  EXPECT_NEAR(learning_rate(plan, 50), 2 * 0.55, 1e-12);
  EXPECT_NEAR(learning_rate(plan, 100), 0.2, 1e-12);
}

}  // namespace
}  // namespace specula::testing
