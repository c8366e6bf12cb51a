// The benchmarks as a measuring instrument: that each runs, that its result holds what was promised and nothing
// impossible, that wrong calls are refused, and that a comparison finds what differs.  Nothing here judges a speed.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "experiments/bench/figure.h"
#include "experiments/bench/speedup_law.h"
#include "experiments/cli/cli.h"
#include "experiments/commands.h"
#include "framework/core/files.h"
#include "framework/model/random_model.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

using nlohmann::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Bench : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ =
        new std::filesystem::path(std::filesystem::path(::testing::TempDir()) / cat("specula_bench_", ::getpid()));
    DecoderConfig config;
    config.vocab = 131;
    config.hidden = 32;
    config.intermediate = 48;
    config.layers = 2;
    config.heads = 4;
    config.kv_heads = 2;
    config.head_dim = 8;
    config.context = 256;
    write_random_llama(*folder_ / "target", config, 1, Dtype::kFloat32);
    config.norm_eps = 1e-5;  // a fingerprint knows config and shapes, not the weights
    write_random_llama(*folder_ / "twin", config, 2, Dtype::kFloat32);
    config.layers = 1;
    write_random_llama(*folder_ / "draft", config, 3, Dtype::kFloat32);
    config.vocab = 97;
    write_random_llama(*folder_ / "foreign", config, 4, Dtype::kFloat32);
  }
  static void TearDownTestSuite() {
    std::filesystem::remove_all(*folder_);
    delete folder_;
  }

  static std::string path(const std::string& name) { return (*folder_ / name).string(); }

  // Runs "bench ..." and returns what it prints; models and files are written as @name.
  static std::string bench(const std::string& arguments) {
    std::vector<std::string> words{"specula", "bench"};
    std::istringstream stream(arguments);
    for (std::string word; stream >> word;) words.push_back(word[0] == '@' ? path(word.substr(1)) : word);
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    const std::ostringstream out;
    std::streambuf* const old = std::cout.rdbuf(out.rdbuf());
    try {
      run_command_line(static_cast<int>(argv.size()), argv.data());
    } catch (...) {
      std::cout.rdbuf(old);
      throw;
    }
    std::cout.rdbuf(old);
    return out.str();
  }
  static json bench_json(const std::string& arguments) { return json::parse(bench(arguments)); }
  static std::string usage_error(const std::string& arguments) {
    try {
      bench(arguments);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "no error";
  }

 private:
  static inline std::filesystem::path* folder_ = nullptr;
};

// A figure with its spread: positive, and the median between the quartiles.
void expect_figure(const json& row, const std::string& name) {
  ASSERT_TRUE(row.contains(name)) << name << " in " << row;
  const double median = row.at(name);
  EXPECT_GT(median, 0) << name;
  EXPECT_LE(row.at(name + "_quartiles").at(0), median) << name;
  EXPECT_GE(row.at(name + "_quartiles").at(1), median) << name;
}

void expect_head(const json& result, const std::string& command) {
  EXPECT_EQ(result.at("schema"), "specula.bench/1");
  EXPECT_EQ(result.at("command"), command);
  EXPECT_TRUE(result.at("arguments").is_array());
  EXPECT_NE(result.at("commit"), "");
  EXPECT_NE(result.at("machine").at("cpu"), "");
  EXPECT_GE(result.at("machine").at("cores"), 1);
  EXPECT_TRUE(result.at("machine").at("isa").is_array());
  EXPECT_EQ(result.at("threads"), 1);
  EXPECT_GE(result.at("load_average"), 0);
  EXPECT_LE(result.at("stream_gb_s_range").at(0), result.at("stream_gb_s"));
  EXPECT_GE(result.at("stream_gb_s_range").at(1), result.at("stream_gb_s"));
  EXPECT_GT(result.at("stream_gb_s_range").at(0), 0);
  EXPECT_GT(result.at("weight_bytes"), 0);
  EXPECT_GE(result.at("kv_bytes"), 0);
  ASSERT_FALSE(result.at("models").empty());
  for (const json& model : result.at("models")) {
    EXPECT_EQ(model.at("fingerprint").get<std::string>().size(), 64u);
    EXPECT_NE(model.at("engine"), "");
    EXPECT_GT(model.at("weight_bytes"), 0);
    EXPECT_GT(model.at("kv_bytes_per_slot"), 0);
    EXPECT_EQ(model.at("device"), "cpu");
  }
}

