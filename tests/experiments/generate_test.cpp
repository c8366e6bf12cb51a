// generate, score and tokenize on the demo pair: the same ids whatever drafts, everything that is refused, and what is
// printed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <regex>

#include "experiments/commands.h"
#include "experiments/npy.h"
#include "experiments/token_ids.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kDemo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/";

GenerateArgs demo_args() {
  GenerateArgs args;
  args.model = kDemo + "target";
  args.draft_model = kDemo + "draft";
  args.prompt = "Once upon a time there was a little";
  args.has_prompt = true;
  args.max_new_tokens = 24;
  args.threads = 1;  // the ids do not depend on it, and a busy machine stalls a pool
  args.format = "json";
  return args;
}

struct Output {
  std::string out, err;
};
Output run(const GenerateArgs& args) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::string failure;
  try {
    generate_command(args);
  } catch (const std::exception& e) {
    failure = e.what();
  }
  Output output{::testing::internal::GetCapturedStdout(), ::testing::internal::GetCapturedStderr()};
  EXPECT_EQ(failure, "");
  return output;
}

std::vector<json> lines_of(const GenerateArgs& args) {
  std::istringstream in(run(args).out);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

std::string error_of(const GenerateArgs& args) {
  try {
    generate_command(args);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no configuration error";
}

TEST(Generate, EveryDrafterGivesTheBaselinesGreedyIds) {
  GenerateArgs args = demo_args();
  for (const char* dtype : {"fp32", "bf16"}) {
    args.dtype = dtype;
    args.drafter = "none";
    const json baseline = lines_of(args).at(0);
    ASSERT_EQ(baseline["ids"].size(), 24u);
    EXPECT_EQ(baseline["rounds"], 24);
    EXPECT_EQ(baseline["drafted"], 0);
    for (const char* drafter : {"draft_model(length=3)", "prompt_lookup", "oracle", "echo"}) {
      args.drafter = drafter;
      const json line = lines_of(args).at(0);
      EXPECT_EQ(line["ids"], baseline["ids"]) << drafter << " " << dtype;
      EXPECT_EQ(line["text"], baseline["text"]);
      EXPECT_LE(line["accepted"], line["drafted"]);
      EXPECT_GE(line["rounds"].get<int>() + line["accepted"].get<int>(), 24);
      EXPECT_GT(line["seconds"].get<double>(), 0);
    }
  }
}

// In float32 no two tokens of this text are so close that the engines could differ in one.
TEST(Generate, LibTorchsOperatorsWriteTheSameText) {
  GenerateArgs args = demo_args();
  args.dtype = "fp32";
  const json own = lines_of(args).at(0);
  args.device = "aten";
  for (const char* drafter : {"none", "draft_model(length=3)"}) {
    args.drafter = drafter;
    const json line = lines_of(args).at(0);
    EXPECT_EQ(line["ids"], own["ids"]) << drafter;
    EXPECT_THAT(line["engine"], StartsWith("ATen on cpu"));
    EXPECT_EQ(line["batch_invariant"], false);  // a check that passes there is luck
  }
}

TEST(Generate, AgreementGivesTheBaselinesTextAtTemperatureOne) {
  GenerateArgs args = demo_args();
  args.sampler = "temperature(1)";
  args.seed = 5;
  args.repeat = 3;
  const auto baseline = lines_of(args);
  ASSERT_EQ(baseline.size(), 3u);
  EXPECT_EQ(baseline[0]["verifier"], "rejection");
  args.verifier = "agreement";
  for (const char* drafter : {"draft_model", "prompt_lookup(length=4)"}) {
    args.drafter = drafter;
    const auto lines = lines_of(args);
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(lines[i]["ids"], baseline[i]["ids"]) << drafter << " request " << i;
  }
}

TEST(Generate, TheSeedDecidesAndRepetitionsDiffer) {
  GenerateArgs args = demo_args();
  args.drafter = "draft_model";
  args.sampler = "temperature(1)";
  args.repeat = 2;
  const auto first = lines_of(args), again = lines_of(args);
  EXPECT_EQ(first[0]["ids"], again[0]["ids"]);
  EXPECT_EQ(first[1]["ids"], again[1]["ids"]);
  EXPECT_NE(first[0]["ids"], first[1]["ids"]);
  args.seed = 1;
  EXPECT_NE(lines_of(args)[0]["ids"], first[0]["ids"]);
}

TEST(Generate, WithIdsNothingIsAdded) {
  GenerateArgs args = demo_args();
  const json by_prompt = lines_of(args).at(0);
  ::testing::internal::CaptureStdout();
  tokenize_command({.model = args.model, .text = args.prompt});
  std::string ids = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(ids.rfind("[1,", 0), 0u);
  args.has_prompt = false;
  args.has_ids = true;
  args.ids = ids.substr(1, ids.find(']') - 1);
  const json by_ids = lines_of(args).at(0);
  EXPECT_EQ(by_ids["ids"], by_prompt["ids"]);
  EXPECT_EQ(by_ids["prompt_tokens"], by_prompt["prompt_tokens"]);
  args.ids = args.ids.substr(2);  // without BOS: another prompt
  EXPECT_EQ(lines_of(args).at(0)["prompt_tokens"].get<int>() + 1, by_prompt["prompt_tokens"].get<int>());
}

TEST(Generate, TextStreamsAndColorMarksAcceptedTokens) {
  GenerateArgs args = demo_args();
  args.drafter = "draft_model";
  const json line = lines_of(args).at(0);
  args.format = "text";
  const Output plain = run(args);  // a captured stream is no terminal
  EXPECT_EQ(plain.out, line["text"].get<std::string>() + "\n");
  EXPECT_THAT(plain.err, HasSubstr("draft_model + greedy_match: "));
  args.color = "always";
  const std::string colored = run(args).out;
  EXPECT_THAT(colored, HasSubstr("\x1b[32m"));
  EXPECT_GT(colored.size(), plain.out.size());
}

TEST(Generate, WrongRequestsAreRefusedBeforeWeightsLoad) {
  const auto with = [](auto change) {
    GenerateArgs args = demo_args();
    change(args);
    return error_of(args);
  };
  EXPECT_THAT(with([](auto& a) { a.drafter = "draft_modle"; }), HasSubstr("did you mean 'draft_model'?"));
  EXPECT_THAT(with([](auto& a) { a.drafter = "draft_model(length=0)"; }), HasSubstr("length"));
  EXPECT_THAT(with([](auto& a) { a.drafter = "draft_model", a.draft_model = ""; }),
              HasSubstr("give --draft-model DIR"));
  EXPECT_THAT(with([](auto& a) { a.drafter = "draft_model(model=\"other\")"; }),
              HasSubstr("there is no model 'other'"));
  EXPECT_THAT(with([](auto& a) { a.verifier = "greedy_match", a.sampler = "temperature(1)"; }),
              HasSubstr("greedy_match"));
  EXPECT_THAT(with([](auto& a) { a.dtype = "fp8"; }), HasSubstr("fp8"));
  EXPECT_THAT(with([](auto& a) { a.device = "cdua"; }), HasSubstr("--device: unknown device 'cdua'; did you mean"));
  EXPECT_THAT(with([](auto& a) { a.device = "cuda:99"; }), HasSubstr("--device: device 'cuda:99'"));
  EXPECT_THAT(with([](auto& a) { a.device = "aten", a.dtype = "int8"; }), HasSubstr("valid on 'aten': fp32, bf16"));
  EXPECT_THAT(with([](auto& a) { a.format = "jsn"; }), HasSubstr("did you mean 'json'?"));
  EXPECT_THAT(with([](auto& a) { a.has_ids = true; }), HasSubstr("either as --prompt TEXT or as --ids LIST"));
  EXPECT_THAT(with([](auto& a) { a.has_prompt = false, a.has_ids = true, a.ids = "1,4096"; }),
              HasSubstr("out of range 0..4095"));
  EXPECT_THAT(with([](auto& a) { a.max_new_tokens = 1020; }), HasSubstr("more than the model's context of 1024"));
  EXPECT_THAT(with([](auto& a) { a.max_new_tokens = 0; }), HasSubstr("--max-new-tokens 0 is out of range"));
  EXPECT_THAT(with([](auto& a) { a.repeat = 0; }), HasSubstr("--repeat 0 is out of range"));
}

TEST(TokenIds, ParsesAndRefuses) {
  EXPECT_THAT(parse_ids("1, 2 ,3\n", 10, "--ids"), ElementsAre(1, 2, 3));
  for (const char* wrong : {"", ",", "1,", "1,,2", "a", "1.5", "0x1", "1 2", "-1", "10", "99999999999999999999"}) {
    EXPECT_THROW(parse_ids(wrong, 10, "--ids"), ConfigError) << wrong;
  }
  EXPECT_EQ(ids_json({1, 22}), "[1,22]");
  EXPECT_EQ(ids_json({}), "[]");
}

TEST(Npy, HeaderAndAtomicity) {
  const std::string file = ::testing::TempDir() + "specula_" + std::to_string(::getpid()) + ".npy";
  const std::vector<float> row = {1, 2, 3};
  {
    NpyWriter abandoned(file, 2, 3);
    abandoned.append(row);
    EXPECT_THROW(abandoned.finish(), std::logic_error);  // a row is missing
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_FALSE(std::filesystem::exists(file + ".tmp"));
  NpyWriter writer(file, 2, 3);
  writer.append(row);
  writer.append(row);
  writer.finish();
  const std::string content = read_file(file);
  EXPECT_EQ(content.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_THAT(content, HasSubstr("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }"));
  EXPECT_EQ((content.size() - 24) % 64, 0u);
  EXPECT_EQ(content.substr(content.size() - 12), std::string(reinterpret_cast<const char*>(row.data()), 12));
  std::filesystem::remove(file);
}

TEST(Score, AgreesWithItsOwnLogits) {
  const std::string file = ::testing::TempDir() + "specula_score_" + std::to_string(::getpid()) + ".npy";
  const Prefix ids = {1, 300, 20, 777, 5, 4000, 13};
  const std::string list = ids_json(ids);
  for (const char* dtype : {"fp32", "bf16"}) {
    ::testing::internal::CaptureStdout();
    score_command({.model = kDemo + "target",
                   .ids = list.substr(1, list.size() - 2),
                   .dtype = dtype,
                   .logits = file,
                   .threads = 1});
    const json line = json::parse(::testing::internal::GetCapturedStdout());
    EXPECT_EQ(line["ids"], json(ids));
    EXPECT_EQ(line["tokens"], 6);
    EXPECT_TRUE(line["nll"][0].is_null());
    const std::string content = read_file(file);
    std::vector<float> logits(7 * 4096);
    std::memcpy(logits.data(), content.data() + content.size() - logits.size() * 4, logits.size() * 4);
    double total = 0;
    for (size_t t = 1; t < ids.size(); ++t) {
      const float* row = &logits[(t - 1) * 4096];
      double sum = 0;
      for (int v = 0; v < 4096; ++v) sum += std::exp(static_cast<double>(row[v]));
      const double nll = std::log(sum) - static_cast<double>(row[ids[t]]);
      EXPECT_NEAR(line["nll"][t].get<double>(), nll, 1e-9);
      total += nll;
    }
    EXPECT_NEAR(line["total_nats"].get<double>(), total, 1e-8);
    EXPECT_NEAR(line["ppl"].get<double>(), std::exp(total / 6), 1e-6);
  }
  std::filesystem::remove(file);
}

TEST(Score, ChunksDoNotShow) {  // 300 ids are three chunks; the first 50 of them are one
  Prefix ids = {1};
  for (Token t = 1; t < 300; ++t) ids.push_back(static_cast<Token>((t * 37) % 4096));
  const auto nll = [](const Prefix& list) {
    const std::string text = ids_json(list);
    ::testing::internal::CaptureStdout();
    score_command({.model = kDemo + "target", .ids = text.substr(1, text.size() - 2), .dtype = "fp32", .threads = 1});
    return json::parse(::testing::internal::GetCapturedStdout())["nll"];
  };
  const json whole = nll(ids), head = nll({ids.begin(), ids.begin() + 50});
  for (size_t t = 1; t < 50; ++t) EXPECT_NEAR(whole[t].get<double>(), head[t].get<double>(), 1e-4) << t;
  const std::string too_long = ids_json(Prefix(1025, 5));
  EXPECT_THROW(score_command({.model = kDemo + "target", .ids = too_long.substr(1, too_long.size() - 2)}), ConfigError);
}

TEST(Generate, AConstraintHoldsWhateverDraftsAndTheTextIsTheBaselines) {
  GenerateArgs args = demo_args();
  args.max_new_tokens = 60;
  args.sampler = R"re(regex("( [a-z]{1,6}){2,5}\."),temperature(0.9))re";
  args.verifier = "agreement";
  std::vector<int> baseline;
  for (const char* drafter :
       {"none", "draft_model(length=4)", "prompt_lookup(min_ngram=1)", "draft_model(tree=iid(widths=\"2x2\"))"}) {
    args.drafter = drafter;
    const json line = lines_of(args).at(0);
    EXPECT_TRUE(std::regex_match(line.at("text").get<std::string>(), std::regex("( [a-z]{1,6}){2,5}\\."))) << line;
    EXPECT_EQ(line.at("stop"), "stop_token") << drafter;
    if (baseline.empty()) baseline = line.at("ids").get<std::vector<int>>();
    EXPECT_EQ(line.at("ids").get<std::vector<int>>(), baseline) << drafter;
  }
}

}  // namespace
}  // namespace specula
