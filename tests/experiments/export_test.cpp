// `export`: the tables of a run in each format, and a copy of it that says nothing of who made it.
#include <gmock/gmock.h>

#include <sqlite3.h>
#include <sstream>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/report/summary.h"
#include "experiments/runs/export_spec_bench.h"
#include "experiments/runs/export_tables.h"
#include "experiments/runs/public_copy.h"
#include "framework/core/files.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Export : public RunsFolder {
 protected:
  void SetUp() override {
    RunsFolder::SetUp();
    write_run("run", info("t"), "[experiment]\nname = \"t\"  # /home/alice/studies/t.toml:2:8\n",
              status("done", "2025-01-01T00:59:00Z"));
    Record noted = record("sps", "a");
    noted.rounds.notes["wide"] = {1.5, NAN};
    Record failed = record("sps", "b");
    failed.ok = false;
    failed.error = "/home/alice/weights/x: \"gone\", says alice";
    write_records("run", {record("ar", "a"), noted, record("ar", "b"), failed});
  }
  std::vector<std::string> lines(const std::string& file) const {
    std::vector<std::string> all;
    std::istringstream text(read_file(folder_ / file));
    for (std::string line; std::getline(text, line);) all.push_back(line);
    return all;
  }
};

// What Spec-Bench's speed.py reads: sums of new_tokens and wall_time of the first choice, accept_lengths of all turns.
TEST_F(Export, SpecBenchGetsItsAnswerFiles) {
  RunInfo run = info("t");
  run.models[0].path = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target";
  write_run("bench", run, "", "");
  Record second = record("sps", "7");
  second.key.turn = 1;
  Record failed = record("sps", "b");
  failed.ok = false;
  write_records("bench", {record("ar", "7"), record("sps", "7"), second, failed});
  write_spec_bench(folder_ / "bench", folder_ / "answers");
  const auto ar = lines("answers/ar.jsonl"), sps = lines("answers/sps.jsonl");
  ASSERT_EQ(ar.size(), 1u);
  ASSERT_EQ(sps.size(), 1u) << "a prompt that failed has no answer";
  const auto answer = nlohmann::json::parse(sps[0]);
  EXPECT_EQ(answer["question_id"], 7);
  EXPECT_EQ(answer["model_id"], "sps");
  const auto& choice = answer["choices"][0];
  EXPECT_EQ(choice["new_tokens"], nlohmann::json({4, 4}));
  EXPECT_EQ(choice["decoding_steps"], nlohmann::json({2, 2}));
  EXPECT_EQ(choice["accept_lengths"], nlohmann::json({3, 1, 3, 1}));
  EXPECT_NEAR(choice["wall_time"][0].get<double>(), 2500e-6, 1e-12);
  EXPECT_EQ(choice["turns"].size(), 2u);
  EXPECT_FALSE(choice["turns"][0].get<std::string>().empty());
  EXPECT_THROW(write_spec_bench(folder_ / "bench", folder_ / "answers"), ConfigError) << "nothing is overwritten";
}

TEST_F(Export, CsvHasARowForEachRecordAndRound) {
  write_csv(run_tables(folder_ / "run"), folder_ / "csv");
  const auto records = lines("csv/records.csv"), rounds = lines("csv/rounds.csv");
  EXPECT_EQ(records.size(), 1 + 4u);
  EXPECT_THAT(records[0], StartsWith("k,v,seg,arm,prompt,"));
  EXPECT_THAT(records[2], HasSubstr(",\"[101,102,103,104]\","));
  ASSERT_EQ(rounds.size(), 1 + 4 + 2 + 4 + 0u) << "a failed record has no rounds";
  EXPECT_EQ(rounds[0],
            "k,seg,arm,prompt,turn,rep,round,drafted,depth,accepted,kept,cut,ready_us,expected,rule_us,note_wide");
  EXPECT_EQ(rounds[1], "rec,0,ar,a,0,0,0,0,0,0,1,0,1500.0,,,");
  EXPECT_EQ(rounds[5], "rec,0,sps,a,0,0,0,2,2,2,3,0,1500.0,,,1.5");
  EXPECT_EQ(rounds[6], "rec,0,sps,a,0,0,1,1,1,0,1,0,2500.0,,,");
  EXPECT_THAT(lines("csv/summary.csv"), Contains(StartsWith("sps,,tau,2.0,")));
  EXPECT_THAT(lines("csv/meta.csv"), Contains("run_id,01TEST"));
  EXPECT_THAT(config_error([&] { write_csv({}, folder_ / "csv"); }), HasSubstr("exists already"));
}

