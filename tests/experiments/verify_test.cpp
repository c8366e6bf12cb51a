// `specula verify` from its command to its exit status: arms that hold, faults that each rung finds, certificates and
// who cites them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/run/environment.h"
#include "experiments/run/manifest.h"
#include "experiments/verify/ladder.h"
#include "framework/core/files.h"
#include "framework/core/log.h"
#include "tests/experiments/quiet_log.h"

namespace specula {
namespace {

using ::testing::HasSubstr;

namespace fs = std::filesystem;
using Json = nlohmann::json;

class Verify : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    out_ = fs::temp_directory_path() / cat("specula-verify-", ::getpid(), "-", test->name());
    fs::create_directories(out_);
    write_file_atomically(out_ / "c.toml", cat(R"([experiment]
name = "certified"
seed = 1
[models.target]
path = ")",
                                               SPECULA_SOURCE_DIR, R"(/assets/demo/target"
[models.draft]
path = ")",
                                               SPECULA_SOURCE_DIR, R"(/assets/demo/draft"
[data]
prompts = ")",
                                               SPECULA_SOURCE_DIR, R"(/assets/demo/prompts.jsonl"
limit = 2
max_new_tokens = 8
[measure]
trace = false
warmup_prompts = 0
[sampler]
temperature = 1
[[arm]]
name = "ar"
drafter = "none"
[[arm]]
name = "sps"
drafter = { name = "draft_model", length = 2 }
)"));
  }
  void TearDown() override { fs::remove_all(out_); }

  VerifyArgs args(const std::vector<std::string>& rungs = {}) const {
    return {.config = (out_ / "c.toml").string(),
            .overrides = {.out = out_.string(), .threads = 1},
            .rungs = rungs,
            .draws = 1500};
  }

  ExitCode verify(const VerifyArgs& given) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    ExitCode code = ExitCode::kRuntime;
    std::string thrown;
    try {
      code = verify_command(given);
    } catch (const std::exception& e) {
      thrown = e.what();
    }
    text = ::testing::internal::GetCapturedStdout();
    errors = ::testing::internal::GetCapturedStderr() + thrown;
    return code;
  }

  std::vector<Json> certificates() const {
    std::vector<Json> all;
    if (!fs::exists(out_ / "certificates")) return all;
    for (const auto& entry : fs::directory_iterator(out_ / "certificates"))
      all.push_back(Json::parse(read_file(entry.path())));
    return all;
  }

  QuietLog quiet_;
  fs::path out_;
  std::string text, errors;
};

TEST_F(Verify, WholeLadderHoldsAndRunCitesTheCertificates) {
  ASSERT_EQ(verify(args()), ExitCode::kOk) << text << errors;
  const std::vector<Json> written = certificates();
  ASSERT_EQ(written.size(), 2U);
  for (const Json& c : written) {
    EXPECT_EQ(c.at("schema"), "specula.certificate/1.0");
    EXPECT_EQ(c.at("verdict"), "holds");
    EXPECT_EQ(c.at("build").at("binary_sha256"), binary_sha256());
    ASSERT_EQ(c.at("rungs").size(), 4U);
    for (const Json& rung : c.at("rungs")) EXPECT_EQ(rung.at("verdict"), "holds") << rung;
    const Json& step = c.at("rungs").at(2).at("numbers");
    EXPECT_LT(step.at("tv_exact"), 1e-5);
    EXPECT_GE(c.at("rungs").at(2).at("n"), 1500);
    EXPECT_EQ(c.at("composition").at("models").at(0).at("role"), "target");
  }
  ::testing::internal::CaptureStdout();
  const ExitCode ran = run_command({.config = args().config, .overrides = args().overrides});
  ::testing::internal::GetCapturedStdout();
  log::close_file();
  ASSERT_EQ(ran, ExitCode::kOk);
  for (const auto& cell : fs::directory_iterator(out_ / "certified")) {
    for (const ArmInfo& arm : read_manifest(cell.path()).arms) {
      EXPECT_EQ(arm.certified, "holds") << arm.name;
      EXPECT_TRUE(fs::exists(arm.certificate));
    }
  }
}

