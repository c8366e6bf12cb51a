// Every smoke config of configs/smoke runs to its end: plan, arms, records, summary, table.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "experiments/commands.h"
#include "framework/core/log.h"

namespace specula {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> smoke_configs() {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(fs::path(SPECULA_SOURCE_DIR) / "configs/smoke")) {
    if (entry.path().extension() == ".toml") files.push_back(entry.path());
  }
  return files;
}

class Smoke : public ::testing::TestWithParam<fs::path> {};
INSTANTIATE_TEST_SUITE_P(Configs, Smoke, ::testing::ValuesIn(smoke_configs()),
                         [](const auto& file) { return file.param.stem().string(); });

TEST_P(Smoke, RunsToItsEnd) {
  const fs::path out = fs::temp_directory_path() / cat("specula-smoke-", ::getpid(), "-", GetParam().stem().string());
  log::set_level(log::Level::kOff);
  ::testing::internal::CaptureStdout();
  ExitCode code = ExitCode::kRuntime;
  try {
    code = run_command({.config = GetParam().string(), .overrides = {.out = out.string(), .threads = 1}});
  } catch (const std::exception& e) {
    ADD_FAILURE() << e.what();
  }
  log::close_file();
  const std::string table = ::testing::internal::GetCapturedStdout();
  log::set_level(log::Level::kInfo);
  EXPECT_EQ(code, ExitCode::kOk);
  EXPECT_NE(table.find("(ref)"), std::string::npos) << table;
  fs::remove_all(out);
}

}  // namespace
}  // namespace specula
