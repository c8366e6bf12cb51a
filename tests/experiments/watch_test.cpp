// What `watch` says of runs that go on, end and break.
#include "experiments/runs/watched.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <thread>

#include "experiments/commands.h"
#include "experiments/study/study_results.h"
#include "framework/core/files.h"
#include "tests/experiments/runs_fixture.h"
#include "tests/experiments/started_program.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::time_t kNow = 1735693200;  // 2025-01-01T01:00:00Z
const char* const kFresh = "2025-01-01T00:59:58Z";

class WatchTest : public RunsFolder {
 protected:
  static std::string line_of(const Record& r) { return to_line(r) + "\n"; }
  // Both arms' records of a prompt, that ended so many seconds after the process began.
  static std::string unit(const std::string& prompt, int64_t order, double end_s) {
    std::string lines;
    for (const char* const arm : {"ar", "sps"}) {
      Record r = record(arm, prompt);
      r.order = order;
      r.start_us = 1e6 * end_s - r.e2e_us;
      lines += line_of(r);
    }
    return lines;
  }
  void write_status(const std::string& state, int done, const std::string& heartbeat = kFresh) const {
    write("run/status.json",
          cat(R"({"state": ")", state, R"(", "heartbeat_utc": ")", heartbeat, R"(", "segment": 0, "done": )", done,
              R"(, "total": 12, "failed_records": 0, "last_error": null})"));
  }
  static std::string text(const std::vector<WatchedLine>& lines) {
    std::string all;
    for (const WatchedLine& line : lines) all += line.name + ": " + line.text + "\n";
    return all;
  }
};

TEST_F(WatchTest, SpeedsAndTheTimeLeftComeFromTheRecords) {
  write_run("run", info("t"), "", "");
  write_status("running", 2);
  write("run/records/s000-of-001.jsonl", unit("a", 0, 10) + unit("b", 1, 20));
  WatchedFolder folder(path("run"));
  const auto lines = folder.look(kNow);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].course, Course::kRunning);
  // ar: 4 tokens in 4.5 ms; sps: 4 in 2.5 ms.  Two units in 20 s: ten are left.
  EXPECT_EQ(lines[0].text, "running, 2 of 12 (17%), heartbeat 2 s ago, 100 s left");
  EXPECT_EQ(lines[0].speeds, "ar 889 tok/s, sps 1.80x");
}

TEST_F(WatchTest, NewRecordsAreReadOnceAndTornOnesLater) {
  const std::string file = path("records.jsonl"), second = unit("b", 1, 30);
  write("records.jsonl", unit("a", 0, 10) + second.substr(0, 40));
  RecordsTail tail(file);
  EXPECT_EQ(tail.read().size(), 2u);
  EXPECT_EQ(tail.read().size(), 0u);
  EXPECT_DOUBLE_EQ(*tail.seconds_per_unit(), 10);
  write("records.jsonl", unit("a", 0, 10) + second);
  EXPECT_EQ(tail.read().size(), 2u);
  EXPECT_DOUBLE_EQ(*tail.seconds_per_unit(), 15);
  Record later = record("ar", "c");
  later.segment = 1;
  later.order = 2;
  later.start_us = 4e6 - later.e2e_us;
  write("records.jsonl", unit("a", 0, 10) + second + line_of(later));
  EXPECT_EQ(tail.read().size(), 1u);
  EXPECT_DOUBLE_EQ(*tail.seconds_per_unit(), 4) << "a process that went on has a clock of its own";
  EXPECT_FALSE(RecordsTail(path("gone")).seconds_per_unit().has_value());
}

TEST_F(WatchTest, ItsCourse) {
  write_run("run", info("t"), "", "");
  const auto course = [&](const std::string& state, const std::string& heartbeat = kFresh) {
    write_status(state, 3, heartbeat);
    return WatchedFolder(path("run")).look(kNow).front().course;
  };
  EXPECT_EQ(course("running"), Course::kRunning);
  EXPECT_EQ(course("running", "2025-01-01T00:30:00Z"), Course::kBroken) << "silent for half an hour";
  EXPECT_EQ(course("done"), Course::kEnded);
  EXPECT_EQ(course("partial"), Course::kEnded);
  EXPECT_EQ(course("failed"), Course::kBroken);
  EXPECT_EQ(course("interrupted"), Course::kBroken);
  std::filesystem::remove(path("run/status.json"));
  EXPECT_EQ(WatchedFolder(path("run")).look(kNow).front().course, Course::kWaiting) << "models are being loaded";
}

