// What `ls` and `status` say of run folders.
#include <gmock/gmock.h>

#include <cmath>
#include <ctime>

#include "experiments/commands.h"
#include "experiments/config/config_keys.h"
#include "experiments/config/toml.h"
#include "experiments/runs/list_runs.h"
#include "framework/core/files.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::time_t kNow = 1735693200;  // 2025-01-01T01:00:00Z

std::string config(double temperature, int length, const std::string& other = "") {
  return cat("[experiment]\nname = \"t\"\n[sampler]\ntemperature = { temperature = ", temperature,
             " }\n[[arm]]\nname = \"ar\"\ndrafter = { name = \"none\" }\n[[arm]]\nname = \"sps\"\n",
             "drafter = { name = \"draft_model\", length = ", length, " }\n", other);
}

std::vector<std::string> keys_of(const std::vector<std::string>& texts) {
  std::vector<Value> trees;
  for (const std::string& text : texts) trees.push_back(parse_toml(text, "t.toml"));
  std::vector<const Value*> lent;
  for (const Value& tree : trees) lent.push_back(&tree);
  std::vector<std::string> keys;
  for (const DifferingKey& k : differing_keys(lent)) keys.push_back(k.key);
  return keys;
}

TEST(ConfigKeys, OnlyWhatDiffersArmsByName) {
  EXPECT_THAT(keys_of({config(0.5, 4), config(0.5, 4)}), IsEmpty());
  EXPECT_THAT(keys_of({config(0.5, 4), config(0.5, 8), config(0.7, 8)}),
              ElementsAre("sampler.temperature.temperature", "arm.sps.drafter.length"));
  EXPECT_THAT(keys_of({config(0.5, 4), config(0.5, 4, "[cost]\nusd_per_hour = 2.0\n")}),
              ElementsAre("cost.usd_per_hour"))
      << "a section that is missing is an empty one";
}

TEST(ConfigKeys, AnotherPluginOrAMissingArmDiffersAsAWhole) {
  const std::string lookup = "[[arm]]\nname = \"a.b\"\ndrafter = { name = \"prompt_lookup\", max_ngram = 3 }\n";
  const std::string model = "[[arm]]\nname = \"a.b\"\ndrafter = { name = \"draft_model\", length = 4 }\n";
  EXPECT_THAT(keys_of({lookup, model}), ElementsAre("arm.a.b.drafter"));
  EXPECT_THAT(keys_of({config(0, 4), config(0, 4, lookup)}), ElementsAre("arm.a.b"));
  const Value tree = parse_toml(config(0, 4, lookup), "t.toml");
  ASSERT_NE(find_key(tree, "arm.a.b.drafter.max_ngram"), nullptr);
  EXPECT_EQ(value_text(*find_key(tree, "arm.a.b")), "prompt_lookup(max_ngram = 3)");
  EXPECT_EQ(find_key(tree, "arm.a.drafter"), nullptr);
  EXPECT_EQ(find_key(tree, "arm.sps.drafter.lenght"), nullptr);
}

TEST(Ages, AreReadFromTheFile) {
  EXPECT_DOUBLE_EQ(seconds_since("2025-01-01T00:59:48Z", kNow), 12);
  EXPECT_TRUE(std::isnan(seconds_since("yesterday", kNow)));
  EXPECT_EQ(age_text(12), "12 s");
  EXPECT_EQ(age_text(119.9), "119 s");
  EXPECT_EQ(age_text(720), "12 min");
  EXPECT_EQ(age_text(3 * 3600), "3 h");
  EXPECT_EQ(age_text(9 * 86400), "9 d");
  EXPECT_EQ(age_text(-5), "0 s") << "another machine's clock may be ahead";
}

class Runs : public RunsFolder {
 protected:
  void SetUp() override {
    RunsFolder::SetUp();
    write_run("runs/t/a", info("t", "2025-01-01T00:58:00Z"), config(0.5, 4), status("done", "2025-01-01T00:59:00Z"));
    write_run("runs/t/b", info("t", "2025-01-01T00:57:00Z"), config(0.5, 8),
              status("running", "2025-01-01T00:48:00Z", "\"no memory | left\""));
    write("runs/t/broken/manifest.json", "{\"schema\": 1");
  }
  std::string listed(const std::vector<std::string>& conditions, const std::string& format = "csv") const {
    return runs_text(where(find_runs(folder_ / "runs"), conditions), format, kNow);
  }
};

