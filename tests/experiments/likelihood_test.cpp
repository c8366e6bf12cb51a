// How likely the target in float32 takes the texts of a run to be: by hand, against `specula score`, and refused where
// it would be another target's word or another prompt's.
#include "experiments/scores/likelihood.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "experiments/report/metrics_record.h"
#include "experiments/report/summary.h"
#include "experiments/report/table.h"
#include "experiments/run/run_plan.h"
#include "experiments/runs/public_copy.h"
#include "experiments/scores/score_file.h"
#include "framework/core/files.h"
#include "framework/model/load.h"
#include "tests/experiments/quiet_log.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A run whose texts have likelihoods that nobody computed.
class KnownLikelihoods : public RunsFolder {
 protected:
  void SetUp() override {
    RunsFolder::SetUp();
    run_ = info("t");
    write_run("r", run_, "", "");
    std::vector<Record> records;
    for (const char* const arm : {"ar", "sps"}) {
      for (const char* const prompt : {"a", "b"}) records.push_back(record(arm, prompt));
    }
    records.back().out.pop_back();  // sps wrote 4 tokens to a and 3 to b
    write_records("r", records);
    write("r/nll.jsonl", R"({"k":"nll","v":1,"arm":"ar","prompt":"a","turn":0,"rep":0,"nll_sum_nats":4,"n_tok":4}
{"k":"nll","v":1,"arm":"ar","prompt":"b","turn":0,"rep":0,"nll_sum_nats":8,"n_tok":4}
{"k":"nll","v":1,"arm":"sps","prompt":"a","turn":0,"rep":0,"nll_sum_nats":5,"n_tok":4}
{"k":"nll","v":1,"arm":"sps","prompt":"b","turn":0,"rep":0,"nll_sum_nats":9,"n_tok":3}
)");
  }
  Summary summary() { return summarize(run_, read_records(path("r"))); }
  RunInfo run_;
};

TEST_F(KnownLikelihoods, AreSumsOverSums) {
  const Summary s = summary();
  EXPECT_DOUBLE_EQ(s.cell("ar", "").at("nll_nats").value, 12.0 / 8);
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("nll_nats").value, 14.0 / 7) << "not the mean of 5/4 and 9/3";
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("ppl").value, std::exp(2.0));
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("nll_delta").value, 0.5);
  EXPECT_EQ(s.cell("sps", "").at("nll_delta").n, 2);
  EXPECT_EQ(s.cell("ar", "").at("nll_delta").why, "not_computed");
  // Of two groups 95 % of all draws reach from one of them alone to the other alone.
  const Interval nll = s.cell("sps", "").at("nll_nats").interval, ppl = s.cell("sps", "").at("ppl").interval,
                 delta = s.cell("sps", "").at("nll_delta").interval;
  EXPECT_DOUBLE_EQ(nll.low, 5.0 / 4);
  EXPECT_DOUBLE_EQ(nll.high, 9.0 / 3);
  EXPECT_DOUBLE_EQ(ppl.high, std::exp(9.0 / 3));
  EXPECT_DOUBLE_EQ(delta.low, 5.0 / 4 - 4.0 / 4);
  EXPECT_DOUBLE_EQ(delta.high, 9.0 / 3 - 8.0 / 4);
  EXPECT_THAT(result_table(run_, s),
              HasSubstr("Texts under target in float32:\n- ar: 1.500 [1.000, 2.000] nats a token, perplexity 4.482\n"
                        "- sps: 2.000 [1.250, 3.000] nats a token, perplexity 7.389, difference 0.500 [0.250, 1.000]"));
  EXPECT_NE(find_record_metric("nll_nats"), nullptr) << "compare --metric";
}

TEST_F(KnownLikelihoods, PairsNeedBothSides) {
  write("r/nll.jsonl", R"({"k":"nll","v":1,"arm":"ar","prompt":"a","turn":0,"rep":0,"nll_sum_nats":4,"n_tok":4}
{"k":"nll","v":1,"arm":"sps","prompt":"a","turn":0,"rep":0,"nll_sum_nats":5,"n_tok":4}
{"k":"nll","v":1,"arm":"sps","prompt":"b","turn":0,"rep":0,"nll_sum_nats":9,"n_tok":3}
)");
  EXPECT_EQ(summary().cell("sps", "").at("nll_nats").n, 2);
  EXPECT_EQ(summary().cell("sps", "").at("nll_delta").n, 1);
  EXPECT_DOUBLE_EQ(summary().cell("sps", "").at("nll_delta").value, 0.25);
}

