// Suggestions, exit codes, and invariants that print their values.
#include "framework/core/error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace specula {
namespace {

using ::testing::HasSubstr;

TEST(Nearest, FindsATypo) {
  const std::vector<std::string> valid = {"temperature", "top_k", "top_p", "min_p"};
  EXPECT_EQ(nearest("temprature", valid), "temperature");   // deleted
  EXPECT_EQ(nearest("temperatuer", valid), "temperature");  // swapped
  EXPECT_EQ(nearest("topp", valid), "top_p");
  EXPECT_EQ(nearest("top_k", valid), "top_k");
  EXPECT_EQ(nearest("nucleus", valid), "");
  EXPECT_EQ(nearest("", valid), "");
  EXPECT_EQ(nearest("x", {}), "");
  EXPECT_EQ(nearest("ab", {"xy"}), "");  // replacing every letter is no likeness
}

TEST(Suggestion, SaysWhatIsValid) {
  EXPECT_EQ(suggestion("gama", {"gamma", "delta"}), "; did you mean 'gamma'?");
  EXPECT_EQ(suggestion("something", {"gamma", "delta"}), "; valid: gamma, delta");
  EXPECT_EQ(suggestion("something", {}), "; there is none to choose");
}

TEST(Join, Separates) {
  EXPECT_EQ(join({}), "");
  EXPECT_EQ(join({"a"}), "a");
  EXPECT_EQ(join({"a", "b"}, "|"), "a|b");
}

TEST(Error, CarriesItsExitCode) {
  EXPECT_EQ(Error("x").code(), ExitCode::kRuntime);
  EXPECT_EQ(ConfigError("x").code(), ExitCode::kConfig);
  EXPECT_EQ(Error("x", ExitCode::kInterrupted).code(), ExitCode::kInterrupted);
}

TEST(Check, PrintsPlaceExpressionAndValues) {
  const int rows = 3;
  try {
    SPECULA_CHECK(rows == 4, "rows=", rows);
    FAIL() << "a broken invariant went unnoticed";
  } catch (const std::logic_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("error_test.cpp:"));
    EXPECT_THAT(e.what(), HasSubstr("broken invariant: rows == 4: rows=3"));
  }
  EXPECT_NO_THROW(SPECULA_CHECK(rows == 3));
}

}  // namespace
}  // namespace specula
