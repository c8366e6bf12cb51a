// `specula train medusa` and its like: every kind is trained, written, found again as an entry of [models], and drafts;
// what does not fit is refused before anything loads.
#include <gmock/gmock.h>

#include <iostream>
#include <sstream>

#include "experiments/cli/cli.h"
#include "framework/core/log.h"
#include "framework/model/load.h"
#include "tests/experiments/config_fixture.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

const std::string kRoot = SPECULA_SOURCE_DIR;

class HeadMisfits : public ConfigFolder {
 protected:
  // Nothing is printed.
  int run(const std::vector<std::string>& given) const {
    std::vector<const char*> argv = {"specula"};
    for (const std::string& word : given) argv.push_back(word.c_str());
    log::set_level(log::Level::kOff);
    std::ostringstream printed;
    std::streambuf* const before = std::cout.rdbuf(printed.rdbuf());
    int code = 0;
    try {
      code = static_cast<int>(run_command_line(static_cast<int>(argv.size()), argv.data()));
    } catch (...) {
      std::cout.rdbuf(before);
      log::set_level(log::Level::kInfo);
      throw;
    }
    std::cout.rdbuf(before);
    log::set_level(log::Level::kInfo);
    return code;
  }

  // The folder of a head of the demo target, or of a draft, after two steps on a few tokens.
  std::string trained(const std::string& kind, const std::vector<std::string>& sets = {},
                      const std::string& config = "tiny_head.toml") const {
    std::vector<std::string> words = {
        "train", kind, kRoot + "/configs/train/" + config, "--out", path("out"), "--set", "train.name=trained"};
    for (const char* set : {"train.steps=2", "validation.every=2", "validation.rows=2", "batch.length=24"})
      words.insert(words.end(), {"--set", set});
    if (config == "tiny_head.toml" && kind != "kangaroo" && kind != "block_diffusion")
      words.insert(words.end(), {"--set", "head.levels=2"});
    for (const std::string& set : sets) words.insert(words.end(), {"--set", set});
    EXPECT_EQ(run(words), 0);
    return path("out/trained/model");
  }