TEST_F(Bench, ForwardMeasuresRowsContextsAndDtypesInTurns) {
  const json result =
      bench_json("forward --model @target --dtype fp32,bf16 --rows 2,4 --context 8,40 --repeats 3 --threads 1");
  expect_head(result, "bench forward");
  EXPECT_EQ(result.at("models").size(), 2u);
  const json& rows = result.at("rows");
  ASSERT_EQ(rows.size(), 8u);
  for (const json& row : rows) {
    for (const char* const name : {"ms", "gb_s", "share", "ratio", "to_first_dtype"}) expect_figure(row, name);
    EXPECT_EQ(row.at("repeats"), 3);
    if (row.at("rows") == 2) {
      EXPECT_EQ(row.at("ratio"), 1);
    }
    if (row.at("dtype") == "fp32") {
      EXPECT_EQ(row.at("to_first_dtype"), 1);
    }
  }
  EXPECT_EQ(rows[3], *std::find_if(rows.begin(), rows.end(), [](const json& row) {
              return row.at("dtype") == "fp32" && row.at("context") == 40 && row.at("rows") == 4;
            }));
  // What is read: 8 positions of 2 layers, keys and values of 2 heads of 8, four bytes each.
  EXPECT_EQ(result.at("kv_bytes"), 8 * 2 * 2 * 2 * 8 * 4);
  const double bytes = result.at("weight_bytes").get<double>() + result.at("kv_bytes").get<double>();
  EXPECT_NEAR(rows[0].at("gb_s").get<double>() * rows[0].at("ms").get<double>() * 1e6, bytes, .01 * bytes);
}

TEST_F(Bench, TheOtherBenchmarksGiveTheirFigures) {
  const json prefill = bench_json("prefill --model @target --tokens 33 --repeats 3 --threads 1");
  expect_head(prefill, "bench prefill");
  for (const char* const name : {"ms", "tok_s", "gflop_s", "gemm_gflop_s", "share"})
    expect_figure(prefill.at("rows").at(0), name);
  // Two layers of 32x32 + 2 x 16x32 + 32x32 + 3 x 48x32 weights and, in 4 heads of 8, two products for each of 33 x 34
  // / 2 pairs.
  const double flops = 2.0 * 2 * (33 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 48 * 32) + 33 * 34 * 32);
  EXPECT_NEAR(prefill.at("gflop_s").get<double>() * prefill.at("ms").get<double>() * 1e6, flops, .02 * flops);

  const json decode = bench_json("decode --model @target --tokens 11 --context 8 --threads 1");
  expect_head(decode, "bench decode");
  expect_figure(decode.at("rows").at(0), "ms_per_token");
  expect_figure(decode.at("rows").at(0), "tok_s");
  EXPECT_EQ(decode.at("rows").at(0).at("repeats"), 11);
  EXPECT_EQ(decode.at("ms_per_token"), decode.at("rows").at(0).at("ms_per_token"));

  const json load = bench_json("load --model @target --dtype bf16 --repeats 2 --threads 1");
  expect_head(load, "bench load");
  for (const char* const name : {"read_ms", "load_ms", "ratio"}) expect_figure(load.at("rows").at(0), name);
  EXPECT_NEAR(load.at("file_mb"), std::filesystem::file_size(path("target/model.safetensors")) * 1e-6, 1e-9);

  const auto tokenizer = load_tokenizer("assets/demo/target");
  const size_t tokens = tokenizer->encode("One fox,\n", Tokenizer::Special::kWith).size() +
                        tokenizer->encode("two foxes.\n", Tokenizer::Special::kWith).size();
  write_file_atomically(path("text"), "One fox,\ntwo foxes.\n");
  const json tokenize = bench_json("tokenize --model assets/demo/target --text @text --document 16 --repeats 1");
  EXPECT_EQ(tokenize.at("command"), "bench tokenize");
  EXPECT_EQ(tokenize.at("rows").at(0).at("documents"), 2);
  for (const char* const name : {"encode_mb_s", "decode_mb_s"}) expect_figure(tokenize.at("rows").at(0), name);
  EXPECT_GT(tokenize.at("load_ms"), 0);
  EXPECT_EQ(tokenize.at("bytes_per_token"), 20.0 / static_cast<double>(tokens));
}

