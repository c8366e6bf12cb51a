// Task scores: numbers out of answers, which prompts are judged by what, and what a run's summary makes of it.
#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/report/metrics.h"
#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/scores/gsm8k.h"
#include "experiments/scores/score_file.h"
#include "experiments/scores/scoring.h"
#include "framework/core/files.h"
#include "framework/text/tokenizer.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(Gsm8k, TheNumberOfAnAnswer) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"The answer is 42.", "42"},
      {"She has 3 apples and 4 pears, so 7", "7"},
      {"It costs $1,200.00.", "1200"},
      {"-$5", "-5"},
      {"$-5.50", "-5.5"},
      {"8-3", "3"},
      {"x -3", "-3"},
      {"007", "7"},
      {"-0", "0"},
      {"about .5 of it", "0.5"},
      {"1,2,3", "3"},
      {"12,3456", "3456"},
      {"1,234,567 people", "1234567"},
      {"50%", "50"},
      {"3.14.", "3.14"},
      {"#### 72", "72"},
      {"so 6\n#### 72\n\nQuestion: 5 and 6", "72"},
      {"#### $1,000", "1000"},
      {"#### none\nbut 5", "5"},
      {"no number", ""},
      {"", ""},
  };
  for (const auto& [text, number] : cases) EXPECT_EQ(answered_number(text), number) << text;
}

TEST(Gsm8k, JudgesByTheReference) {
  const Scorer scorer = gsm8k_em();
  EXPECT_TRUE(scorer.judge("That makes $18.00.", "9 * 2 = <<9*2=18>>18\n#### 18").right);
  EXPECT_FALSE(scorer.judge("That makes 19.", "#### 18").right);
  EXPECT_FALSE(scorer.judge("I do not know", "#### 18").right);
  EXPECT_EQ(scorer.judge("19.", "#### 18").found, "19");
  EXPECT_FALSE(scorer.can_use("no number"));
  EXPECT_FALSE(scorer.runs_code);
}

TEST(Scorers, HaveNamesVersionsAndDefinitions) {
  EXPECT_EQ(find_scorer("gsm8k_em", "x").id, "gsm8k_em@1");
  EXPECT_EQ(find_scorer("gsm8k_em@1", "x").id, "gsm8k_em@1");
  for (const Scorer& scorer : scorers()) {
    for (const char* const kind : {"score.", "score_delta."}) {
      const MetricDefinition* const definition = find_metric(kind + scorer.id);
      ASSERT_NE(definition, nullptr) << scorer.id;
      EXPECT_EQ(definition->unit, "fraction");
    }
  }
  EXPECT_THAT(RunsFolder::config_error([] { find_scorer("gsm8k_en", "here"); }),
              HasSubstr("here: there is no scorer \"gsm8k_en\"; did you mean 'gsm8k_em'?"));
}

// --- which prompts ---

std::vector<Prompt> prompts() {
  return {{.id = "1", .category = "math", .group = "1", .turns = {"a"}, .references = {{"#### 4"}}, .line = 3},
          {.id = "2", .category = "math", .group = "2", .turns = {"b"}, .references = {{"5", "6"}}, .line = 4},
          {.id = "3", .category = "story", .group = "3", .turns = {"c"}, .line = 5}};
}
std::vector<std::string> judged(const std::vector<Prompt>& all, const std::vector<std::string>& scorers) {
  std::vector<std::string> found;
  for (const auto& [id, prompt] : plan_scoring(all, "p.jsonl", scorers)) found.push_back(id + " " + prompt.scorer->id);
  return found;
}
std::string refusal(const std::vector<Prompt>& all, const std::vector<std::string>& scorers) {
  return RunsFolder::config_error([&] { plan_scoring(all, "p.jsonl", scorers); });
}

TEST(ScoringPlan, TheFileGoesBeforeTheCategoryAndThatBeforeTheRest) {
  EXPECT_THAT(judged(prompts(), {}), ElementsAre());
  EXPECT_THAT(judged(prompts(), {"gsm8k_em"}), ElementsAre("1 gsm8k_em@1", "2 gsm8k_em@1"));
  EXPECT_THAT(judged(prompts(), {"math=gsm8k_em@1"}), ElementsAre("1 gsm8k_em@1", "2 gsm8k_em@1"));
  std::vector<Prompt> all = prompts();
  all[2].references = {{"assert True"}};
  all[2].scorer = "mbpp_pass";
  EXPECT_THAT(judged(all, {"gsm8k_em"}), ElementsAre("1 gsm8k_em@1", "2 gsm8k_em@1", "3 mbpp_pass@1"));
  EXPECT_TRUE(runs_code(plan_scoring(all, "p.jsonl", {})));
  EXPECT_FALSE(runs_code(plan_scoring(prompts(), "p.jsonl", {"gsm8k_em"})));
}

