// Sweeps: the values of an axis, what is left out, the cells that a file describes, and the ranking of choices.
#include <gmock/gmock.h>

#include <cmath>
#include <map>

#include "experiments/config/config_tree.h"
#include "experiments/study/condition.h"
#include "experiments/study/ranking.h"
#include "experiments/study/study.h"
#include "framework/core/keyring.h"
#include "tests/experiments/config_fixture.h"

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Strings = std::vector<std::string>;

std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no error";
}

// --- Axes ---

Strings axis(const std::string& range) {
  Strings texts;
  for (const Value& value : axis_values({.data = range, .origin = "f:1:2"}, "a.b")) texts.push_back(to_text(value));
  return texts;
}

TEST(SweepAxis, Ranges) {
  EXPECT_THAT(axis("1-4"), ElementsAre("1", "2", "3", "4"));
  EXPECT_THAT(axis("1-20*2"), ElementsAre("1", "2", "4", "8", "16"));
  EXPECT_THAT(axis("2-9+3"), ElementsAre("2", "5", "8"));
  EXPECT_THAT(axis("0-0.3+0.1"), ElementsAre("0.0", "0.1", "0.2", "0.3"));  // 0.30000000000000004 would be a cell alone
  EXPECT_THAT(axis("5-5"), ElementsAre("5"));
}

TEST(SweepAxis, WrongRangesNameThePlace) {
  for (const char* wrong : {"8-1", "0-8*2", "1-8*1", "1-8+0", "0-1e9"}) {
    EXPECT_THAT(error_of([&] { axis(wrong); }), HasSubstr("f:1:2: a.b = \"")) << wrong;
  }
  for (const char* wrong : {"", "1", "1-", "a-b", "1-8 ", "1-8*", "1-8^2"}) {
    EXPECT_THAT(error_of([&] { axis(wrong); }), HasSubstr("expected an array of values or a range")) << wrong;
  }
  EXPECT_THAT(error_of([] { axis_values({.data = Value::Table{}, .origin = "f:1:2"}, "arm"); }),
              HasSubstr("in quotes"));
  EXPECT_THAT(error_of([] { axis_values({.data = Value::Array{}, .origin = "f:1:2"}, "a"); }), HasSubstr("no values"));
  EXPECT_THAT(error_of([] { axis("1-100000"); }), HasSubstr("more than 10000 values"));
}

TEST(SweepAxis, FlagsAreRangesListsOrWords) {
  const auto of_flag = [](const std::string& text) {
    Strings texts;
    for (const Value& value : axis_values_of_flag(text, "a", "--sweep a")) texts.push_back(to_text(value));
    return texts;
  };
  EXPECT_THAT(of_flag("1-3"), ElementsAre("1", "2", "3"));
  EXPECT_THAT(of_flag("[0, 0.5]"), ElementsAre("0", "0.5"));
  EXPECT_THAT(of_flag("0,0.7"), ElementsAre("0", "0.7"));
  EXPECT_THAT(of_flag("rejection,block"), ElementsAre("\"rejection\"", "\"block\""));
  EXPECT_THAT(error_of([&] { of_flag("1,,2"); }), HasSubstr("a value is missing"));
}

