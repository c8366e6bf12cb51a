// Records survive the way to the file and back; torn, double and broken lines are seen.
#include "experiments/run/records.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

Record sample(const std::string& arm, const std::string& prompt) {
  Record r;
  r.key = {.trace = false, .arm = arm, .prompt = prompt, .turn = 0, .rep = 1};
  r.group = prompt;
  r.category = "story";
  r.segment = 2;
  r.order = 7;
  r.request = 123456789012345;
  r.n_in = 11;
  r.stop = "limit";
  r.out = {5, 6, 7, 8};
  r.start_us = 10.25;
  r.prefill_us = 100;
  r.e2e_us = 1100.5;
  r.rounds = {
      .drafted = {3, 2}, .depth = {3, 2}, .accepted = {2, 2}, .kept = {3, 1}, .ready_us = {600, 1100.5}, .cut = 1};
  r.exact = false;
  r.first_difference = 2;
  r.margin_nats = 0.01;
  return r;
}

class RecordsFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("records_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_ / "records");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) { std::ofstream(file()) << text; }
  std::filesystem::path file() const { return folder_ / "records" / "s000-of-001.jsonl"; }
  std::filesystem::path folder_;
};

TEST(Records, RoundTrip) {
  const Record r = sample("sps", "7");
  const Record back = parse_record(to_line(r), "here");
  EXPECT_EQ(to_line(back), to_line(r));
  EXPECT_EQ(back.key, r.key);
  EXPECT_EQ(back.out, r.out);
  EXPECT_EQ(back.request, r.request);
  EXPECT_EQ(back.rounds.ready_us, r.rounds.ready_us);
  EXPECT_EQ(back.rounds.cut, 1);
  EXPECT_FALSE(back.rounds.is_tree());
  EXPECT_EQ(back.exact, false);
  EXPECT_DOUBLE_EQ(*back.margin_nats, 0.01);
  EXPECT_EQ(to_line(r).find('\n'), std::string::npos);
}

TEST(Records, TreesKeepTheirDepths) {
  Record r = sample("tree", "7");
  r.rounds.depth = {2, 1};
  const Record back = parse_record(to_line(r), "here");
  EXPECT_TRUE(back.rounds.is_tree());
  EXPECT_EQ(back.rounds.depth, (std::vector<int>{2, 1}));
}

TEST(Records, AFailureHasNoMeasures) {
  Record r = sample("sps", "7");
  r.ok = false;
  r.error = "NaN at \"x\"\xff";  // not UTF-8: must not stop the run
  r.exact.reset();
  r.first_difference.reset();
  r.margin_nats.reset();
  r.exact_why = "failed";
  const std::string line = to_line(r);
  EXPECT_THAT(line, testing::HasSubstr("\"e2e_us\":null"));
  EXPECT_THAT(line, testing::HasSubstr("\"exact\":null,\"exact_why\":\"failed\""));
  const Record back = parse_record(line, "here");
  EXPECT_FALSE(back.ok);
  EXPECT_THAT(back.error, testing::HasSubstr("NaN at"));
  EXPECT_TRUE(back.out.empty());
}

TEST_F(RecordsFolder, TornLastLineIsLeftOut) {
  const std::string line = to_line(sample("ar", "1"));
  write(line + "\n" + line.substr(0, line.size() / 2));
  EXPECT_EQ(read_records(folder_).records.size(), 1u);
  { LineFile reopened(file()); }  // a writer cuts it
  EXPECT_EQ(read_file(file()), line + "\n");
}

TEST_F(RecordsFolder, BrokenLineIsNamed) {
  write(to_line(sample("ar", "1")) + "\n{\"k\":\"rec\"}\n");
  try {
    read_records(folder_);
    FAIL() << "a line that is no record was read";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("s000-of-001.jsonl:2: not a record"));
  }
}

TEST_F(RecordsFolder, UnequalArraysAreNoRecord) {
  std::string line = to_line(sample("ar", "1"));
  line.replace(line.find("\"kept\":[3,1]"), 12, "\"kept\":[4]");
  write(line + "\n");
  EXPECT_THROW(read_records(folder_), Error);
}

TEST_F(RecordsFolder, DuplicatesAreSeenAndRetriesAreNot) {
  Record failed = sample("sps", "2");
  failed.ok = false;
  write(to_line(sample("ar", "1")) + "\n" + to_line(failed) + "\n" + to_line(sample("sps", "2")) + "\n" +
        to_line(sample("ar", "1")) + "\n");
  const RecordSet set = read_records(folder_);
  EXPECT_EQ(set.records.size(), 2u);
  EXPECT_TRUE(set.records[1].ok) << "the successful attempt wins";
  EXPECT_EQ(set.superseded, 2);
  ASSERT_EQ(set.duplicates.size(), 1u);
  EXPECT_EQ(set.duplicates[0].arm, "ar");
}

}  // namespace
}  // namespace specula