TEST(ScoringPlan, WrongOnesAreExplained) {
  EXPECT_THAT(refusal(prompts(), {"gsm"}), HasSubstr("[quality] scorers = \"gsm\": there is no scorer \"gsm\""));
  EXPECT_THAT(refusal(prompts(), {"maths=gsm8k_em"}),
              HasSubstr("no prompt is of the category \"maths\"; did you mean 'math'?"));
  EXPECT_THAT(refusal(prompts(), {"gsm8k_em", "mbpp_pass"}), HasSubstr("gsm8k_em@1 was named for the same prompts"));
  EXPECT_THAT(
      refusal(prompts(), {"story=gsm8k_em"}),
      HasSubstr("p.jsonl:5: prompt 3: it has no \"reference\", and gsm8k_em@1 is to judge it; expected a number"));
  std::vector<Prompt> all = prompts();
  all[1].references = {{"five"}};
  EXPECT_THAT(refusal(all, {"gsm8k_em"}),
              HasSubstr("p.jsonl:4: prompt 2: its reference \"five\" does not hold a number"));
  all = prompts();
  all[2].scorer = "unknown";
  EXPECT_THAT(refusal(all, {}), HasSubstr("p.jsonl:5: prompt 3: there is no scorer \"unknown\""));
  EXPECT_THAT(refusal({prompts()[2]}, {"gsm8k_em"}), HasSubstr("no prompt of p.jsonl has a \"reference\""));
}

// --- a run ---

class ScoredRun : public RunsFolder {
 protected:
  void SetUp() override {
    RunsFolder::SetUp();
    write("prompts.jsonl", R"({"id": "a", "prompt": "2 + 2?", "category": "math", "reference": "#### 4"}
{"id": "b", "prompt": "2 + 3?", "category": "math", "reference": ["5"]}
{"id": "c", "prompt": "A story.", "category": "story"}
{"id": "d", "prompt": "f?", "category": "code", "reference": "assert f(1) == 2", "scorer": "mbpp_pass"}
)");
    tokenizer_ = load_tokenizer(kDemo);
    run_ = info("t");
    run_.models = {{.name = "target", .path = kDemo, .dtype = "bf16"}};
    run_.tokenizer = tokenizer_->fingerprint();
    run_.prompts_file = path("prompts.jsonl");
    run_.identity["prompts"] = sha256(read_file(run_.prompts_file));
    write_run("r", run_, "", "");
    write_texts(
        {{"a", "It is 4.", "So 4"}, {"b", "It is 5.", "It is 6."}, {"c", "Once 4", "Once 4"}, {"d", kRight, kRight}});
  }

  struct Texts {
    std::string prompt, ar, sps;
  };
  void write_texts(const std::vector<Texts>& all) {
    std::vector<Record> records;
    for (const Texts& texts : all) {
      for (const char* const arm : {"ar", "sps"}) {
        records.push_back(record(arm, texts.prompt));
        records.back().out =
            tokenizer_->encode(arm == std::string("ar") ? texts.ar : texts.sps, Tokenizer::Special::kWithout);
        records.back().category = texts.prompt == "d" ? "code" : texts.prompt == "c" ? "story" : "math";
      }
    }
    write_records("r", records);
  }
  int64_t score(bool may_run_code = false) { return score_run(path("r"), {"gsm8k_em"}, may_run_code); }
  Summary summary() { return summarize(read_manifest(path("r")), read_records(path("r"))); }

  const std::string kDemo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target";
  const std::string kRight = "def f(x):\n    return x + 1\n";
  std::unique_ptr<Tokenizer> tokenizer_;
  RunInfo run_;
};