TEST_F(WatchTest, TimeAloneIsNoChange) {
  write_run("run", info("t"), "", "");
  write_status("running", 3);
  WatchedFolder folder(path("run"));
  const auto first = folder.look(kNow), later = folder.look(kNow + 60);
  EXPECT_NE(first[0].text, later[0].text);
  EXPECT_EQ(first[0].change, later[0].change);
  write_status("running", 4);
  EXPECT_NE(folder.look(kNow).front().change, first[0].change);
}

TEST_F(WatchTest, ShardsAndCellsThatWait) {
  RunInfo run = info("t");
  run.shards = 2;
  write_run("study/cell", run, "", "");
  write("study/cell/" + shard_folder("", {0, 2}).string() + "/status.json", status("running", kFresh));
  StudyResult study{.name = "study"};
  study.cells = {{.cell = "cell"}, {.cell = "other"}, {.cell = "third", .state = "failed", .error = "no memory"}};
  write("study/sweep.json", study_json(study));
  const std::string all = text(WatchedFolder(path("study")).look(kNow));
  EXPECT_THAT(all, AllOf(HasSubstr("cell shard 0/2: running"), HasSubstr("cell shard 1/2: waiting"),
                         HasSubstr("other: waiting"), HasSubstr("third: failed; last error: no memory")));
}

TEST_F(WatchTest, AFolderWithoutRunsIsRefused) {
  EXPECT_THAT(config_error([&] { WatchedFolder(path("")).look(kNow); }), HasSubstr("neither a run"));
  EXPECT_THAT(config_error([&] { WatchedFolder(path("gone")).look(kNow); }), HasSubstr("no such folder"));
  EXPECT_THAT(config_error([&] { watch_command({.folder = path(""), .interval_s = 0}); }), HasSubstr("--interval 0"));
}

// --- The program, on a pipe ---

class WatchProgram : public WatchTest {
 protected:
  void SetUp() override {
    WatchTest::SetUp();
    write_run("run", info("t"), "", "");
  }
  void write_now(const std::string& state, int done) const { write_status(state, done, utc_now()); }
  pid_t start() const { return start_program({"watch", path("run"), "--interval", "0.05"}, folder_); }
  std::string printed() const {
    return std::filesystem::exists(folder_ / "stdout") ? read_file(folder_ / "stdout") : "";
  }
  void wait_until(const std::string& text) const {
    for (int i = 0; i < 600 && printed().find(text) == std::string::npos; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_THAT(printed(), HasSubstr(text));
  }
};

TEST_F(WatchProgram, EndsWithTheRunAndTellsEachChangeOnce) {
  write_now("running", 3);
  const pid_t child = start();
  wait_until("running, 3 of 12");
  write_now("running", 4);
  wait_until("running, 4 of 12");
  write_now("done", 12);
  EXPECT_EQ(wait_for_program(child), 0);
  EXPECT_THAT(printed(), AllOf(StartsWith(path("run") + ": running, 3 of 12"), HasSubstr("done, 12 of 12 (100%)"),
                               Not(HasSubstr("\x1b"))));
  const std::string all = printed();
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 3);
}

TEST_F(WatchProgram, AnInterruptEndsItWith130) {
  write_now("running", 3);
  const pid_t child = start();
  wait_until("running, 3 of 12");
  ::kill(child, SIGINT);
  EXPECT_EQ(wait_for_program(child), 130);
}

TEST_F(WatchProgram, ABrokenRunEndsItWithFiveAndOnceEndsAnyway) {
  write_now("failed", 3);
  EXPECT_EQ(wait_for_program(start()), 5);
  write_now("running", 3);
  EXPECT_EQ(wait_for_program(start_program({"watch", path("run"), "--once"}, folder_)), 0);
}

}  // namespace
}  // namespace specula
