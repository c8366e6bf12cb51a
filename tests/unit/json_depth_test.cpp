// JSON that is nested so deep that reading it would run out of stack.
#include "framework/core/json_depth.h"

#include <gmock/gmock.h>

#include "framework/core/error.h"

namespace specula {
namespace {

std::string refusal(const std::string& text) {
  try {
    check_json_depth(text, "config.json");
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

std::string nested(size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(JsonDepth, IsBounded) {
  EXPECT_EQ(refusal(nested(kMostJsonDepth)), "nothing was thrown");
  EXPECT_EQ(refusal(nested(kMostJsonDepth + 1)), "config.json: byte 100: JSON nests more than 100 deep");
  EXPECT_THAT(refusal("{\"a\":" + nested(1000000) + "}"), testing::HasSubstr("more than 100 deep"));
}

TEST(JsonDepth, CountsWhatIsOpenAndNoText) {
  std::string flat;
  for (int i = 0; i < 1000; ++i) flat += "[]{}";
  EXPECT_EQ(refusal(flat), "nothing was thrown");
  EXPECT_EQ(refusal("{\"" + std::string(1000, '[') + "\": \"\\\"" + std::string(1000, '{') + "\"}"),
            "nothing was thrown");
  EXPECT_THAT(refusal("\"\\\\\"" + nested(101)), testing::HasSubstr("more than 100 deep"));  // the text has ended
}

}  // namespace
}  // namespace specula
