// Options declared once: reading, checking, defaults that are remembered, and the list that help is made of.
#include "framework/core/params.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Options {
  int length = 4;
  double rate = 0.5;
  bool flag = false;
  std::string text = "t", match = "last";
  std::vector<std::string> list;
  ModelName model;
  int64_t big = 1;
  template <class V>
  void visit(V& v) {
    v("length", length, 1, 64, "tokens drafted", "tokens");
    v("rate", rate, 0.0, 1.0, "a share");
    v("flag", flag, "on or off");
    v("text", text, "any text");
    v("match", match, {"first", "last"}, "which");
    v("list", list, "texts");
    v("model", model, "a model");
    v("big", big, 0, kMaxInteger, "no upper bound");
  }
};

Value value(decltype(Value::data) data, const std::string& origin = "f:1:1") {
  return {.data = std::move(data), .origin = origin};
}

Params params(const std::vector<Entry>& entries) {
  Params result{.place = "[arm.x] drafter", .values = {}};
  for (const Entry& entry : entries) result.values.set(entry.key, entry.value);
  return result;
}

std::string error(const std::vector<Entry>& entries) {
  try {
    read_options<Options>(params(entries));
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "no error";
}

TEST(Params, ReadsEveryType) {
  const auto options =
      read_options<Options>(params({{"length", value(int64_t{7})},
                                    {"rate", value(int64_t{1})},
                                    {"flag", value(true)},
                                    {"text", value(std::string("abc"))},
                                    {"match", value(std::string("first"))},
                                    {"list", value(Value::Array{value(std::string("p")), value(std::string("q"))})},
                                    {"model", value(std::string("m"))},
                                    {"big", value(kMaxInteger)}}));
  EXPECT_EQ(options.length, 7);
  EXPECT_EQ(options.rate, 1.0);  // an integer is a number
  EXPECT_TRUE(options.flag);
  EXPECT_EQ(options.text, "abc");
  EXPECT_EQ(options.match, "first");
  EXPECT_THAT(options.list, ElementsAre("p", "q"));
  EXPECT_EQ(options.model.name, "m");
  EXPECT_EQ(options.big, kMaxInteger);
}

TEST(Params, RemembersWhatWasDefaulted) {
  Value resolved;
  read_options<Options>(params({{"name", value(std::string("x"))}, {"length", value(int64_t{2}, "f:3:4")}}), &resolved);
  EXPECT_EQ(resolved.find("length")->origin, "f:3:4");
  EXPECT_EQ(resolved.find("rate")->origin, "default");
  EXPECT_EQ(
      to_text(resolved),
      "{ length = 2, rate = 0.5, flag = false, text = \"t\", match = \"last\", list = [], model = \"\", big = 1 }");
}

TEST(Params, ABareValueGoesToTheFirstOption) {
  EXPECT_EQ(read_options<Options>(params({{"", value(int64_t{9})}})).length, 9);
  EXPECT_EQ(error({{"", value(int64_t{9})}, {"length", value(int64_t{8})}}),
            "f:1:1: [arm.x] drafter: 'length' is given twice");
  struct None {
    void visit(OptionReader& /*v*/) {}
  };
  EXPECT_THROW(read_options<None>(params({{"", value(int64_t{9})}})), ConfigError);
}

TEST(Params, UnknownKeysAreErrorsWithASuggestion) {
  EXPECT_EQ(error({{"lenght", value(int64_t{3}, "f:2:5")}}),
            "f:2:5: unknown key 'lenght' in [arm.x] drafter; did you mean 'length'?");
  EXPECT_EQ(error({{"zzzzzz", value(int64_t{3})}}),
            "f:1:1: unknown key 'zzzzzz' in [arm.x] drafter; valid: length, rate, flag, text, match, list, model, big");
}

TEST(Params, WrongTypes) {
  EXPECT_EQ(error({{"length", value(std::string("3"))}}),
            "f:1:1: [arm.x] drafter length = \"3\" is a string; expected an integer");
  EXPECT_EQ(error({{"length", value(3.0)}}), "f:1:1: [arm.x] drafter length = 3.0 is a number; expected an integer");
  EXPECT_EQ(error({{"rate", value(true)}}), "f:1:1: [arm.x] drafter rate = true is a boolean; expected a number");
  EXPECT_EQ(error({{"flag", value(int64_t{1})}}),
            "f:1:1: [arm.x] drafter flag = 1 is an integer; expected true or false");
  EXPECT_EQ(error({{"text", value(int64_t{1})}}), "f:1:1: [arm.x] drafter text = 1 is an integer; expected a string");
  EXPECT_EQ(error({{"list", value(std::string("p"))}}),
            "f:1:1: [arm.x] drafter list = \"p\" is a string; expected an array of strings");
  EXPECT_EQ(error({{"list", value(Value::Array{value(int64_t{1}, "f:1:9")})}}),
            "f:1:9: [arm.x] drafter list = 1 is an integer; expected an array of strings");
  EXPECT_EQ(error({{"model", value(Value::Table{})}}),
            "f:1:1: [arm.x] drafter model = {} is a table; expected a string");
}

TEST(Params, RangesAndChoices) {
  EXPECT_EQ(error({{"length", value(int64_t{65})}}), "f:1:1: [arm.x] drafter length = 65 is out of range 1..64");
  EXPECT_EQ(error({{"length", value(int64_t{0})}}), "f:1:1: [arm.x] drafter length = 0 is out of range 1..64");
  EXPECT_EQ(error({{"length", value(int64_t{1} << 32)}}),
            "f:1:1: [arm.x] drafter length = 4294967296 is out of range 1..64");
  EXPECT_EQ(error({{"rate", value(1.5)}}), "f:1:1: [arm.x] drafter rate = 1.5 is out of range 0.0..1.0");
  EXPECT_THAT(error({{"rate", value(std::numeric_limits<double>::quiet_NaN())}}),
              HasSubstr("rate = nan is out of range"));
  EXPECT_EQ(error({{"match", value(std::string("frist"))}}),
            "f:1:1: [arm.x] drafter match = \"frist\": not one of first, last; did you mean 'first'?");
  EXPECT_EQ(error({{"match", value(std::string("zzzzzz"))}}),
            "f:1:1: [arm.x] drafter match = \"zzzzzz\": not one of first, last");
  EXPECT_EQ(error({{"length", value(int64_t{1})}, {"rate", value(0.0)}}), "no error");  // the ends belong to the range
}

TEST(Params, AllProblemsAreToldAtOnce) {
  EXPECT_EQ(error({{"length", value(int64_t{65})}, {"rate", value(true)}, {"x", value(int64_t{1})}}),
            "f:1:1: [arm.x] drafter length = 65 is out of range 1..64\n"
            "f:1:1: [arm.x] drafter rate = true is a boolean; expected a number\n"
            "f:1:1: unknown key 'x' in [arm.x] drafter; valid: length, rate, flag, text, match, list, model, big");
}

TEST(Params, ListsWhatHelpSays) {
  const std::vector<Option> options = list_options<Options>();
  ASSERT_EQ(options.size(), 8u);
  const auto line = [&](size_t i) {
    const Option& o = options[i];
    return join({o.name, o.type, o.default_text, o.range, o.unit, o.help}, "|");
  };
  EXPECT_EQ(options[0].unit, "tokens");
  EXPECT_EQ(line(0), "length|integer|4|1..64|tokens|tokens drafted");
  EXPECT_EQ(line(1), "rate|number|0.5|0.0..1.0||a share");
  EXPECT_EQ(line(2), "flag|boolean|false|true, false||on or off");
  EXPECT_EQ(line(4), "match|string|\"last\"|first, last||which");
  EXPECT_EQ(line(6), "model|model|\"\"|a name of [models]||a model");
  EXPECT_EQ(line(7), "big|integer|1|at least 0||no upper bound");
}

}  // namespace
}  // namespace specula
