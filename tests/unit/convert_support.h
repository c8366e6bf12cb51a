// What the tests of converters share.  Licence: Apache-2.0.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "framework/core/error.h"

namespace specula::test {

inline std::filesystem::path convert_fixture(const std::string& name) {
  return std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/model/fixtures/convert" / name;
}

// A folder that is removed at the end of the test.
class ScratchFolder {
 public:
  ScratchFolder()
      : path_(std::filesystem::path(testing::TempDir()) /
              cat("specula-", testing::UnitTest::GetInstance()->current_test_info()->name(), "-", ::getpid())) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The text of the Error that `act` throws.
template <class Act>
std::string refusal_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace specula::test
