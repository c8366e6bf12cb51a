// Prompt sets of both layouts, what is refused, and the stratified head of a set.
#include "framework/text/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "framework/core/error.h"

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PromptFile : public ::testing::Test {
 protected:
  void SetUp() override {
    file_ = std::filesystem::path(::testing::TempDir()) / cat("specula_prompts_", ::getpid(), ".jsonl");
  }
  void TearDown() override { std::filesystem::remove(file_); }
  std::vector<Prompt> load(const std::string& content) {
    std::ofstream(file_, std::ios::binary) << content;
    return load_prompts(file_);
  }
  std::string error(const std::string& content) {
    try {
      load(content);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  std::filesystem::path file_;
};

TEST_F(PromptFile, PlainLayout) {
  const auto prompts = load(
      "{\"prompt\": \"one\"}\n\n{\"id\": \"b\", \"prompt\": \"two\", \"category\": \"code\", \"group\": "
      "\"g\"}\r\n{\"id\": 7, "
      "\"prompt\": \"three\"}");
  ASSERT_EQ(prompts.size(), 3u);
  EXPECT_EQ(prompts[0].id, "1");  // its line
  EXPECT_EQ(prompts[0].category, "all");
  EXPECT_EQ(prompts[0].group, "1");
  EXPECT_EQ(prompts[1].id, "b");
  EXPECT_EQ(prompts[1].category, "code");
  EXPECT_EQ(prompts[1].group, "g");
  EXPECT_EQ(prompts[2].id, "7");
  EXPECT_THAT(prompts[2].turns, ElementsAre("three"));
}

TEST_F(PromptFile, SpecBenchLayout) {
  const auto prompts =
      load("{\"question_id\": 81, \"category\": \"writing\", \"turns\": [\"a\", \"b\"], \"reference\": []}\n");
  ASSERT_EQ(prompts.size(), 1u);
  EXPECT_EQ(prompts[0].id, "81");
  EXPECT_EQ(prompts[0].group, "81");
  EXPECT_THAT(prompts[0].turns, ElementsAre("a", "b"));
}

TEST_F(PromptFile, ErrorsNameFileAndLine) {
  const std::string good = "{\"id\": \"a\", \"prompt\": \"x\"}\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"prompt\": ", ":2: not valid JSON"},
      {"[]", ":2: expected a JSON object, got array"},
      {"{\"text\": \"x\"}", ":2: expected either \"prompt\" or \"turns\""},
      {"{\"prompt\": \"x\", \"turns\": [\"y\"]}", ":2: expected either"},
      {"{\"prompt\": \"\"}", ":2: \"prompt\" holds an empty text"},
      {"{\"prompt\": 3}", ":2: \"prompt\" must hold text, got number"},
      {"{\"turns\": []}", ":2: \"turns\" must be a list"},
      {"{\"turns\": [\"x\", \"\"]}", ":2: \"turns\" holds an empty text"},
      {R"({"prompt": "x", "reference": {}})", ":2: \"reference\" must hold texts or numbers, got object"},
      {R"({"prompt": "x", "reference": [[{}]]})", ":2: \"reference\" must hold texts or numbers, got object"},
      {R"({"prompt": "x", "reference": ["a", "b"]})", ":2: \"reference\" has 2 entries, and the prompt has 1 turn"},
      {R"({"turns": ["x", "y"], "reference": "a"})", ":2: \"reference\" must be a list with an entry for each turn"},
      {R"({"prompt": "x", "scorer": []})", ":2: \"scorer\" must be a string, got array"},
      {R"({"text": "x", "test_list": []})", ":2: \"test_list\" must be a list of at least one string"},
      {"{\"prompt\": \"x\", \"category\": {}}", ":2: \"category\" must be a string, got object"},
      {"{\"id\": \"a\", \"prompt\": \"y\"}", ":2: id \"a\" was already used in line 1"},
  };
  for (const auto& [line, expected] : cases) {
    EXPECT_THAT(error(good + line), HasSubstr(file_.string() + expected)) << line;
  }
  EXPECT_THAT(error(""), HasSubstr("no prompts"));
  EXPECT_THAT(error("\n \n"), HasSubstr("no prompts"));
  EXPECT_THROW(load_prompts(file_.string() + ".missing"), Error);
}