TEST_F(Export, JsonlKeepsNumbersAndNulls) {
  write_jsonl(run_tables(folder_ / "run"), folder_ / "jsonl");
  const auto rounds = lines("jsonl/rounds.jsonl");
  const nlohmann::json round = nlohmann::json::parse(rounds.at(5));
  EXPECT_EQ(round.at("accepted"), 0);
  EXPECT_EQ(round.at("ready_us"), 2500.0);
  EXPECT_TRUE(round.at("note_wide").is_null());
  EXPECT_EQ(nlohmann::json::parse(lines("jsonl/records.jsonl").at(1)).at("kept"), "[3,1]") << "arrays are JSON";
}

std::string ask(const fs::path& file, const std::string& sql) {
  sqlite3* database = nullptr;
  EXPECT_EQ(::sqlite3_open(file.c_str(), &database), SQLITE_OK);
  std::string out;
  const auto add = [](void* to, int n, char** values, char** /*names*/) {
    for (int i = 0; i < n; ++i) *static_cast<std::string*>(to) += cat(values[i] == nullptr ? "NULL" : values[i], "|");
    return 0;
  };
  EXPECT_EQ(::sqlite3_exec(database, sql.c_str(), add, &out, nullptr), SQLITE_OK) << ::sqlite3_errmsg(database);
  ::sqlite3_close(database);
  return out;
}

TEST_F(Export, SqliteCanBeAsked) {
  const fs::path file = folder_ / "run.sqlite";
  write_sqlite(run_tables(folder_ / "run"), file);
  EXPECT_EQ(ask(file, "SELECT arm, sum(accepted), sum(kept), count(*) FROM rounds GROUP BY arm ORDER BY arm"),
            "ar|0|8|8|sps|2|4|2|");
  EXPECT_EQ(ask(file, "SELECT typeof(kept), typeof(ready_us), typeof(expected), typeof(arm) FROM rounds LIMIT 1"),
            "integer|real|null|text|");
  EXPECT_EQ(ask(file, "SELECT value FROM summary WHERE arm = 'sps' AND metric = 'tau' AND category IS NULL"), "2.0|");
  EXPECT_EQ(ask(file, "SELECT value FROM meta WHERE key = 'experiment'"), "t|");
  EXPECT_EQ(ask(file, "SELECT name FROM sqlite_master ORDER BY name"), "meta|records|rounds|summary|");
  EXPECT_THAT(config_error([&] { write_sqlite({}, file); }), HasSubstr("exists already"));
}

TEST_F(Export, EitherTablesOrACopy) {
  EXPECT_THAT(config_error([&] { export_command({.folder = path("run")}); }), HasSubstr("neither --out nor --public"));
  EXPECT_THAT(config_error([&] { export_command({.folder = path("run"), .out = "a", .public_folder = "b"}); }),
              HasSubstr("--out and --public are given"));
  EXPECT_THAT(config_error([&] { export_command({.folder = path("gone"), .out = "a"}); }),
              HasSubstr("not a run folder"));
}

const Identity kAlice{.user = "alice", .host = "alicebox", .home = "/home/alice"};