TEST_F(Bench, RoundGivesCostsAndThePredictionThatFollows) {
  const json result =
      bench_json("round --target @target --draft @draft --length 3 --context 8 --repeats 3 --threads 1");
  expect_head(result, "bench round");
  EXPECT_EQ(result.at("models").at(0).at("role"), "target");
  EXPECT_EQ(result.at("models").at(1).at("role"), "draft");
  const json& row = result.at("rows").at(0);
  for (const char* const name : {"target_ms", "c", "v", "o", "o_us", "round"}) expect_figure(row, name);
  EXPECT_EQ(row.at("length"), 3);
  EXPECT_GE(row.at("round"), row.at("o")) << "a round is more than what it spends outside the models";
  const RoundCosts costs{.length = 3, .c = row.at("c"), .v = row.at("v"), .o = row.at("o")};
  ASSERT_EQ(result.at("rows").size(), 6u);
  for (size_t i = 1; i < 6; ++i) {
    const json& prediction = result.at("rows").at(i);
    EXPECT_NEAR(prediction.at("alpha"), .4 + .1 * double(i), 1e-12);
    EXPECT_NEAR(prediction.at("speedup"), predicted_speedup(costs, prediction.at("alpha")), 1e-9);
  }
  const auto alpha = break_even(costs);
  EXPECT_EQ(row.at("break_even_alpha").is_null(), !alpha.has_value());
}

// A draft that is always right fills the longest text that can come up, and none of it may be cut.
TEST_F(Bench, RoundHasRoomWhenAllDraftsAreAccepted) {
  const json result =
      bench_json("round --target @target --draft @target --length 5 --context 8 --repeats 4 --threads 1");
  EXPECT_EQ(result.at("rows").at(0).at("repeats"), 4);
  EXPECT_EQ(result.at("o"), result.at("rows").at(0).at("o"));
}

TEST(SpeedupLaw, TauCostsAndBreakEven) {
  EXPECT_NEAR(expected_tokens(.5, 4), (1 - std::pow(.5, 5)) / .5, 1e-12);
  EXPECT_EQ(expected_tokens(0, 4), 1);
  EXPECT_EQ(expected_tokens(1, 4), 5);
  EXPECT_NEAR(expected_tokens(.5, 2.5), (1 - std::pow(.5, 3.5)) / .5, 1e-12) << "of a mean length";
  EXPECT_EQ(expected_tokens(1, 2.5), 3.5);
  const RoundCosts costs{.length = 4, .c = .1, .v = 1.2, .o = .05};
  EXPECT_NEAR(predicted_speedup(costs, .8), (1 - std::pow(.8, 5)) / .2 / 1.65, 1e-12);
  const auto alpha = break_even(costs);
  ASSERT_TRUE(alpha.has_value());
  EXPECT_NEAR(predicted_speedup(costs, *alpha), 1, 1e-9);
  EXPECT_NEAR(break_even({.length = 1, .c = .5, .v = 1}).value(), 0.5, 1e-9) << "1 + alpha = 1.5";
  EXPECT_NEAR(break_even({.length = 2, .c = .25, .v = 1.25}).value(), 0.5, 1e-9) << "1 + alpha + alpha^2 = 1.75";
  EXPECT_FALSE(break_even({.length = 2, .c = 1, .v = 1.5}).has_value());
  EXPECT_EQ(break_even({.length = 2, .c = .1, .v = .7}), 0);
}

TEST(BenchFigure, MedianQuartilesAndPairedRatios) {
  const Figure f = figure("ms", {5, 1, 2, 4, 3});
  EXPECT_EQ(f.median, 3);
  EXPECT_EQ(f.low, 2);
  EXPECT_EQ(f.high, 4);
  // Machine three times slower in the last turn: the paired ratio does not see it.
  EXPECT_EQ(figure("ratio", ratios({2, 2, 6}, {1, 1, 3})).high, 2);
  EXPECT_THROW(ratios({1}, {1, 2}), std::logic_error);
}

TEST_F(Bench, ATableOnTheScreenAndTheJsonInAFile) {
  const std::string text =
      bench("forward --model @target --rows 1,3 --repeats 2 --threads 1 --context 8 --output @result.json");
  EXPECT_THAT(text, AllOf(HasSubstr("stream "), HasSubstr("median (quartiles)"), HasSubstr("dtype  context  rows"),
                          HasSubstr("1.000 (1.000-1.000)")));
  const json result = json::parse(read_file(path("result.json")));
  EXPECT_EQ(result.at("rows").size(), 2u);
  EXPECT_THAT(result.at("arguments").dump(), HasSubstr("\"--rows\",\"1,3\""));
}