TEST_F(PromptFile, References) {
  const auto references = [&](const std::string& keys) { return load("{" + keys + "}\n")[0].references; };
  EXPECT_THAT(references(R"("prompt": "x", "reference": "#### 4")"), ElementsAre(ElementsAre("#### 4")));
  EXPECT_THAT(references(R"("prompt": "x", "reference": 4)"), ElementsAre(ElementsAre("4")));
  EXPECT_THAT(references(R"("prompt": "x", "reference": [["a", "b"]])"), ElementsAre(ElementsAre("a", "b")));
  EXPECT_THAT(references(R"("turns": ["x", "y"], "reference": ["", "5pi"])"),
              ElementsAre(IsEmpty(), ElementsAre("5pi")));
  EXPECT_THAT(references(R"("prompt": "x", "reference": null)"), IsEmpty());
  EXPECT_THAT(references(R"("prompt": "x")"), IsEmpty());
  const Prompt prompt = load("\n{\"prompt\": \"x\", \"scorer\": \"gsm8k_em\"}\n")[0];
  EXPECT_EQ(prompt.scorer, "gsm8k_em");
  EXPECT_EQ(prompt.line, 2u);
}

TEST_F(PromptFile, LinesOfGsm8kAndMbpp) {
  const Prompt gsm8k = load(R"({"question": "How many?", "answer": "2 + 2\n#### 4"})"
                            "\n")[0];
  EXPECT_THAT(gsm8k.turns, ElementsAre("How many?"));
  EXPECT_THAT(gsm8k.references, ElementsAre(ElementsAre("2 + 2\n#### 4")));
  const Prompt mbpp = load(R"x({"text": "Write f.", "code": "", "task_id": 7, "test_setup_code": "import math",)x"
                           R"x( "test_list": ["assert f(1)", "assert f(2)"], "challenge_test_list": []})x"
                           "\n")[0];
  EXPECT_EQ(mbpp.id, "7");
  EXPECT_THAT(mbpp.turns, ElementsAre("You are an expert Python programmer, and here is your task: Write f. Your code "
                                      "should pass these tests:\n\nassert f(1)\nassert f(2)\n[BEGIN]\n"));
  EXPECT_THAT(mbpp.references, ElementsAre(ElementsAre("import math\nassert f(1)\nassert f(2)\n")));
}

TEST(Stratified, CategoriesTakeTurnsInFileOrder) {
  std::vector<Prompt> prompts;
  for (int i = 0; i < 12; ++i) prompts.push_back({.id = cat(i), .category = i < 8 ? "a" : i < 11 ? "b" : "c"});
  const auto ids = [&](int64_t limit) {
    std::vector<std::string> result;
    for (const Prompt& prompt : stratified(prompts, limit)) result.push_back(prompt.id);
    return result;
  };
  EXPECT_THAT(ids(1), ElementsAre("0"));
  EXPECT_THAT(ids(4), ElementsAre("0", "1", "8", "11"));
  EXPECT_THAT(ids(6), ElementsAre("0", "1", "2", "8", "9", "11"));
  EXPECT_EQ(ids(0).size(), 12u);
  EXPECT_EQ(ids(-1).size(), 12u);
  EXPECT_EQ(ids(100).size(), 12u);
}

TEST(Stratified, DemoPromptsAreOfFiveCategories) {
  const auto prompts = load_prompts(std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/prompts.jsonl");
  EXPECT_EQ(prompts.size(), 75u);
  std::map<std::string, int> counts;
  for (const Prompt& prompt : stratified(prompts, 10)) ++counts[prompt.category];
  EXPECT_EQ(counts.size(), 5u);
  for (const auto& [category, count] : counts) EXPECT_EQ(count, 2) << category;
}

}  // namespace
}  // namespace specula
