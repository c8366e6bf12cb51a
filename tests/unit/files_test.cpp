// Reads, atomic writes, maps and the line file that survives a killed writer.
#include "framework/core/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "framework/core/error.h"

namespace specula {
namespace {

using ::testing::HasSubstr;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              cat("specula_files_", ::testing::UnitTest::GetInstance()->current_test_info()->name(), "_", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path put(const char* name, const std::string& content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
    return folder_ / name;
  }

  std::filesystem::path folder_;
};

template <class Call>
std::string error_of(Call call) {
  try {
    call();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

TEST_F(Files, ReadsWhole) {
  const std::string content("a\0b\n\xff", 5);
  EXPECT_EQ(read_file(put("f", content)), content);
  EXPECT_EQ(read_file(put("empty", "")), "");
  EXPECT_THAT(error_of([&] { read_file(folder_ / "missing"); }),
              HasSubstr("missing: cannot open: No such file or directory"));
  EXPECT_THAT(error_of([&] { read_file(folder_); }), HasSubstr("not a regular file"));
}

TEST_F(Files, AtomicWriteReplacesWhole) {
  const auto file = put("f", "old");
  write_file_atomically(file, "new content");
  EXPECT_EQ(read_file(file), "new content");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);  // no temporary stays
  EXPECT_THAT(error_of([&] { write_file_atomically(folder_ / "no" / "f", "x"); }), HasSubstr("cannot create"));
}

TEST_F(Files, AtomicWriteLeavesTheOldFileWhenItFails) {
  const auto file = put("f", "old");
  std::filesystem::create_directory(folder_ / "f.tmp");  // the temporary cannot be written
  EXPECT_NE(error_of([&] { write_file_atomically(file, "new"); }), "no error");
  EXPECT_EQ(read_file(file), "old");
}

TEST_F(Files, AReaderNeverSeesHalfAWrite) {
  const auto file = put("f", std::string(100000, 'a'));
  const pid_t writer = ::fork();
  if (writer == 0) {
    for (int i = 0;; ++i) write_file_atomically(file, std::string(100000, i % 2 == 0 ? 'b' : 'a'));
  }
  for (int i = 0; i < 200; ++i) {
    const std::string content = read_file(file);
    ASSERT_EQ(content, std::string(100000, content[0]));
  }
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  EXPECT_EQ(read_file(file).size(), 100000u);  // also after the writer was killed in the middle
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-2
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_F(Files, ReadsParts) {
  std::string content(3 * 4096 + 17, 'm');
  content[5000] = 'x';
  const RandomFile file(put("f", content));
  EXPECT_EQ(file.size(), content.size());
  std::vector<uint8_t> part(5001);
  file.read(5000, part);
  EXPECT_EQ(part[0], 'x');
  EXPECT_EQ(part[1], 'm');
  EXPECT_EQ(RandomFile(put("empty", "")).size(), 0u);
  EXPECT_THAT(error_of([&] { const RandomFile missing(folder_ / "missing"); }), HasSubstr("cannot open"));
  put("f", "short");  // it shrinks meanwhile
  EXPECT_THAT(error_of([&] { file.read(3, part); }), HasSubstr("ends at byte 5"));
}

TEST_F(Files, LineFileAppends) {
  const auto file = folder_ / "lines";
  {
    LineFile lines(file);
    lines.append("one");
    lines.sync();
  }
  LineFile(file).append("two");
  EXPECT_EQ(read_file(file), "one\ntwo\n");
  EXPECT_THAT(error_of([&] { LineFile(folder_ / "no" / "lines"); }), HasSubstr("cannot open for appending"));
}

TEST_F(Files, LineFileCutsATornLine) {
  const std::string long_line(200000, 'x');  // more than one block to walk back
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"one\ntwo\n{\"half\": ", "one\ntwo\n"},
      {"torn", ""},
      {"", ""},
      {"whole\n", "whole\n"},
      {"one\n" + long_line, "one\n"},
      {long_line + "\n", long_line + "\n"},
      {long_line, ""},
  };
  for (const auto& [before, kept] : cases) {
    const auto file = put("lines", before);
    LineFile(file).append("next");
    EXPECT_EQ(read_file(file), kept + "next\n") << before.size();
  }
}

TEST_F(Files, LineFileAfterAKilledWriterHoldsWholeLinesInOrder) {
  const auto file = folder_ / "lines";
  const pid_t writer = ::fork();
  if (writer == 0) {
    LineFile lines(file);
    for (int i = 0;; ++i) lines.append(cat(i, " ", std::string(3000, 'x'), " ", i));
  }
  while (!std::filesystem::exists(file) || std::filesystem::file_size(file) < 300000) ::usleep(1000);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  { const LineFile reopened(file); }
  std::ifstream in(file);
  std::string line;
  int count = 0;
  for (; std::getline(in, line); ++count) ASSERT_EQ(line, cat(count, " ", std::string(3000, 'x'), " ", count));
  EXPECT_GT(count, 90);
}

}  // namespace
}  // namespace specula
