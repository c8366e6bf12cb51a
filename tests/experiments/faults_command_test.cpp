// `specula faults`: one row for each planted fault, the same in every format.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "experiments/commands.h"
#include "framework/certify/faults.h"

namespace specula::testing {
namespace {

std::string printed(const std::string& format) {
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(faults_command(format), ExitCode::kOk);
  return ::testing::internal::GetCapturedStdout();
}

TEST(FaultsCommand, PrintsARowForEachFaultInEveryFormat) {
  const std::vector<Fault> faults = all_faults();
  std::istringstream table(printed("markdown"));
  const std::string text = printed("text");
  const auto json = nlohmann::json::parse(printed("json"));
  ASSERT_EQ(json.size(), faults.size());
  std::string line;
  for (int heading = 0; heading < 2; ++heading) std::getline(table, line);
  for (size_t i = 0; i < faults.size(); ++i) {
    ASSERT_TRUE(std::getline(table, line));
    EXPECT_TRUE(line.starts_with("| `" + faults[i].name + "` | ")) << line;
    EXPECT_EQ(std::count(line.begin(), line.end(), '|'), 7) << line;
    EXPECT_NE(text.find("  " + faults[i].name + ": TV "), std::string::npos) << faults[i].name;
    EXPECT_EQ(json[i]["name"], faults[i].name);
    EXPECT_TRUE(json[i]["refuted"]);
    EXPECT_GT(json[i]["tv"], json[i]["sound_tv"]);
  }
  EXPECT_FALSE(std::getline(table, line));
}

}  // namespace
}  // namespace specula::testing
