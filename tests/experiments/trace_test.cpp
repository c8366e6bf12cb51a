// specula trace on the demo pair: what it shows is what `generate` decodes, and every number agrees with the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/commands.h"
#include "framework/core/error.h"

namespace specula {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const std::string kDemo = std::string(SPECULA_SOURCE_DIR) + "/assets/demo/";

template <class Args>
Args demo_args(const std::string& drafter, const std::string& sampler) {
  Args args;
  args.model = kDemo + "target";
  args.draft_model = kDemo + "draft";
  args.prompt = "Once upon a time there was a little";
  args.has_prompt = true;
  args.max_new_tokens = 10;
  args.threads = 1;
  args.format = "json";
  args.drafter = drafter;
  args.sampler = sampler;
  return args;
}

template <class Act>
std::string captured(const Act& act) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  std::string failure;
  try {
    act();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(failure, "");
  return ::testing::internal::GetCapturedStdout();
}

json traced(const TraceArgs& args) {
  return json::parse(captured([&] { trace_command(args); }));
}

std::vector<int64_t> written(const json& trace) {
  std::vector<int64_t> ids;
  for (const json& token : trace["tokens"]) {
    if (!token["is_prompt"]) ids.push_back(token["id"]);
  }
  return ids;
}

class Traced : public ::testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  TraceArgs args() const { return demo_args<TraceArgs>(GetParam().first, GetParam().second); }
};
INSTANTIATE_TEST_SUITE_P(Compositions, Traced,
                         ::testing::Values(std::pair{"none", "temperature(0)"},
                                           std::pair{"draft_model(length=4)", "temperature(0)"},
                                           std::pair{"draft_model(length=4)", "temperature(0.8),top_p(0.9)"},
                                           std::pair{"draft_model(tree=\"iid(3x2x1)\")", "temperature(1)"},
                                           std::pair{"early_exit", "temperature(0)"},
                                           std::pair{"lookahead", "temperature(0)"}));

TEST_P(Traced, ShowsWhatGenerateDecodes) {
  const json trace = traced(args());
  const auto plain =
      json::parse(captured([&] { generate_command(demo_args<GenerateArgs>(GetParam().first, GetParam().second)); }));
  EXPECT_EQ(written(trace), plain["ids"].get<std::vector<int64_t>>());
  EXPECT_EQ(trace["text"], plain["text"]);
  EXPECT_EQ(trace["stop"], plain["stop"]);
  EXPECT_EQ(trace["rounds"].size(), plain["rounds"].get<size_t>());
  size_t drafted = 0, accepted = 0;
  for (const json& round : trace["rounds"]) {
    drafted += round["drafted"].size();
    for (const json& token : round["tokens"]) accepted += token["is_drafted"] ? 1 : 0;
  }
  EXPECT_EQ(drafted, plain["drafted"].get<size_t>());
  EXPECT_EQ(accepted, plain["accepted"].get<size_t>());
}

TEST_P(Traced, TheVerdictFollowsFromWhatIsShown) {
  const json trace = traced(args());
  int64_t position = 0;
  while (trace["tokens"][static_cast<size_t>(position)]["is_prompt"]) ++position;
  for (const json& round : trace["rounds"]) {
    size_t accepted = 0;
    for (const json& row : round["drafted"]) {
      accepted += row["is_accepted"] ? 1 : 0;
      const auto parent = row["parent"].get<size_t>();
      EXPECT_TRUE(!row["is_accepted"] || parent == 0 || round["drafted"][parent - 1]["is_accepted"]);
      double u = 0, h = 0;
      char sign = 0;
      const auto why = row["why"].get<std::string>();
      if (std::sscanf(why.c_str(), "u = %lf %c", &u, &sign) != 2) continue;
      EXPECT_EQ(sign == '<', row["is_accepted"].get<bool>()) << why;
      ASSERT_EQ(std::sscanf(why.c_str() + why.rfind(' '), "%lf", &h), 1);
      EXPECT_EQ(u < h, row["is_accepted"].get<bool>()) << why;
      EXPECT_TRUE(row["q"].is_number() || row["law"] == "point");
    }
    EXPECT_TRUE(round["is_cut"] || round["tokens"].size() == accepted + 1);
    for (const json& token : round["tokens"]) EXPECT_EQ(token["position"], position++);
  }
}

TEST_P(Traced, LawsGoStepByStepFromTheModelToP) {
  TraceArgs all = args();
  all.top = 1 << 20;
  all.max_new_tokens = 4;
  const json trace = traced(all);
  for (const json& round : trace["rounds"]) {
    for (const json& token : round["tokens"]) {
      const json& stages = token["stages"];
      EXPECT_EQ(stages[0]["name"], "model");
      for (const json& stage : stages) {
        double sum = 0, entropy = 0, before = 2;
        for (const json& t : stage["top"]) {
          const auto p = t["p"].get<double>();
          EXPECT_LE(p, before);
          before = p;
          sum += p;
          entropy -= p * std::log(p);
        }
        EXPECT_NEAR(sum, 1, 1e-4) << stage["name"];
        EXPECT_NEAR(stage["entropy_nats"].get<double>(), entropy, 1e-3);
        EXPECT_EQ(stage["alive"], stage["top"].size());
      }
      EXPECT_LE(stages.back()["alive"], stages[0]["alive"]);
      EXPECT_TRUE(all.sampler != "temperature(0)" || stages.back()["top"][0]["id"] == token["id"]);
    }
  }
}