TEST_F(Bench, ComparesWithAnEarlierResult) {
  const std::string same = "--rows 1,3 --repeats 2 --threads 1 --context 8 --format json ";
  bench("forward --model @target --output @before.json " + same);
  const json before = json::parse(read_file(path("before.json")));

  const json again = bench_json("forward --model @target --compare @before.json " + same);
  const json& comparison = again.at("comparison");
  EXPECT_TRUE(comparison.at("warnings").empty()) << comparison;
  EXPECT_EQ(comparison.at("stream_gb_s"), json({again.at("stream_gb_s"), before.at("stream_gb_s")}));
  ASSERT_EQ(comparison.at("rows").size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const double here = again.at("rows")[i].at("ms"), there = before.at("rows")[i].at("ms");
    EXPECT_NEAR(comparison.at("rows")[i].at("ms"), here / there, 1e-12);
  }

  const json other = bench_json("forward --model @twin --dtype bf16 --compare @before.json " + same).at("comparison");
  EXPECT_THAT(other.at("warnings").dump(), AllOf(HasSubstr("model dtype differs"), HasSubstr("no row of that file")));
  const json twin = bench_json("forward --model @twin --compare @before.json " + same).at("comparison");
  EXPECT_THAT(twin.at("warnings").dump(), HasSubstr("model fingerprint differs"));

  json planted = before;
  planted["threads"] = 64;
  planted["machine"]["cpu"] = "another";
  std::ofstream(path("planted.json")) << planted;
  const std::string text =
      bench("forward --model @target --rows 1,5 --repeats 2 --threads 1 --context 8 --compare @planted.json");
  EXPECT_THAT(text, AllOf(HasSubstr("warning: threads differs: 1 here, 64 there"),
                          HasSubstr("warning: machine differs"), HasSubstr("nothing scaled")));
}

TEST_F(Bench, RefusesWhatCannotBeCompared) {
  std::ofstream(path("text.json")) << "no JSON";
  std::ofstream(path("run.json")) << R"({"schema": "specula.run/1.0"})";
  std::ofstream(path("decode.json")) << R"({"schema": "specula.bench/1", "command": "bench decode"})";
  std::ofstream(path("torn.json")) << R"({"schema": "specula.bench/1", "command": "bench forward"})";
  const std::string forward = "forward --model @target --compare ";
  EXPECT_THAT(usage_error(forward + "@text.json"), HasSubstr("text.json: not a result of specula bench"));
  EXPECT_THAT(usage_error(forward + "@run.json"), HasSubstr("its schema is \"specula.run/1.0\"; expected"));
  EXPECT_THAT(usage_error(forward + "@decode.json"),
              HasSubstr("a result of \"bench decode\"; expected one of \"bench forward\""));
  EXPECT_THAT(usage_error(forward + "@torn.json"), HasSubstr("torn.json: not a result of specula bench"));
  EXPECT_THROW(bench(forward + "@gone.json"), Error);
}

TEST_F(Bench, RefusesWrongFlags) {
  EXPECT_EQ(usage_error("forward"), "specula bench forward: --model is required; see specula bench forward --help");
  EXPECT_THAT(usage_error("forward --model @target --dtype bf61"), HasSubstr("'bf61' is not one of auto, fp32, bf16"));
  EXPECT_EQ(usage_error("forward --model @target --dtype auto,fp32"), "--dtype: fp32 is given twice");
  EXPECT_THAT(usage_error("forward --model @target --rows 1,0"), HasSubstr("'0' is not a whole number of at least 1"));
  EXPECT_THAT(usage_error("forward --model @target --repeats 0"), HasSubstr("'0' is not a whole number of at least 1"));
  EXPECT_EQ(usage_error("forward --model @target --context 250"),
            cat("--context 250 and 16 rows need 266 positions; the context of ", path("target"), " is 256"));
  EXPECT_THAT(usage_error("prefill --model @target --tokens 256"),
              StartsWith("--tokens 256 and the first new one need"));
  EXPECT_THAT(usage_error("decode --model @target --tokens 300"), HasSubstr("the context of "));
  EXPECT_THAT(usage_error("round --target @target"), HasSubstr("--draft is required"));
  EXPECT_EQ(usage_error("round --target @target --draft @foreign"),
            "--draft: its vocabulary has 97 tokens, that of the target 131; they must be the same");
  EXPECT_THAT(usage_error("round --target @target --draft @draft --dtype fp32,bf16"),
              HasSubstr("'fp32,bf16' is not one of auto"));
  EXPECT_THAT(usage_error("round --target @target --draft @draft --repeats 99"),
              HasSubstr("--context 64 and --repeats 99 need "));
  EXPECT_THAT(usage_error("round --target @target --draft @draft --sampler hot(1)"),
              HasSubstr("unknown sampler 'hot'"));
  EXPECT_THAT(usage_error("forward --model @target --device tpu"), HasSubstr("--device"));
  EXPECT_THAT(usage_error("forward --model @target --fromat text"), HasSubstr("did you mean '--format'?"));
  EXPECT_THAT(usage_error("load --model @target --output @no/such.json"), HasSubstr("such.json: there is no folder "));
  EXPECT_THROW(bench("load --model @nowhere"), Error);
}