  // Two arms on the demo target: plain decoding, and the head.
  std::string study(const std::string& head, const std::string& drafter) const {
    return cat("include = [\"", kRoot,
               "/configs/base/smoke.toml\"]\n[experiment]\nname = \"heads\"\n[models.head]\npath = \"", head,
               "\"\n[data]\nmax_new_tokens = 8\n[[arm]]\nname = \"head\"\ndrafter = { name = \"", drafter,
               "\", head = \"head\" }\n");
  }
};
class TrainHeads : public HeadMisfits, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, TrainHeads,
                         ::testing::Values("medusa", "hydra", "mlp_speculator", "eagle", "eagle3", "peagle", "mtp",
                                           "kangaroo", "block_diffusion"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(TrainHeads, DraftWhatIsVerifiedToBeTheBaselinesText) {
  const std::string kind = GetParam();
  std::vector<std::string> sets;
  if (kind == "eagle3") sets = {"head.draft_vocab=300"};
  if (kind == "peagle") sets = {"head.levels=4", "head.fc_norm=true"};
  if (kind == "mlp_speculator") sets = {"head.inner=32"};
  if (kind == "block_diffusion") sets = {"head.block=4", "head.layers=2"};
  const std::string head = trained(kind, sets);
  const ModelInfo info = read_model_info(head);
  EXPECT_EQ(info.head, kind);
  const std::string config = write("c.toml", study(head, kind));
  const std::string drafter = kind == "medusa" || kind == "hydra" || kind == "mlp_speculator"
                                  ? "arm.head.drafter.length=2"
                                  : "arm.head.drafter.length=3";
  ASSERT_EQ(run({"run", config, "--out", path("runs"), "--set", drafter}), 0);
  // Texts of arms are compared by the run itself; that the arm drafted stands in its summary.
  bool is_found = false;
  for (const auto& entry : fs::recursive_directory_iterator(path("runs"))) {
    if (entry.path().filename() != "summary.json") continue;
    is_found = true;
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    EXPECT_THAT(text.str(), HasSubstr("\"head\""));
  }
  EXPECT_TRUE(is_found);
}

TEST_F(HeadMisfits, AParallelDraftIsTrainedAndDrafts) {
  const std::string draft = trained("parallel_draft", {}, "tiny_parallel.toml");
  const std::string config = write(
      "c.toml",
      cat("include = [\"", kRoot, "/configs/base/smoke.toml\"]\n[experiment]\nname = \"parallel\"\n",
          "[models.parallel]\npath = \"", draft, "\"\n[data]\nmax_new_tokens = 8\n", "[[arm]]\nname = \"parallel\"\n",
          "drafter = { name = \"parallel_draft\", model = \"parallel\", mask_token = 0, length = 3 }\n"));
  EXPECT_EQ(run({"run", config, "--out", path("runs")}), 0);
}

TEST_F(HeadMisfits, HydraWithALayerInFrontDrafts) {
  const std::string head = trained("hydra", {"head.prefix=true"});
  EXPECT_EQ(
      run({"run", write("c.toml", study(head, "hydra")), "--out", path("runs"), "--set", "arm.head.drafter.length=2"}),
      0);
}

TEST_F(HeadMisfits, ADecoderThatLearnedToExitDrafts) {
  const std::string target = trained("early_exit", {"early_exit.layer_dropout=0.1"}, "tiny_early_exit.toml");
  const std::string config =
      write("c.toml", cat("include = [\"", kRoot, "/configs/base/smoke.toml\"]\n[experiment]\nname = \"exit\"\n",
                          "[models.target]\npath = \"", target, "\"\n[data]\nmax_new_tokens = 8\n",
                          "[[arm]]\nname = \"exit\"\ndrafter = { name = \"early_exit\", exit_layer = 2 }\n"));
  EXPECT_EQ(run({"run", config, "--out", path("runs")}), 0);
}

TEST_F(HeadMisfits, AnAdapterReadsALayerThatLeavesOneToVerify) {
  try {
    trained("kangaroo", {"head.exit_layer=6"});
    FAIL() << "six layers of six";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("exit_layer = 6; expected 1..5, since it has 6 layers"));
  }
  EXPECT_FALSE(fs::exists(path("out"))) << "a folder would stand in the way of what is asked for next";
}

TEST_F(HeadMisfits, MisfitsAreToldBeforeAnythingLoads) {
  const std::string head = trained("medusa");
  EXPECT_THAT(error_of([&] { load(study(head, "eagle")); }),
              AllOf(HasSubstr("[arm.head] drafter head 'head' is of kind 'medusa'"),
                    HasSubstr("expected a head of kind 'eagle'")));
  EXPECT_THAT(error_of([&] { load(study(kRoot + "/assets/demo/draft", "medusa")); }),
              AllOf(HasSubstr("is a model of its own"), HasSubstr("expected a head of kind 'medusa'")));
  std::string as_model = study(head, "draft_model");
  as_model.replace(as_model.find("head = \"head\""), 13, "model = \"head\"");
  EXPECT_THAT(error_of([&] { load(as_model); }), HasSubstr("which cannot draft by itself"));
  std::string mixed = study(head, "medusa") + "verifier = \"ensemble\"\n";
  EXPECT_THAT(error_of([&] { load_set(mixed, {"sampler.temperature=1"}); }),
              HasSubstr("what a head says of a place depends on where its round began"));
}

TEST_F(HeadMisfits, ADraftDeeperThanTheHeadsIsRefused) {
  const std::string config = write("c.toml", study(trained("medusa"), "medusa"));
  try {
    run({"run", config, "--out", path("runs"), "--set", "arm.head.drafter.length=5"});
    FAIL() << "five tokens of two heads";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), AllOf(HasSubstr("medusa drafts 5 tokens deep"), HasSubstr("names 2: expected")));
  }
}

}  // namespace
}  // namespace specula