TEST_F(KnownLikelihoods, WithoutThemNothingIsSaidOfThem) {
  std::filesystem::remove(path("r/nll.jsonl"));
  EXPECT_EQ(summary().cell("sps", "").at("nll_nats").why, "not_asked_for");
  EXPECT_THAT(summary_json(run_, summary()), AllOf(Not(HasSubstr("\"ppl\"")), Not(HasSubstr("nll_delta"))));
  EXPECT_THAT(result_table(run_, summary()), Not(HasSubstr("float32")));
}

TEST_F(KnownLikelihoods, AFileThatCannotBeReadIsNamed) {
  write("r/nll.jsonl", R"({"k":"nll","v":1,"arm":"ar","prompt":"a","turn":0,"rep":0,"nll_sum_nats":null,"n_tok":4})");
  try {
    read_records(path("r"));
    FAIL() << "it was read";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("nll.jsonl:1: not a likelihood"));
  }
}

TEST_F(KnownLikelihoods, APublicCopyKeepsThem) {
  copy_for_public(path("r"), path("public"), identity_of_process());
  const Summary s = summarize(read_manifest(path("public")), read_records(path("public")));
  EXPECT_DOUBLE_EQ(s.cell("sps", "").at("nll_delta").value, 0.5);
}

// Texts that the demo target wrote, or could have.
class TextLikelihoods : public RunsFolder {
 protected:
  void SetUp() override {
    RunsFolder::SetUp();
    write("prompts.jsonl",
          "{\"id\": \"a\", \"prompt\": \"Once upon a time there was\"}\n"
          "{\"id\": \"b\", \"turns\": [\"Tom had a red\", \" He was sad. So\"]}\n");
    tokenizer_ = load_tokenizer(kTarget);
    run_ = info("t");
    run_.models[0].path = kTarget;
    run_.models[0].fingerprint = read_model_info(kTarget).fingerprint;
    run_.tokenizer = tokenizer_->fingerprint();
    run_.prompts_file = path("prompts.jsonl");
    write_run("r", run_, cat("[data]\nprompts = \"", path("prompts.jsonl"), "\"\nmax_new_tokens = 200\n"), "");
    config_.data.prompts = config_.data.file = path("prompts.jsonl");
    write("r/inputs.jsonl", inputs_jsonl(make_plan(config_), config_, *tokenizer_));
    add("ar", "a", 0, {"Once upon a time there was"}, " a little girl named Lily.");
    // Longer than a pass: the text goes on over the end of a chunk of rows.
    std::string ball = " ball. He liked to play with his ball in the park.";
    for (int i = 0; i < 4; ++i) ball += ball;
    add("ar", "b", 0, {"Tom had a red"}, ball);
    add("ar", "b", 1, {"Tom had a red", ball, " He was sad. So"}, " his mom gave him a new ball.");
    write_records("r", records_);
  }
  // `before` and `answer` as the arm's record of a turn, and what `specula score` is to be asked for it.
  void add(const std::string& arm, const std::string& prompt, int turn, const std::vector<std::string>& before,
           const std::string& answer) {
    Prefix text;
    for (const std::string& part : before) append(text, part);
    Record r = record(arm, prompt);
    r.key.turn = turn;
    r.n_in = static_cast<int64_t>(text.size());
    append(text, answer);
    r.out.assign(text.begin() + r.n_in, text.end());
    records_.push_back(r);
    texts_.push_back(text);
  }
  void append(Prefix& text, const std::string& part) const {
    const auto special = text.empty() ? Tokenizer::Special::kWith : Tokenizer::Special::kWithout;
    const Prefix ids = tokenizer_->encode(part, special);
    text.insert(text.end(), ids.begin(), ids.end());
  }