TEST_F(Verify, SomeRungsDoNotReplaceTheWholeLadder) {
  ASSERT_EQ(verify(args({"L0"})), ExitCode::kOk) << text << errors;
  EXPECT_THAT(errors, HasSubstr("Wrote ")) << "there was none before";
  ASSERT_EQ(verify(args()), ExitCode::kOk) << text << errors;
  ASSERT_EQ(verify(args({"L0"})), ExitCode::kOk) << text << errors;
  EXPECT_THAT(errors, HasSubstr("Kept "));
  for (const Json& c : certificates()) EXPECT_EQ(c.at("rungs").size(), 4U);
}

// Policies that read the generated text, draw coins, carry a state, look at the text of tokens.
TEST_F(Verify, PoliciesWithAHistoryHold) {
  for (const char* policy : {"frequency_penalty=0.7", "xtc={ probability = 0.5, threshold = 0.05 }",
                             "mirostat={ tau = 3.0, eta = 0.5 }", "no_repeat_ngram=2", "min_length=3"}) {
    const bool has_coins = std::string(policy).starts_with("xtc");  // which multiply what L2 enumerates
    VerifyArgs held =
        args(has_coins ? std::vector<std::string>{"L1", "L0"} : std::vector<std::string>{"L2", "L1", "L0"});
    held.overrides.sets = {cat("sampler.", policy)};
    EXPECT_EQ(verify(held), ExitCode::kOk) << policy << "\n" << text << errors;
    EXPECT_EQ(text.find("skipped"), std::string::npos) << policy << "\n" << text;
  }
  VerifyArgs constrained = args({"L2", "L1"});
  constrained.overrides.sets = {"sampler={ regex = \"( [a-z]+){2,9}[.]\", temperature = 1.0 }"};
  EXPECT_EQ(verify(constrained), ExitCode::kOk) << text << errors;
  EXPECT_THAT(text, HasSubstr("those of toy models have none"));
}

TEST_F(Verify, AFolderThatCannotBeWrittenIsAnErrorBeforeAnyRung) {
  write_file_atomically(out_ / "certificates", "a file where a folder should be");
  EXPECT_EQ(verify(args()), ExitCode::kRuntime);
  EXPECT_THAT(errors, HasSubstr("certificates cannot be written to " + (out_ / "certificates").string()));
  EXPECT_EQ(text, "");
}

TEST_F(Verify, PlantedFaultsViolateAndLeaveNoCertificate) {
  VerifyArgs planted = args({"L2", "L1"});
  planted.plant = "redraw";
  EXPECT_EQ(verify(planted), ExitCode::kGuarantee) << text;
  EXPECT_NE(errors.find("violated: arm sps, rung L2"), std::string::npos) << errors;
  EXPECT_NE(errors.find("violated: arm sps, rung L1"), std::string::npos) << errors;
  EXPECT_EQ(errors.find("violated: arm ar"), std::string::npos) << "it rejects nothing";
  EXPECT_TRUE(certificates().empty());
}

TEST_F(Verify, EachFaultIsFoundByTheToys) {
  for (const std::string& fault : planted_fault_names()) {
    VerifyArgs planted = args({"L2"});
    planted.plant = fault;
    EXPECT_EQ(verify(planted), ExitCode::kGuarantee) << fault << "\n" << text;
  }
  EXPECT_EQ(verify(args({"L2"})), ExitCode::kOk) << text << errors;
  EXPECT_TRUE(certificates().empty()) << "toys say nothing of the real models";
}

TEST_F(Verify, GreedyTextsFindAWrongRow) {
  VerifyArgs planted = args({"L0"});
  planted.overrides.sets = {"sampler.temperature=0"};
  EXPECT_EQ(verify(planted), ExitCode::kOk) << text << errors;
  planted.plant = "wrong_row";
  EXPECT_EQ(verify(planted), ExitCode::kGuarantee) << text;
  EXPECT_NE(errors.find("rung L0"), std::string::npos) << errors;
}