TEST_F(Runs, AreListedByAgeWithTheKeysThatDiffer) {
  const std::string table = listed({}, "md");
  EXPECT_THAT(table, AllOf(StartsWith("| experiment | cell   | state"), HasSubstr(" arm.sps.drafter.length |\n"),
                           Not(HasSubstr("temperature"))));
  EXPECT_THAT(table, HasSubstr("| t          | b      | running (stale) "));
  EXPECT_THAT(table, HasSubstr("| 3/12 | 3 min | 8 "));
  EXPECT_LT(table.find("| b "), table.find("| a ")) << "the older one first";
}

TEST_F(Runs, OneThatCannotBeReadIsARow) {
  EXPECT_THAT(listed({}, "md"),
              HasSubstr("| t          | broken | unreadable: manifest.json: not a manifest of specula.run/1: "));
  write("runs/t/a/status.json", "{");
  EXPECT_THAT(listed({}, "md"), HasSubstr("| unreadable: status.json: "));
  write("runs/t/b/config.resolved.toml", "name = ");
  EXPECT_THAT(listed({}, "md"), HasSubstr("| unreadable: config.resolved.toml:1:"));
}

TEST_F(Runs, AFolderWithoutStatusOrConfiguration) {
  std::filesystem::remove(path("runs/t/a/status.json"));
  std::filesystem::remove(path("runs/t/a/config.resolved.toml"));
  EXPECT_THAT(listed({"cell=a"}), HasSubstr("\nt,a,begun,0,0,120.0,"));
  write("runs/t/a/DONE", "");
  EXPECT_THAT(listed({"cell=a"}), HasSubstr("\nt,a,done,0,0,120.0,"));
}

TEST_F(Runs, Conditions) {
  const std::string head = "experiment,cell,state,done,total,age_s,folder\n";
  const std::string a = cat("t,a,done,3,12,120.0,", path("runs/t/a"), "\n");
  EXPECT_EQ(listed({"arm.sps.drafter.length=4"}), head + a);
  EXPECT_EQ(listed({"arm.sps.drafter.length!=8"}), head + a);
  EXPECT_EQ(listed({"sampler.temperature.temperature=0.50", "state=done"}), head + a) << "numbers are compared as such";
  EXPECT_EQ(listed({"arm.sps.drafter.name=draft_model", "state!=done"}),
            cat(head, "t,b,running (stale),3,12,180.0,", path("runs/t/b"), "\n"));
  EXPECT_EQ(listed({"experiment=u"}), head);
  EXPECT_EQ(config_error([&] { listed({"arm.sps.drafter.lenght=4"}); }),
            "--where arm.sps.drafter.lenght: no run has this key; did you mean 'arm.sps.drafter.length'?");
  EXPECT_EQ(config_error([&] { listed({"state"}); }), "--where state: expected key=value or key!=value");
}

TEST_F(Runs, AsJson) {
  EXPECT_THAT(listed({"cell!=x"}, "json"),
              AllOf(HasSubstr("\"state\": \"running\""), HasSubstr("\"stale\": true"), HasSubstr("\"age_s\": 180.0"),
                    HasSubstr("\"arm.sps.drafter.length\": 8")));
}

TEST_F(Runs, StatusOfARunAndOfAnExperiment) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(status_command({path("runs/t/b"), path("runs/t")}), ExitCode::kOk);
  const std::string text = ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(text, StartsWith(cat(path("runs/t/b"), ": running, 3 of 12 (25%), stale: no heartbeat for ")));
  EXPECT_THAT(text, HasSubstr("\n  last error: no memory | left\n"));
  EXPECT_THAT(text, HasSubstr(cat(path("runs/t/a"), ": done, 3 of 12 (25%), heartbeat ")));
  EXPECT_THAT(text, HasSubstr(cat(path("runs/t/broken"), ": unreadable: manifest.json: ")));
  EXPECT_EQ(config_error([&] { status_command({path("gone")}); }), path("gone") + ": there is no such folder");
  std::filesystem::create_directories(path("empty"));
  EXPECT_EQ(config_error([&] { status_command({path("empty")}); }),
            path("empty") + ": neither a run or a training nor a folder of them");
}

}  // namespace
}  // namespace specula
