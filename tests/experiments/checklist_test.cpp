// What `checklist` answers from run folders, and what it asks for where something is missing.
#include "experiments/runs/checklist.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "experiments/report/summary.h"
#include "experiments/run/environment.h"
#include "experiments/runs/checklist_facts.h"
#include "experiments/runs/public_copy.h"
#include "framework/core/files.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class ChecklistTest : public RunsFolder {
 protected:
  void SetUp() override {
    RunsFolder::SetUp();
    RunInfo run = info("t");
    run.seed = 7;
    run.argv = {"specula", "run", "a b.toml"};
    run.num_prompts = run.records_per_arm = 3;
    run.models.front().path = path("model");
    run.prompts_file = path("data/prompts.jsonl");
    run.expectations = {{.arm = "sps", .metric = "tau", .low = 1.5, .high = 2.5}};
    write_whole(run);
  }
  // All that a run leaves, by hand.
  void write_whole(const RunInfo& run) const {
    std::filesystem::remove_all(path("run"));
    write_run("run", run, "[experiment]\nseed = 7  # a.toml:2:8\nnote = \"\"  # default\n",
              status("done", "2025-01-01T00:00:01Z"));
    write("run/inputs.jsonl", "{}\n");
    write("run/config.sources/0_a.toml", "");
    json environment = json::parse(read_environment(1).json);
    environment["git"] = {{"sha", std::string(40, 'c')}, {"branch", "main"}, {"dirty", false}};
    write("run/env.json", environment.dump());
    std::vector<Record> records;
    for (const char* const prompt : {"p0", "p1", "p2"}) {
      for (const char* const arm : {"ar", "sps"}) {
        records.push_back(record(arm, prompt));
        records.back().start_us = 1.8e9;
      }
    }
    write_records("run", records);
    rebuild_summary(path("run"));
    write("model/README.md", "---\nlanguage: en\nlicense: apache-2.0\n---\nlicense: no\n");
    write("data/LICENSE", "\n  CC BY 4.0\nmore\n");
  }
  ChecklistItem item(const std::string& name, const std::string& folder = "run") const {
    for (ChecklistItem& found : read_checklist(path(folder)).items) {
      if (found.name == name) return std::move(found);
    }
    ADD_FAILURE() << "there is no item " << name;
    return {};
  }
};

TEST_F(ChecklistTest, AWholeRunAnswersAllButTheArchive) {
  const Checklist all = read_checklist(path("run"));
  for (const ChecklistItem& i : all.items) {
    EXPECT_EQ(i.is_answered(), i.name != "Artifacts Available") << i.name << ": " << i.todo;
    EXPECT_FALSE(i.answer.empty()) << i.name;
    EXPECT_EQ(i.files.empty(), !i.is_answered()) << i.name;
    for (const std::string& file : i.files)
      EXPECT_TRUE(std::filesystem::exists(folder_ / "run" / file)) << i.name << " names " << file;
  }
  EXPECT_THAT(item("seeds").answer, HasSubstr("seed 7"));
  EXPECT_THAT(item("error bars").answer, HasSubstr("bootstrap"));
  EXPECT_THAT(item("number of runs").answer, HasSubstr("3 prompts x 1 repetition"));
  EXPECT_THAT(item("compute hours").answer, HasSubstr("0.500 hours in 1 process"));
  EXPECT_THAT(item("code").answer, HasSubstr(std::string(40, 'c')));
  EXPECT_EQ(item("command").answer, "specula run 'a b.toml'");
  EXPECT_THAT(item("licences of models").answer, HasSubstr("target: apache-2.0"));
  EXPECT_THAT(item("licence of data").answer, HasSubstr("prompts.jsonl: CC BY 4.0"));
  EXPECT_THAT(item("Results Reproduced").answer, HasSubstr("1 of 1 expectations are met"));
  ASSERT_EQ(all.keys.size(), 2u);
  EXPECT_EQ(all.keys[0].key, "experiment.seed");
  EXPECT_EQ(all.keys[0].origin, "a.toml:2:8");
}

