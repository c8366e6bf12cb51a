// Which ids end a text, by a model folder's own files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "framework/core/error.h"
#include "framework/text/tokenizer_config.h"

namespace specula {
namespace {

using ::testing::ElementsAre;

TEST(StopTokens, GenerationConfigGoesFirst) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / cat("specula_stop_", ::getpid());
  std::filesystem::create_directories(folder);
  const auto put = [&](const char* name, const char* content) { std::ofstream(folder / name) << content; };
  EXPECT_THAT(read_stop_tokens(folder, 10, 7), ElementsAre(7));
  EXPECT_TRUE(read_stop_tokens(folder, 10, -1).empty());
  put("config.json", R"({"eos_token_id": 2})");
  EXPECT_THAT(read_stop_tokens(folder, 10, 7), ElementsAre(2));
  put("generation_config.json", R"({"temperature": 0.6})");
  EXPECT_THAT(read_stop_tokens(folder, 10, 7), ElementsAre(2));
  put("generation_config.json", R"({"eos_token_id": [3, 9]})");
  EXPECT_THAT(read_stop_tokens(folder, 10, 7), ElementsAre(3, 9));
  for (const char* wrong : {R"({"eos_token_id": 10})", R"({"eos_token_id": -1})", R"({"eos_token_id": "</s>"})"}) {
    put("generation_config.json", wrong);
    EXPECT_THROW(read_stop_tokens(folder, 10, 7), Error) << wrong;
  }
  put("generation_config.json",
      ("{\"eos_token_id\": " + std::string(300000, '[') + std::string(300000, ']') + "}").c_str());
  EXPECT_THROW(read_stop_tokens(folder, 10, 7), Error) << "so deep that a copy would run out of stack";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace specula