TEST_F(Verify, ASampledRungIsSkippedWhereRowsHaveOneToken) {
  VerifyArgs cold = args({"L1", "L3"});
  cold.overrides.sets = {"sampler.temperature=0"};
  EXPECT_EQ(verify(cold), ExitCode::kOk);
  EXPECT_NE(text.find("skipped"), std::string::npos) << text;
}

TEST_F(Verify, ALossyRuleIsMeasuredAndViolatesOnlyABudget) {
  VerifyArgs lossy = args({"L2", "L1"});
  lossy.overrides.sets = {"arm.sps.verifier=lenience"};
  EXPECT_EQ(verify(lossy), ExitCode::kOk) << text << errors;
  EXPECT_NE(text.find("measured"), std::string::npos) << text;
  lossy.overrides.sets.emplace_back("arm.sps.max_tv=0.001");
  EXPECT_EQ(verify(lossy), ExitCode::kGuarantee) << text;
  EXPECT_NE(errors.find("over max_tv = 0.001"), std::string::npos) << errors;
  lossy.max_tv = 0.9;
  EXPECT_EQ(verify(lossy), ExitCode::kOk) << "the flag stands in for the arm's" << errors;
}

// Counts of a few rounds showed no distance at all; the law of a draft of one token needs none.
TEST_F(Verify, FewDrawsHideNoDistanceOfALossyRule) {
  VerifyArgs lossy = args({"L1"});
  lossy.draws = 100;
  lossy.max_tv = 0.05;
  lossy.overrides.sets = {"arm.sps.verifier={ name = \"lenience\", l = 0.3 }"};
  EXPECT_EQ(verify(lossy), ExitCode::kGuarantee) << text;
  EXPECT_NE(errors.find("over max_tv = 0.05"), std::string::npos) << errors;
}

TEST_F(Verify, WrongInputIsAConfigurationError) {
  VerifyArgs wrong = args();
  wrong.plant = "redrew";
  verify(wrong);
  EXPECT_NE(errors.find("did you mean 'redraw'?"), std::string::npos) << errors;
  wrong = args({"L7"});
  verify(wrong);
  EXPECT_NE(errors.find("valid: L0, L1, L2, L3"), std::string::npos) << errors;
}

TEST_F(Verify, ABudgetIsNoPartOfARun) {
  const Registries registries = make_registries();
  const ConfigOverrides plain = args().overrides;
  ConfigOverrides bounded = plain;
  bounded.sets = {"arm.sps.max_tv=0.05"};
  const ExperimentConfig before = load_config(args().config, plain, registries);
  const ExperimentConfig after = load_config(args().config, bounded, registries);
  EXPECT_EQ(before.cfg_hash, after.cfg_hash);
  EXPECT_EQ(before.arms[1].max_tv, 1);
  EXPECT_EQ(after.arms[1].max_tv, 0.05);
}

TEST_F(Verify, CertificatesAreOfOneBinaryAndOneComposition) {
  Certificate certificate{.composition = {.drafter = "none", .verifier = "rejection", .sampler = "temperature(1.0)"},
                          .arm = "ar",
                          .guarantee = "exact",
                          .rungs = {{.rung = "L0", .verdict = "holds"}, {.rung = "L1", .verdict = "skipped"}}};
  EXPECT_EQ(certificate.verdict(), "holds");
  write_certificate(out_.string(), certificate);
  const auto found = find_certificate(out_.string(), certificate.composition, binary_sha256());
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->verdict, "holds (L0)") << "three rungs were not climbed";
  EXPECT_FALSE(find_certificate(out_.string(), certificate.composition, "another binary"));
  CompositionIdentity other = certificate.composition;
  other.sampler = "temperature(0.9)";
  EXPECT_FALSE(find_certificate(out_.string(), other, binary_sha256()));
  EXPECT_EQ(list_certificates(out_.string(), binary_sha256()).size(), 1U);
  write_file_atomically(out_ / "certificates/torn.json", "{\"schema\": 3");
  EXPECT_EQ(list_certificates(out_.string(), binary_sha256()).size(), 1U);
  certificate.rungs.push_back({.rung = "L3", .verdict = "violated"});
  EXPECT_EQ(certificate.verdict(), "violated");
}

}  // namespace
}  // namespace specula