TEST(WithoutIdentity, PathsBecomeTheirEnds) {
  const auto clean = [](const std::string& text) { return without_identity(text, kAlice); };
  EXPECT_EQ(clean("\"path\": \"/home/alice/models/llama/7b\""), "\"path\": \"llama/7b\"");
  EXPECT_EQ(clean("\"/home/alice/my models/7b\", 1"), "\"my models/7b\", 1");
  EXPECT_EQ(clean("/home/bob/x"), "x") << "of whomever";
  EXPECT_EQ(clean("in /home/bob"), "in ");
  EXPECT_EQ(clean("--out=/data/runs/t/a: gone"), "--out=t/a: gone");
  EXPECT_EQ(clean("tok/s 3 / 4 ./a/b/c ../x/y/z"), "tok/s 3 / 4 ./a/b/c ../x/y/z") << "no absolute paths";
  EXPECT_EQ(clean("alice on alicebox, malice"), "user on host, malice");
  EXPECT_EQ(without_identity("root ::= x", {.user = "root", .host = "", .home = "/root"}), "root ::= x");
}

std::string everything_in(const fs::path& folder) {
  std::string all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) all += read_file(entry.path());
  }
  return all;
}

TEST_F(Export, APublicCopyNamesNobody) {
  RunInfo run = info("t");
  run.argv = {"specula", "run", "/home/alice/secret project/t.toml"};
  run.cwd = "/home/alice/secret project";
  run.models[0].path = "/home/alice/models/org/target";
  run.prompts_file = "/home/alice/data/prompts.jsonl";
  write_manifest(folder_ / "run", run);
  write("run/log.txt", "alice@alicebox");
  write("run/config.sources/argv.txt", "/home/alice/x");
  write("run/traces/sps.trace", "ids");
  write("run/env.json", R"({"env_vars": {"SPECULA_TORCH": "/home/alice/torch"}, "cpu": "some"})");
  write("run/segments.jsonl",
        "{\"seg\": 0, \"argv\": [\"/home/alice/bin/specula\"], \"mixed\": [\"machine (alicebox)\"]}\n");
  write("run/shards/s000-of-002/segments.jsonl",
        "{\"seg\": 0, \"argv\": [\"/home/alice/bin\"], \"host\": \"alicenode7\", \"mixed\": [\"binary\"]}\n");
  write("run/shards/s000-of-002/status.json", "{\"state\": \"done\", \"last_error\": \"no /home/alice/x\"}");
  write("run/shards/s000-of-002/log.txt", "alice");
  write("run/shards/s000-of-002/.lock", "");
  const std::vector<std::string> notes = copy_for_public(folder_ / "run", folder_ / "public", kAlice);
  const std::string all = everything_in(folder_ / "public");
  for (const char* const word : {"alice", "secret", "101,102"}) EXPECT_THAT(all, Not(HasSubstr(word)));
  EXPECT_THAT(all, AllOf(HasSubstr("\"org/target\""), HasSubstr("weights/x"), HasSubstr("out_ids_sha256")));
  EXPECT_THAT(notes, AllOf(Contains("left out: log.txt"), Contains("left out: config.sources/"),
                           Contains("left out: traces/")));
  EXPECT_THAT(read_file(folder_ / "public/left_out.txt"),
              AllOf(HasSubstr("left out: log.txt\n"), HasSubstr("left out: shards/s000-of-002/log.txt\n")));
  EXPECT_THAT(read_file(folder_ / "public/shards/s000-of-002/segments.jsonl"), HasSubstr("\"binary\""));
  EXPECT_TRUE(std::filesystem::exists(folder_ / "public/shards/s000-of-002/status.json"));
  EXPECT_THAT(config_error([&] { copy_for_public(folder_ / "run", folder_ / "public", kAlice); }),
              HasSubstr("exists already"));
}

TEST_F(Export, APublicCopyIsStillARun) {
  copy_for_public(folder_ / "run", folder_ / "public", kAlice);
  // Every figure but those of the ids, which it does not hold.
  const auto figures = [&](const char* name) {
    std::istringstream csv(summary_csv(summarize(read_manifest(folder_ / name), read_records(folder_ / name))));
    std::string kept;
    for (std::string line; std::getline(csv, line);) {
      if (line.find(",distinct_") == std::string::npos && line.find(",repetition_frac") == std::string::npos)
        kept += line + "\n";
    }
    return kept;
  };
  EXPECT_EQ(figures("public"), figures("run"));
}

}  // namespace
}  // namespace specula
