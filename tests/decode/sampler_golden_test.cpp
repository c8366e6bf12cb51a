// Our processors beside those of transformers, on what tests/tools/make_sampler_golden.py had them make of random rows.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "samplers/register.h"
#include "tests/decode/sampler_support.h"

namespace specula::testing {
namespace {

using Json = nlohmann::json;

const Json& golden() {
  static const Json file =
      Json::parse(read_file(std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/decode/fixtures/samplers.json"));
  return file;
}

std::vector<double> softmax(const std::vector<double>& scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  std::vector<double> p;
  double sum = 0;
  for (const double s : scores) sum += p.emplace_back(std::exp(s - most));
  for (double& mass : p) mass /= sum;
  return p;
}

TEST(SamplersOfTransformers, GiveTheSameLaw) {
  int cases = 0;
  for (const Json& one : golden().at("cases")) {
    std::vector<double> scores;
    for (const Json& score : one.at("scores"))
      scores.push_back(score.is_null() ? -std::numeric_limits<double>::infinity() : score.get<double>());
    const std::vector<double> expected = softmax(scores);
    RowScene scene{.prefix = one.at("text").get<Prefix>(),
                   .prompt = one.at("prompt").get<int64_t>(),
                   .stop = one.at("stop").get<std::vector<Token>>()};
    scene.tree = DraftTree::root_only(scene.prefix.back());
    const LogitRow p =
        policed(one.at("call").get<std::string>(), std::vector<LogitRow>{one.at("logits").get<LogitRow>()}, scene)[0];
    for (size_t x = 0; x < p.size(); ++x) {
      EXPECT_NEAR(p[x], expected[x], 2e-6) << one.at("call") << ", token " << x;
      EXPECT_EQ(p[x] == 0, expected[x] == 0) << one.at("call") << ", token " << x;
    }
    ++cases;
  }
  EXPECT_GT(cases, 30);
}

TEST(SamplersOfTransformers, ApplyInOurOrder) {
  const std::vector<std::pair<std::string, std::string>> classes = {
      {"logit_bias", "SequenceBiasLogitsProcessor"},
      {"repetition_penalty", "RepetitionPenaltyLogitsProcessor"},
      {"no_repeat_ngram", "NoRepeatNGramLogitsProcessor"},
      {"min_length", "MinNewTokensLengthLogitsProcessor"},
      {"max_length", "ForcedEOSTokenLogitsProcessor"},
      {"suppress_tokens", "SuppressTokensLogitsProcessor"},
      {"temperature", "TemperatureLogitsWarper"},
      {"top_k", "TopKLogitsWarper"},
      {"top_p", "TopPLogitsWarper"},
      {"min_p", "MinPLogitsWarper"},
      {"typical_p", "TypicalLogitsWarper"},
      {"epsilon", "EpsilonLogitsWarper"},
      {"eta", "EtaLogitsWarper"},
      {"watermark", "WatermarkLogitsProcessor"}};
  std::vector<std::string> expected, ours;
  for (const Json& name : golden().at("order")) {
    for (const auto& [sampler, their] : classes) {
      if (their == name) expected.push_back(sampler);
    }
  }
  EXPECT_EQ(expected.size(), classes.size());
  for (const std::string& name : sampler_order("transformers")) {
    if (std::find(expected.begin(), expected.end(), name) != expected.end()) ours.push_back(name);
  }
  EXPECT_EQ(ours, expected);
}

// common_params_sampling of llama.cpp: penalties, dry, top_n_sigma, top_k, typical_p, top_p, min_p, xtc, temperature.
TEST(SamplersOfLlamaCpp, ApplyInOurOrder) {
  const std::vector<std::string> theirs = {"grammar",
                                           "logit_bias",
                                           "repetition_penalty",
                                           "frequency_penalty",
                                           "presence_penalty",
                                           "dry",
                                           "top_n_sigma",
                                           "top_k",
                                           "typical_p",
                                           "top_p",
                                           "min_p",
                                           "xtc",
                                           "temperature"};
  std::vector<std::string> ours;
  for (const std::string& name : sampler_order("llama.cpp")) {
    if (std::find(theirs.begin(), theirs.end(), name) != theirs.end()) ours.push_back(name);
  }
  EXPECT_EQ(ours, theirs);
}

}  // namespace
}  // namespace specula::testing