TEST(SweepAxis, RandomValuesFollowTheirLawAndTheSeedAlone) {
  const auto law = [](const std::string& name, const std::vector<double>& ends) {
    Value::Array array;
    for (const double end : ends) array.push_back({.data = end, .origin = "f:1:1"});
    Value table{.data = Value::Table{}, .origin = "f:1:1"};
    table.set(name, {.data = array, .origin = "f:1:1"});
    return table;
  };
  const auto draw = [&](const std::string& name, double a, double b, uint64_t seed) {
    return random_values(law(name, {a, b}), "x", 2000, seed);
  };
  double sum = 0, log_sum = 0;
  for (const Value& value : draw("uniform", 2, 4, 1)) {
    sum += std::get<double>(value.data);
    EXPECT_TRUE(std::get<double>(value.data) >= 2 && std::get<double>(value.data) < 4);
  }
  EXPECT_NEAR(sum / 2000, 3, 5 * 2 / std::sqrt(12 * 2000.0));
  for (const Value& value : draw("log_uniform", 1, 100, 1)) log_sum += std::log(std::get<double>(value.data));
  EXPECT_NEAR(log_sum / 2000, std::log(10.0), 5 * std::log(100.0) / std::sqrt(12 * 2000.0));
  std::map<int64_t, int> counts;
  for (const Value& value : draw("integers", 1, 3, 1)) ++counts[std::get<int64_t>(value.data)];
  EXPECT_EQ(counts.size(), 3u);
  for (const auto& [value, count] : counts) EXPECT_NEAR(count, 2000 / 3.0, 5 * std::sqrt(2000 * 2 / 9.0)) << value;
  EXPECT_EQ(to_text(draw("uniform", 0, 1, 7)[3]), to_text(draw("uniform", 0, 1, 7)[3]));
  EXPECT_NE(to_text(draw("uniform", 0, 1, 7)[3]), to_text(draw("uniform", 0, 1, 8)[3]));
  EXPECT_THAT(error_of([&] { draw("normal", 0, 1, 7); }), HasSubstr("{ uniform = [a, b] }"));
  EXPECT_THAT(error_of([&] { draw("uniform", 1, 1, 7); }), HasSubstr("is no interval"));
}

// --- Conditions ---

bool holds(const std::string& text) {
  const auto lookup = [](const std::string& path, const std::string& origin) -> Value {
    if (path == "arm.sps-g4.drafter.length") return {.data = int64_t{4}, .origin = ""};
    if (path == "sampler.temperature") return {.data = 0.7, .origin = ""};
    if (path == "verifier") return {.data = std::string("block"), .origin = ""};
    throw ConfigError(cat(origin, ": there is no key '", path, "'"));
  };
  return Condition(text, "f:3:1").holds(lookup);
}

TEST(SweepCondition, ComparesAndJoins) {
  EXPECT_TRUE(holds("arm.sps-g4.drafter.length > 3"));
  EXPECT_FALSE(holds("arm.sps-g4.drafter.length > 4"));
  EXPECT_TRUE(holds("arm.sps-g4.drafter.length >= 4 && sampler.temperature == 0.7"));
  EXPECT_FALSE(holds("arm.sps-g4.drafter.length >= 4 && sampler.temperature != 0.7"));
  EXPECT_TRUE(holds("sampler.temperature < 0.5 || verifier == \"block\""));
  EXPECT_TRUE(holds("true || false && false"));  // && binds more tightly
  EXPECT_FALSE(holds("(true || false) && false"));
  EXPECT_TRUE(holds("!(sampler.temperature<=0.5)"));
  EXPECT_TRUE(holds("4 == arm.sps-g4.drafter.length"));
}

TEST(SweepCondition, WhatItCannotReadItNames) {
  EXPECT_THAT(error_of([] { holds("a >"); }), HasSubstr("f:3:1: exclude \"a >\", column 4"));
  EXPECT_THAT(error_of([] { holds("(true"); }), HasSubstr("a ')' is missing"));
  EXPECT_THAT(error_of([] { holds("true true"); }), HasSubstr("expected an operator or the end"));
  EXPECT_THAT(error_of([] { holds("gama == 4"); }), HasSubstr("there is no key 'gama'"));
  EXPECT_THAT(error_of([] { holds("verifier < 3"); }), HasSubstr("compares a string with an integer"));
  EXPECT_THAT(error_of([] { holds("sampler.temperature"); }), HasSubstr("expected true or false"));
  EXPECT_THAT(error_of([] { holds(std::string(10000, '(')); }), HasSubstr("deep"));
}

// --- Studies ---