  // Of the last `count` ids of a text, by the command that scores any.
  double score(const Prefix& ids, size_t count) const {
    std::string list;
    for (const Token id : ids) list += cat(list.empty() ? "" : ",", id);
    ::testing::internal::CaptureStdout();
    score_command({.model = kTarget, .ids = list, .dtype = "fp32"});
    const auto nll = nlohmann::json::parse(::testing::internal::GetCapturedStdout()).at("nll");
    double sum = 0;
    for (size_t i = nll.size() - count; i < nll.size(); ++i) sum += nll[i].get<double>();
    return sum;
  }
  std::string refusal() const {
    try {
      measure_likelihoods(path("r"));
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  QuietLog quiet_;
  const std::string kTarget = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/target";
  std::unique_ptr<Tokenizer> tokenizer_;
  ExperimentConfig config_;
  RunInfo run_;
  std::vector<Record> records_;
  std::vector<Prefix> texts_;  // prompt and answer of each record
};

TEST_F(TextLikelihoods, AreThoseThatScoreTells) {
  EXPECT_GT(texts_[1].size(), 128U);
  EXPECT_EQ(measure_likelihoods(path("r")), 3);
  const RecordSet set = read_records(path("r"));
  ASSERT_EQ(set.records.size(), 3U);
  for (size_t i = 0; i < 3; ++i) {
    const Record& r = set.records[i];
    ASSERT_TRUE(r.nll) << r.key.prompt << r.key.turn;
    const size_t count = r.out.size();
    EXPECT_EQ(r.nll->tokens, r.n_out());
    EXPECT_NEAR(r.nll->sum_nats, score(texts_[i], count), 1e-3) << r.key.prompt << r.key.turn;
    // What faults would tell instead: the text without its prompt, and shifted by a token.
    Prefix alone = {texts_[i].front()};
    alone.insert(alone.end(), r.out.begin(), r.out.end());
    Prefix shifted = texts_[i];
    shifted.pop_back();
    for (const Prefix& wrong : {alone, shifted}) EXPECT_GT(std::abs(r.nll->sum_nats - score(wrong, count)), 0.01);
  }
}

TEST_F(TextLikelihoods, ATextThatWasNotWrittenHasNone) {
  records_[0].ok = false;
  records_[1].out.clear();
  records_[2].key.trace = true;
  write_records("r", records_);
  EXPECT_EQ(measure_likelihoods(path("r")), 0);
  EXPECT_EQ(read_file(path("r/nll.jsonl")), "");
}

TEST_F(TextLikelihoods, AreRefusedWhereTheyWouldBeOfSomethingElse) {
  EXPECT_EQ(refusal(), "no error");
  records_[2].n_in += 1;
  write_records("r", records_);
  EXPECT_THAT(refusal(),
              AllOf(HasSubstr("turn 1 of prompt b, arm ar: it was given "), HasSubstr(" tokens, and the prompt has ")));
  records_[2].n_in -= 1;
  const Token last = std::exchange(records_[2].out.back(), 4096);
  write_records("r", records_);
  EXPECT_THAT(refusal(), HasSubstr("turn 1 of prompt b, arm ar: token 4096 is none of the 4096 that"));
  records_[2].out.back() = last;
  write_records("r", records_);
  write("prompts.jsonl", "{\"id\": \"a\", \"prompt\": \"Once upon a day there was\"}\n");
  EXPECT_THAT(refusal(), HasSubstr("prompts.jsonl: the prompts are not those that the run decoded"));
  run_.models[0].fingerprint = "another";
  write_manifest(path("r"), run_);
  EXPECT_THAT(refusal(), HasSubstr("assets/demo/target: its weights are not those that the run decoded with"));
  run_.models[0].path = path("gone");
  write_manifest(path("r"), run_);
  EXPECT_THAT(refusal(), AllOf(HasSubstr("the folder of model 'target' is gone: "), HasSubstr("/gone")));
  records_[0].out = {-1, -1};
  write_records("r", records_);
  EXPECT_THAT(refusal(), HasSubstr("its records have no token ids (a public copy)"));
}

}  // namespace
}  // namespace specula
