// The checkpoints of tests/model/fixtures: one of each architecture and of each way in which its options differ.
// Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "framework/core/files.h"
#include "tests/model/support.h"

namespace specula::test {

inline std::filesystem::path fixture_folder(const std::string& name) {
  return source_folder() / "tests/model/fixtures" / name;
}

inline std::vector<std::string> fixture_names() {
  std::vector<std::string> names;
  for (const auto& item : std::filesystem::directory_iterator(source_folder() / "tests/model/fixtures"))
    if (std::filesystem::exists(item.path() / "config.json")) names.push_back(item.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

inline std::string fixture_config(const std::string& name) { return read_file(fixture_folder(name) / "config.json"); }

}  // namespace specula::test