class StudyConfig : public ConfigFolder {
 protected:
  std::string file(const std::string& sweep) const {
    return write("study.toml",
                 "[experiment]\nname = \"s\"\n[models]\ntarget = { path = \"big\" }\ndraft = { path = \"small\" }\n"
                 "[data]\nprompts = \"prompts.jsonl\"\nmax_new_tokens = 8\n[sampler]\ntemperature = 1\n"
                 "[[arm]]\nname = \"ar\"\n[[arm]]\nname = \"a\"\ndrafter = { name = \"draft_model\", length = 2 }\n" +
                     sweep);
  }
  static Study load(const std::string& file, const ConfigOverrides& overrides = {}) {
    return load_study(file, overrides, make_registries());
  }
  static Strings labels(const Study& study) {
    Strings all;
    for (const StudyCell& cell : study.cells) all.push_back(cell.label);
    return all;
  }
  std::string wrong(const std::string& sweep, const ConfigOverrides& overrides = {}) const {
    return error_of([&] { load(file(sweep), overrides); });
  }
};

TEST_F(StudyConfig, GridsMultiplyZipsMoveTogetherListsAreAdded) {
  const Study study =
      load(file("[[sweep.grid]]\n\"arm.a.drafter.length\" = \"1-2\"\n"
                "[[sweep.zip]]\n\"sampler.temperature\" = [0.5, 1.0]\n\"sampler.top_p\" = [0.8, 0.9]\n"
                "[[sweep.list]]\nlabel = \"long\"\nset = { \"arm.a.drafter.length\" = 9 }\n"));
  EXPECT_TRUE(study.is_sweep);
  EXPECT_THAT(labels(study),
              ElementsAre("length=1 temperature=0.5 top_p=0.8", "length=1 temperature=1.0 top_p=0.9",
                          "length=2 temperature=0.5 top_p=0.8", "length=2 temperature=1.0 top_p=0.9", "long"));
  EXPECT_THAT(study.paths, ElementsAre("arm.a.drafter.length", "sampler.temperature", "sampler.top_p"));
  EXPECT_EQ(call_text(study.cells[4].config.arms[1].drafter).find("length = 9") != std::string::npos, true);
  EXPECT_EQ(study.cells[3].config.cell,
            study.cells[3].config.cfg_hash.substr(0, 10) + "_length-2-temperature-1.0-top_p-0.9");
  const Value* length =
      find_value(study.cells[0].config.resolved, "arm.a.drafter.length", "") ? &study.cells[0].set[0].value : nullptr;
  ASSERT_NE(length, nullptr);
  EXPECT_THAT(length->origin, HasSubstr("study.toml:")) << "a wrong value is told where the sweep gives it";
}

TEST_F(StudyConfig, WithoutASweepItIsOneCell) {
  const Study study = load(file(""));
  EXPECT_FALSE(study.is_sweep);
  ASSERT_EQ(study.cells.size(), 1u);
  EXPECT_EQ(study.cells[0].config.cfg_hash, load_config(file(""), {}, make_registries()).cfg_hash);
}

TEST_F(StudyConfig, ACellIsTheFileWithItsKeysSet) {
  const Study study = load(file(""), {.sets = {}, .unsets = {}, .sweeps = {"arm.a.drafter.length=3,5"}});
  ASSERT_EQ(study.cells.size(), 2u);
  EXPECT_EQ(study.cells[1].config.cfg_hash,
            load_config(file(""), {.sets = {"arm.a.drafter.length=5"}}, make_registries()).cfg_hash);
}

TEST_F(StudyConfig, ExcludedCellsMayBeWrong) {
  const Study study =
      load(file("[sweep]\nexclude = [\"arm.a.drafter.length == 0\", \"data.limit > 0\"]\n"
                "[[sweep.grid]]\n\"arm.a.drafter.length\" = [0, 1, 2]\n"));
  EXPECT_THAT(labels(study), ElementsAre("length=1", "length=2"));
  EXPECT_EQ(study.excluded, 1);
  EXPECT_THAT(wrong("[sweep]\nexclude = [\"true\"]\n[[sweep.grid]]\n\"arm.a.drafter.length\" = [1]\n"),
              HasSubstr("leaves no cell; 1 are excluded"));
}