TEST_F(ScoredRun, ItsSummaryHasScoresAndDifferences) {
  const std::string records = read_file(path("r/records/s000-of-001.jsonl"));
  EXPECT_EQ(score(), 4);
  EXPECT_EQ(read_file(path("r/records/s000-of-001.jsonl")), records);
  const Summary s = summary();
  EXPECT_DOUBLE_EQ(s.cell("ar", "").at("score.gsm8k_em@1").value, 1);
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("score.gsm8k_em@1").value, 0.5);
  EXPECT_DOUBLE_EQ(s.cell("sps", "math").at("score_delta.gsm8k_em@1").value, -0.5);
  EXPECT_EQ(s.cell("sps", "").at("score_delta.gsm8k_em@1").n, 2);
  EXPECT_DOUBLE_EQ(s.cell("sps", "math").at("score_delta.gsm8k_em@1").interval.low, -1);
  EXPECT_DOUBLE_EQ(s.cell("sps", "math").at("score_delta.gsm8k_em@1").interval.high, 0);
  EXPECT_EQ(s.cell("ar", "").at("score_delta.gsm8k_em@1").why, "not_computed");
  EXPECT_EQ(s.cell("ar", "story").at("score.gsm8k_em@1").why, "not_computed");
  const auto json = nlohmann::json::parse(summary_json(run_, s));
  for (const auto& cell : json.at("cells")) {
    if (cell.at("arm") != "sps" || !cell.at("cat").is_null()) continue;
    EXPECT_EQ(cell.at("score_pairs").at("gsm8k_em@1"),
              nlohmann::json({{"both", 1}, {"only_arm", 0}, {"only_ref", 1}, {"neither", 0}}));
  }
  EXPECT_THAT(result_table(run_, s),
              HasSubstr("gsm8k_em@1 of sps: 0.500 [0.000, 1.000], difference -0.500 [-1.000, 0.000] (both "
                        "right 1, only sps 0, only ar 1, neither 0)"));
  EXPECT_THAT(read_file(path("r/scores.jsonl")), HasSubstr("\"found\":\"6\""));
}

TEST_F(ScoredRun, NothingIsExecutedUnlessAsked) {
  score();
  const Summary s = summary();
  EXPECT_EQ(s.cell("sps", "").at("score.mbpp_pass@1").why, "code_not_run");
  EXPECT_EQ(s.cell("sps", "").at("score_delta.mbpp_pass@1").why, "code_not_run");
  EXPECT_THAT(summary_json(run_, s), HasSubstr("\"value_why\": \"code_not_run\""));
  EXPECT_THAT(result_table(run_, s), HasSubstr("- mbpp_pass@1 of ar: not judged (code_not_run)\n"));
}

TEST_F(ScoredRun, ScoresOfCodeStayUntilTheyAreMadeAgain) {
  write(
      "r/scores.jsonl",
      R"({"k":"score","v":1,"arm":"sps","prompt":"d","turn":0,"rep":0,"scorer":"mbpp_pass@1","score":1,"found":"passed"})"
      "\n");
  EXPECT_EQ(score(), 5);
  EXPECT_DOUBLE_EQ(summary().cell("sps", "").at("score.mbpp_pass@1").value, 1);
  EXPECT_EQ(summary().cell("ar", "").at("score.mbpp_pass@1").why, "code_not_run");
}

TEST_F(ScoredRun, ScoringTwiceIsScoringOnce) {
  score();
  const std::string first = read_file(path("r/scores.jsonl"));
  score();
  EXPECT_EQ(read_file(path("r/scores.jsonl")), first);
}

TEST_F(ScoredRun, OtherPromptsOrAnotherTokenizerAreRefused) {
  write("prompts.jsonl", "{\"id\": \"a\", \"prompt\": \"other\", \"reference\": \"4\"}\n");
  EXPECT_THROW(score(), Error);
  run_.identity["prompts"] = sha256(read_file(run_.prompts_file));
  run_.tokenizer = "another";
  write_run("r", run_, "", "");
  EXPECT_THROW(score(), Error);
  write("r/scores.jsonl", "{\"arm\": 1}\n");
  EXPECT_THROW(read_records(path("r")), Error);
}

TEST_F(ScoredRun, TheManifestTellsItsScorersAndPeaks) {
  EXPECT_FALSE(read_manifest(path("r")).scorers.has_value());
  run_.scorers = {"math=gsm8k_em"};
  run_.models[0].engine = "own";
  run_.models[0].gemm_gflop_s = 12.5;
  write_run("r", run_, "", "");
  EXPECT_THAT(read_manifest(path("r")).scorers.value(), ElementsAre("math=gsm8k_em"));
  EXPECT_EQ(read_manifest(path("r")).models[0].gemm_gflop_s, 12.5);
}

TEST_F(ScoredRun, WithoutScoresASummaryIsAsItWas) {
  EXPECT_THAT(summary_json(run_, summary()), Not(HasSubstr("score")));
  EXPECT_THAT(result_table(run_, summary()), Not(HasSubstr("right answers")));
}

}  // namespace
}  // namespace specula