TEST_F(Bench, KernelsGiveGoogleBenchmarksJson) {
  const std::string one = "kernels --filter ^rms_norm/fp32/768$ --threads 1 ";
  const json result = bench_json(one + "--format json");
  EXPECT_EQ(result.at("context").at("threads"), "1");
  EXPECT_GT(std::stod(result.at("context").at("stream_gb_s").get<std::string>()), 0);
  EXPECT_NE(result.at("context").at("commit"), "");
  EXPECT_NE(result.at("context").at("cpu"), "");
  ASSERT_EQ(result.at("benchmarks").size(), 1u);
  const json& row = result.at("benchmarks").at(0);
  EXPECT_EQ(row.at("name"), "rms_norm/fp32/768");
  EXPECT_EQ(row.at("time_unit"), "us");
  EXPECT_GT(row.at("real_time"), 0);

  EXPECT_THAT(bench(one + "--repeats 3 --output @kernels.json"), HasSubstr("rms_norm/fp32/768_median"));
  const json repeated = json::parse(read_file(path("kernels.json"))).at("benchmarks");
  EXPECT_EQ(std::count_if(repeated.begin(), repeated.end(),
                          [](const json& run) { return run.at("run_type") == "iteration"; }),
            3);
}

// One of each kind, with the memory that it needs and no more: what a sanitizer sees of them.
TEST_F(Bench, KernelsOfEveryKindRun) {
  const json result = bench_json(
      "kernels --threads 1 --format json --filter "
      "^(product/int4/.*/768x768/rows:5/cached|attention/bf16/context:64/rows:8/group:8|[a-z_]+/(bf16|int8)/2048|"
      "rotate/fp32/2048|softmax/32000|draw/32000)$");
  std::set<std::string> kinds;
  for (const json& row : result.at("benchmarks")) {
    const std::string name = row.at("name");
    kinds.insert(name.substr(0, name.find('/')));
    EXPECT_GT(row.at("real_time"), 0) << name;
    if (name.starts_with("product")) {  // 4.5 bits a weight are read; each meets 5 rows
      EXPECT_NEAR(row.at("flop_per_second").get<double>() / row.at("bytes_per_second").get<double>(), 2 * 5 / (4.5 / 8),
                  1e-6);
    }
  }
  EXPECT_THAT(kinds, ::testing::ElementsAre("attention", "draw", "geglu", "layer_norm", "product", "quantize",
                                            "rms_norm", "rotate", "softmax", "store", "swiglu"));
}

TEST_F(Bench, KernelsAreListedAndChosenByName) {
  const auto lines = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
  const std::string all = bench("kernels --list --filter ."), some = bench("kernels --list");
  EXPECT_GT(lines(all), 200);
  EXPECT_GT(lines(some), 20);
  EXPECT_LT(lines(some), 100);
  EXPECT_THAT(all, AllOf(HasSubstr("product/int8w/"), HasSubstr("/2048x5632/rows:64/cached\n"),
                         HasSubstr("product/bf16/ATen/"), HasSubstr("\ndraw/128256\n")));
  EXPECT_THAT(usage_error("kernels --filter rms("), HasSubstr("--filter 'rms(' is not a regular expression: "));
  EXPECT_THAT(usage_error("kernels --filter rsm_norm"), HasSubstr("--filter 'rsm_norm' matches none of the "));
  EXPECT_THAT(usage_error("kernels --format csv"), HasSubstr("'csv' is not one of json, text"));
  EXPECT_THAT(usage_error("kernels --repeats 0"), HasSubstr("'0' is not a whole number of at least 1"));
  EXPECT_THAT(usage_error("kernels --output @no/such.json"), HasSubstr("such.json: there is no folder "));
}

TEST_F(Bench, HelpDefinesEachFigure) {
  EXPECT_THAT(bench("round --help"), AllOf(HasSubstr("\n  break_even_alpha"), HasSubstr("(1 - alpha^(length+1)) /"),
                                           HasSubstr("bookkeeping")));
  EXPECT_THAT(bench("load --help"), HasSubstr("default: 5)"));
  EXPECT_THAT(bench("kernels --help"), AllOf(HasSubstr("compare.py"), HasSubstr("flop_per_second")));
}

}  // namespace
}  // namespace specula