TEST_F(StudyConfig, CellsThatSayTheSameRunOnce) {
  const Study study = load(file("[[sweep.grid]]\n\"arm.a.drafter.length\" = [1, 1, 2]\n"));
  EXPECT_EQ(study.cells.size(), 2u);
  EXPECT_THAT(study.repeated, ElementsAre("length=1"));
}

TEST_F(StudyConfig, CellsOfTheSameModelsStandTogether) {
  const Study study =
      load(file("[[sweep.grid]]\n\"arm.a.drafter.length\" = [1, 2]\n\"models.draft.dtype\" = [\"fp32\", \"bf16\"]\n"));
  EXPECT_THAT(labels(study),
              ElementsAre("length=1 dtype=fp32", "length=2 dtype=fp32", "length=1 dtype=bf16", "length=2 dtype=bf16"));
}

TEST_F(StudyConfig, EveryProblemIsToldOnceAtItsPlace) {
  const std::string text = wrong("[[sweep.grid]]\n\"arm.a.drafter.lenght\" = [1]\n\"sampler.temperature\" = [-1, 1]\n");
  EXPECT_THAT(text, HasSubstr("study.toml:17:27: unknown key 'lenght'"));
  EXPECT_THAT(text, HasSubstr("study.toml:18:26"));
  EXPECT_THAT(wrong("[sweep]\nmax_cell = 3\n"), HasSubstr("did you mean 'max_cells'?"));
  EXPECT_THAT(wrong("[[sweep.grid]]\n\"arm.b.drafter.length\" = [1]\n"), HasSubstr("there is no arm 'b'"));
}

TEST_F(StudyConfig, WrongSweeps) {
  EXPECT_THAT(wrong("[[sweep.zip]]\n\"sampler.temperature\" = [1, 2]\n\"sampler.top_p\" = [0.5]\n"),
              HasSubstr("sampler.top_p has 1 values, but sampler.temperature has 2"));
  EXPECT_THAT(wrong("[[sweep.grid]]\n\"sampler.temperature\" = [1]\n[[sweep.zip]]\n\"sampler.temperature\" = [1]\n"),
              HasSubstr("sampler.temperature is swept twice"));
  EXPECT_THAT(wrong("[sweep]\nmax_cells = 5\n[[sweep.grid]]\n\"arm.a.drafter.length\" = \"1-6\"\n"),
              HasSubstr("has 6 cells; max_cells = 5"));
  EXPECT_THAT(wrong("[[sweep.list]]\nlabel = \"x\"\n"), HasSubstr("sets no key"));
  EXPECT_THAT(wrong("[sweep.random]\n\"sampler.top_p\" = { uniform = [0.8, 1.0] }\n"), HasSubstr("n is missing"));
  EXPECT_THAT(wrong("[[sweep.grid]]\n\"sampler.temperature\" = [1]\n", {.sets = {"sampler.temperature=0"}}),
              HasSubstr("--set sampler.temperature=0: sampler.temperature is swept"));
  EXPECT_THAT(
      error_of([&] { load_config(file("[[sweep.grid]]\n\"sampler.temperature\" = [1]\n"), {}, make_registries()); }),
      HasSubstr("--unset sweep takes the file without it"));
}

TEST_F(StudyConfig, AFlagTakesThePlaceOfTheFilesAxis) {
  const Study study = load(file("[[sweep.grid]]\n\"sampler.temperature\" = [0.5, 1.0]\n"),
                           {.sets = {}, .unsets = {}, .sweeps = {"sampler.temperature=0.25"}});
  EXPECT_THAT(labels(study), ElementsAre("temperature=0.25"));
}