TEST(Trace, StatesAreThoseOfTheTextWhateverWasDrafted) {
  const json plain = traced(demo_args<TraceArgs>("none", "temperature(0)"));
  const size_t sites = plain["tokens"][0]["norms"].size();
  EXPECT_GE(sites, 4U) << "the embedding, at least one layer, the last one, the final norm";
  for (const json& token : plain["tokens"]) {
    const bool is_last = &token == &plain["tokens"].back();
    ASSERT_EQ(token["norms"].is_null(), is_last);
    if (is_last) continue;
    EXPECT_EQ(token["norms"].size(), sites);
    for (const json& norm : token["norms"]) EXPECT_GT(norm.get<double>(), 0);
  }
  for (const char* drafter : {"draft_model(length=4)", "early_exit(exit_layer=4)", "prompt_lookup"}) {
    const json drafted = traced(demo_args<TraceArgs>(drafter, "temperature(0)"));
    EXPECT_EQ(drafted["tokens"], plain["tokens"]) << drafter;
  }
}

TEST(Trace, LayersAreTimed) {
  TraceArgs args = demo_args<TraceArgs>("none", "temperature(0)");
  args.layers = true;
  const json layers = traced(args)["layers"];
  const size_t sites = traced(args)["tokens"][0]["norms"].size();
  EXPECT_EQ(layers["layer_us"].size(), sites - 2);
  double sum = layers["below_us"].get<double>() + layers["head_us"].get<double>();
  for (const json& us : layers["layer_us"]) sum += us.get<double>();
  EXPECT_GT(layers["below_us"].get<double>(), 0);
  EXPECT_GT(sum, layers["below_us"].get<double>());
}

TEST(Trace, AttentionSpreadsOverNoMoreThanThereIs) {
  TraceArgs args = demo_args<TraceArgs>("none", "temperature(0)");
  args.attention = true;
  const json trace = traced(args);
  const size_t layers = trace["tokens"][0]["norms"].size() - 2;
  double first = 0, largest = 0, seen = 0;
  for (const json& token : trace["tokens"]) {
    ASSERT_EQ(token["attention_nats"].size(), layers);
    seen += 1;
    for (const json& nats : token["attention_nats"]) {
      EXPECT_GE(nats.get<double>(), -1e-6);
      EXPECT_LE(nats.get<double>(), std::log(seen) + 1e-5) << "even over " << seen << " tokens";
      if (seen == 1) first += nats.get<double>();
      largest = std::max(largest, nats.get<double>());
    }
  }
  EXPECT_NEAR(first, 0, 1e-6) << "the first token sees itself alone";
  EXPECT_GT(largest, 0.5);
}

TEST(Trace, AsTextItNamesEveryStage) {
  TraceArgs args = demo_args<TraceArgs>("draft_model(length=4)", "temperature(0.8),top_p(0.9)");
  args.format = "text";
  args.layers = true;
  args.attention = true;
  const std::string text = captured([&] { trace_command(args); });
  for (const char* part : {"Prompt, ", "embedding", "Round 1: ", "chosen as",
                           "model: ", "temperature(0.8): ", "top_p(0.9): ", "Written, 10 tokens", "final norm and head",
                           "How far attention spreads", "Detokenized, token by token:"})
    EXPECT_THAT(text, HasSubstr(part));
}

TEST(Trace, IdsAloneNeedNoTokenizer) {
  TraceArgs args = demo_args<TraceArgs>("none", "temperature(0)");
  args.model = std::string(SPECULA_SOURCE_DIR) + "/tests/model/fixtures/mha";
  args.draft_model.clear();
  args.has_prompt = false;
  args.has_ids = true;
  args.ids = "1,5,9";
  const json trace = traced(args);
  EXPECT_EQ(trace["tokens"].size(), 13U);
  EXPECT_FALSE(trace.contains("text"));
  EXPECT_FALSE(trace["tokens"][0].contains("piece"));
}

TEST(Trace, WrongInputIsRefused) {
  const auto error_of = [](const TraceArgs& args) -> std::string {
    try {
      trace_command(args);
    } catch (const ConfigError& e) {
      return e.what();
    }
    return "no error";
  };
  EXPECT_THAT(error_of(demo_args<TraceArgs>("draft_modl", "temperature(0)")), HasSubstr("did you mean 'draft_model'"));
  EXPECT_THAT(error_of(demo_args<TraceArgs>("none", "temperatur(0)")), HasSubstr("temperature"));
  TraceArgs both = demo_args<TraceArgs>("none", "temperature(0)");
  both.has_ids = true;
  EXPECT_THAT(error_of(both), HasSubstr("--ids"));
}

}  // namespace
}  // namespace specula