TEST_F(ChecklistTest, WhatIsNotThereIsMissingAndSaysWhatToDo) {
  const auto without = [&](const std::string& file, const std::string& name) {
    std::filesystem::remove_all(path(file));
    const ChecklistItem found = item(name);
    EXPECT_FALSE(found.is_answered()) << name << " without " << file;
    return found.todo;
  };
  EXPECT_THAT(without("model/README.md", "licences of models"), HasSubstr("put the licence of target into"));
  EXPECT_THAT(without("data", "licence of data"), HasSubstr("prompts.jsonl"));
  EXPECT_THAT(without("run/env.json", "compute"), HasSubstr("env.json"));
  EXPECT_FALSE(item("code").is_answered());
  EXPECT_THAT(without("run/inputs.jsonl", "data"), HasSubstr("inputs.jsonl"));
  EXPECT_THAT(without("run/summary.json", "error bars"), HasSubstr("specula report"));
  EXPECT_FALSE(item("Artifacts Evaluated: Functional").is_answered());
  EXPECT_FALSE(item("Results Reproduced").is_answered());
  EXPECT_THAT(without("run/config.resolved.toml", "hyper-parameters"), HasSubstr("config.resolved.toml"));
  EXPECT_FALSE(item("Artifacts Evaluated: Reusable").is_answered());
  EXPECT_THAT(without("run/records", "compute hours"), HasSubstr("run it"));
  EXPECT_THAT(without("run/status.json", "number of runs"), HasSubstr("not complete"));
}

TEST_F(ChecklistTest, ChangedSourcesAndMissedClaimsAreMissing) {
  RunInfo run = read_manifest(path("run"));
  run.build = "abc1234+changes";
  run.expectations.front().high = 1.6;
  write_whole(run);
  EXPECT_THAT(item("code").todo, HasSubstr("commit the changes"));
  const ChecklistItem claims = item("Results Reproduced");
  EXPECT_FALSE(claims.is_answered());
  EXPECT_THAT(claims.answer, HasSubstr("0 of 1 expectations are met; missed: sps: tau is 2"));
}

TEST_F(ChecklistTest, ACopyForPublicationIsRead) {
  copy_for_public(path("run"), path("public"), {.user = "somebody", .host = "somewhere", .home = "/home/somebody"});
  EXPECT_THAT(item("Artifacts Available", "public").todo, HasSubstr("DOI"));
  EXPECT_THAT(item("Artifacts Available", "public").files, Contains("left_out.txt"));
  EXPECT_FALSE(item("command", "public").is_answered());
}

TEST_F(ChecklistTest, MarkdownAndJsonTellTheSame) {
  const Checklist all = read_checklist(path("run"));
  const json told = json::parse(checklist_json(all));
  const std::string text = checklist_markdown(all);
  ASSERT_EQ(told["items"].size(), all.items.size());
  for (size_t i = 0; i < all.items.size(); ++i) {
    EXPECT_EQ(told["items"][i]["status"], all.items[i].is_answered() ? "answered" : "missing");
    EXPECT_THAT(text, HasSubstr(cat("- [", all.items[i].is_answered() ? "x" : " ", "] **", all.items[i].name, "**")));
  }
  EXPECT_THAT(text, AllOf(HasSubstr("## NeurIPS checklist"), HasSubstr("## ACM badges"), HasSubstr("| experiment.seed"),
                          HasSubstr("  Proof: `env.json`"), HasSubstr("15 of 16 items are answered")));
}

TEST_F(ChecklistTest, WhatIsNoRunIsRefused) {
  EXPECT_THAT(config_error([&] { read_checklist(path("nothing")); }), Not(HasSubstr("no error")));
}

TEST_F(ChecklistTest, LicencesOfCardsAndFiles) {
  write("plain/README.md", "# A model\nlicense: mit\n");
  EXPECT_EQ(licence_of(path("plain")).text, "") << "no head, no licence";
  write("plain/LICENSE.txt", "MIT License\n");
  EXPECT_EQ(licence_of(path("plain")).text, "MIT License");
  write("plain/README.md", "---\nlicense: \"cc-by-4.0\"\n---\n");
  EXPECT_EQ(licence_of(path("plain")).text, "cc-by-4.0");
  EXPECT_EQ(licence_of(path("gone")).text, "");
}

}  // namespace
}  // namespace specula
