// The log: levels on standard error, everything in the file, braces taken as they are.
#include "framework/core/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Log, LevelsAndFile) {
  const auto file = std::filesystem::path(::testing::TempDir()) / cat("specula_log_", ::getpid(), ".txt");
  log::open_file(file.string());
  log::set_level(log::Level::kWarning);
  ::testing::internal::CaptureStderr();
  log::debug("quiet {}");
  log::info("note {0} {");
  log::warning("careful");
  log::error("broken");
  log::set_level(log::Level::kOff);
  log::error("unseen");
  const std::string seen = ::testing::internal::GetCapturedStderr();
  log::close_file();
  log::error("after the file");
  log::set_level(log::Level::kInfo);
  EXPECT_THAT(seen, HasSubstr("warning: careful\n"));
  EXPECT_THAT(seen, HasSubstr("error: broken\n"));
  EXPECT_THAT(seen, Not(HasSubstr("note")));
  EXPECT_THAT(seen, Not(HasSubstr("unseen")));
  const std::string kept = read_file(file);
  for (const char* text : {"debug quiet {}", "info note {0} {", "warning careful", "error broken", "error unseen"}) {
    EXPECT_THAT(kept, HasSubstr(text));
  }
  EXPECT_THAT(kept, Not(HasSubstr("after the file")));
  std::filesystem::remove(file);
}

TEST(Log, AFileThatCannotBeWrittenIsAnError) { EXPECT_THROW(log::open_file("/proc/no_such_folder/log.txt"), Error); }

}  // namespace
}  // namespace specula