TEST(SweepNames, AreTheShortestEndThatTellsThemApart) {
  const Strings paths = {"arm.a.drafter.length", "arm.b.drafter.length", "sampler.temperature"};
  EXPECT_EQ(short_name(paths[0], paths), "a.drafter.length");
  EXPECT_EQ(short_name(paths[2], paths), "temperature");
  EXPECT_EQ(short_name("arm.a.verifier.name", {"arm.a.verifier.name", "arm.a.drafter.name"}), "verifier");
}

// --- Ranking ---

// `prompts` groups whose baseline takes `base` us a token; the choice is `speedup` times as fast, with noise of its
// own.
Choice choice(const std::string& name, double speedup, double noise, uint32_t stream, int prompts = 60) {
  const Keyring keys = Keyring(11).fork(stream);
  Choice made{.name = name, .times = {}};
  for (int i = 0; i < prompts; ++i) {
    const auto jitter = [&](uint32_t k) { return 1 + noise * (keys.uniform(Use::kSearch, i, 0, k) - 0.5); };
    const double base = 100 * 50.0 * (1 + i % 7) * jitter(0), own = 100 * 50.0 * (1 + i % 7) / speedup * jitter(1);
    made.times[cat("p", i)] = {100, own, 100, base};
  }
  return made;
}

TEST(Ranking, TheFastestFirstAndOthersAgainstIt) {
  const std::vector<Ranked> ranking =
      rank({choice("slow", 1.2, 0.1, 1), choice("fast", 1.6, 0.1, 2), choice("twin", 1.599, 0.1, 3)}, 2000, 5);
  ASSERT_EQ(ranking.size(), 3u);
  EXPECT_EQ(ranking[2].name, "slow");
  EXPECT_EQ(ranking[0].verdict, "best");
  EXPECT_EQ(ranking[1].verdict, "~") << ranking[1].name;
  EXPECT_EQ(ranking[2].verdict, "slower");
  EXPECT_NEAR(ranking[2].ratio.value, 1.2 / 1.6, 0.03);
  EXPECT_LT(ranking[2].ratio.interval.high, 1);
  EXPECT_GT(ranking[1].ratio.interval.high, 1 - 0.01);
}

// A machine that slows down between two cells slows both baseline and choice: the ranking does not see it.
TEST(Ranking, AMachineInAnotherMoodCancels) {
  Choice moody = choice("moody", 1.5, 0.05, 4);
  for (auto& [group, times] : moody.times) {
    times[1] *= 3;
    times[3] *= 3;
  }
  const std::vector<Ranked> ranking = rank({choice("calm", 1.5, 0.05, 5), moody}, 1000, 5);
  EXPECT_NEAR(ranking[1].ratio.value, 1, 0.02);
  EXPECT_EQ(ranking[1].verdict, "~");
}

// Five choices that are all the same: at level .05 one study in twenty may call one of them slower than the best, which
// was chosen by the same data.  (With Holm over the four comparisons alone it would be more.)
TEST(Ranking, ChoicesThatAreTheSameAreNotToldApart) {
  int false_alarms = 0;
  constexpr uint32_t kStudies = 40;
  for (uint32_t study = 0; study < kStudies; ++study) {
    std::vector<Choice> choices;
    for (uint32_t i = 0; i < 5; ++i) choices.push_back(choice(cat("c", i), 1.3, 0.2, 100 + 10 * study + i, 40));
    const std::vector<Ranked> ranking = rank(std::move(choices), 400, study);
    false_alarms += std::any_of(ranking.begin(), ranking.end(), [](const Ranked& r) { return r.verdict == "slower"; });
  }
  RecordProperty("false_alarms", false_alarms);
  EXPECT_LE(false_alarms, 6);  // of 40: more has a probability below .005
}

}  // namespace
}  // namespace specula
