// Prompts with real text in front, to an exact number of tokens.
#include "experiments/run/padding.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "experiments/run/run_plan.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using testing::HasSubstr;

class Padding : public ::testing::Test {
 protected:
  Padding() {
    config_.data.file = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/prompts.jsonl";
    config_.data.limit = 12;
    config_.data.max_new_tokens = 8;
  }
  Plan plan(int64_t pad_to_tok) {
    config_.data.pad_to_tok = pad_to_tok;
    return make_plan(config_);
  }
  // A text in which no word stands twice.
  void give_words() {
    const auto file = std::filesystem::path(testing::TempDir()) / cat("specula_padding_", ::getpid(), ".txt");
    std::string text;
    for (int i = 0; i < 30000; ++i) text += cat("word", i, i % 12 == 0 ? ".\n" : " ");
    write_file_atomically(file, text);
    config_.data.pad_file = file;
  }
  Prefix first_turn(const Prompt& prompt) const { return Dialogue(*tokenizer_, prompt, config_.data).next(); }

  ExperimentConfig config_;
  std::unique_ptr<Tokenizer> tokenizer_ =
      load_tokenizer(std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/target");
};

TEST_F(Padding, EveryPromptHasExactlySoManyTokensAndEndsAsItDid) {
  const Plan plain = plan(0);
  std::vector<Prefix> before;
  for (const Prompt& p : plain.prompts) before.push_back(first_turn(p));
  const Plan padded = plan(300);
  ASSERT_EQ(padded.prompts.size(), plain.prompts.size());
  std::set<Prefix> heads;
  for (size_t i = 0; i < padded.prompts.size(); ++i) {
    const Prefix ids = first_turn(padded.prompts[i]);
    EXPECT_EQ(ids.size(), 300u);
    EXPECT_EQ(ids.front(), before[i].front()) << "the begin token stays in front";
    EXPECT_THAT(tokenizer_->decode(ids), testing::EndsWith(padded.prompts[i].turns.front()));
    heads.insert(Prefix(ids.begin(), ids.begin() + 100));
  }
  EXPECT_EQ(heads.size(), padded.prompts.size()) << "each prompt stands behind other text";
}

TEST_F(Padding, NoTextIsRepeated) {
  give_words();
  const Prompt prompt = plan(900).prompts[3];
  const std::string text = tokenizer_->decode(first_turn(prompt));
  std::istringstream words(text);
  std::multiset<std::string> seen;
  for (std::string word; words >> word;) {
    if (word.starts_with("word")) seen.insert(word);
  }
  ASSERT_GT(seen.size(), 100u);
  for (const std::string& word : seen) EXPECT_EQ(seen.count(word), 1u) << "lookup drafters would find it again";
}

TEST_F(Padding, LongerPromptsStayAsTheyAre) {
  const Prefix plain = first_turn(plan(0).prompts.front());
  EXPECT_EQ(first_turn(plan(static_cast<int64_t>(plain.size())).prompts.front()), plain);
}

TEST_F(Padding, TextThatIsTooShortIsToldAndAnotherFileMayBeGiven) {
  const Prompt prompt = plan(20000).prompts.front();
  try {
    first_turn(prompt);
    FAIL() << "it was padded by what is not there";
  } catch (const ConfigError& e) {
    EXPECT_THAT(e.what(), HasSubstr("pad_to_tok = 20000"));
    EXPECT_THAT(e.what(), HasSubstr("pad_text"));
  }
  give_words();
  EXPECT_EQ(first_turn(plan(20000).prompts.back()).size(), 20000u);
  EXPECT_NE(first_turn(plan(200).prompts[0]), first_turn(plan(200).prompts[1]));
}

}  // namespace
}  // namespace specula
