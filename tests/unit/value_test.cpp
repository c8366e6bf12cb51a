// Values, their text, and the parser of "name(key=value)".
#include "framework/core/value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "framework/core/error.h"

namespace specula {
namespace {

using ::testing::HasSubstr;

std::string call(const std::string& text) {
  try {
    return to_text(parse_call(text, "o"));
  } catch (const ConfigError& e) {
    return e.what();
  }
}

TEST(Value, TextIsOneLineOfToml) {
  Value table;
  table.set("i", {.data = int64_t{-4}, .origin = ""});
  table.set("d", {.data = 3.0, .origin = ""});
  table.set("b", {.data = true, .origin = ""});
  table.set("s", {.data = std::string("a \"b\"\n\\ \x01"), .origin = ""});
  table.set("odd key",
            {.data = Value::Array{{.data = 1e-9, .origin = ""}, {.data = Value::Table{}, .origin = ""}}, .origin = ""});
  EXPECT_EQ(to_text(table),
            "{ i = -4, d = 3.0, b = true, s = \"a \\\"b\\\"\\n\\\\ \\u0001\", \"odd key\" = [1e-09, {}] }");
  EXPECT_EQ(kind_name(table), "a table");
  EXPECT_EQ(kind_name(*table.find("i")), "an integer");
}

TEST(Value, SetReplacesAndKeepsOrder) {
  Value table;
  table.set("a", {.data = int64_t{1}, .origin = "x"});
  table.set("b", {.data = int64_t{2}, .origin = "x"});
  table.set("a", {.data = int64_t{3}, .origin = "y"});
  EXPECT_EQ(to_text(table), "{ a = 3, b = 2 }");
  EXPECT_EQ(table.find("a")->origin, "y");
  EXPECT_TRUE(table.erase("a"));
  EXPECT_FALSE(table.erase("a"));
  EXPECT_EQ(table.find("a"), nullptr);
  EXPECT_EQ(table.find("b")->find("c"), nullptr);  // not a table
}

TEST(Calls, NamesOptionsAndBareValues) {
  EXPECT_EQ(call("none"), "{ name = \"none\" }");
  EXPECT_EQ(call("none()"), "{ name = \"none\" }");
  EXPECT_EQ(call(" f( a = 1 , b=0.5,c=true, d=x y, e=\"p,q\" ) "),
            "{ name = \"f\", a = 1, b = 0.5, c = true, d = \"x y\", e = \"p,q\" }");
  EXPECT_EQ(call("temperature(0.7)"), "{ name = \"temperature\", \"\" = 0.7 }");
  EXPECT_EQ(call("draft_model(small, length=2)"), "{ name = \"draft_model\", \"\" = \"small\", length = 2 }");
  EXPECT_EQ(call("f(-1)"), "{ name = \"f\", \"\" = -1 }");
  EXPECT_EQ(call("f(a=1e3)"), "{ name = \"f\", a = 1000.0 }");
  EXPECT_EQ(parse_call("f(a=1)", "place").find("a")->origin, "place");
}

TEST(Calls, QuotedTextsAreReadAsTheyAreWritten) {
  const std::string text = "a \"b\"\n\t\\ \\d";
  EXPECT_EQ(parse_call("f(a=" + quoted(text) + ")", "o").find("a")->string(), text);
  const std::string regex = R"re(\d+\.(x|"y"))re";
  EXPECT_EQ(parse_call(R"re(f(a="\d+\.(x|\"y\")"))re", "o").find("a")->string(), regex);
}

TEST(Calls, NestOnlySoDeep) {
  const auto nested = [](int depth, const std::string& open, const std::string& close) {
    std::string text = "f(";
    for (int i = 0; i < depth; ++i) text += open;
    text += "1";
    for (int i = 0; i < depth; ++i) text += close;
    return text + ")";
  };
  EXPECT_THAT(call(nested(63, "a(", ")")), HasSubstr("1"));
  EXPECT_THAT(call(nested(64, "a(", ")")), HasSubstr("values are nested more than 64 deep"));
  EXPECT_THAT(call(nested(1'000'000, "[", "]")), HasSubstr("values are nested more than 64 deep"));
}

TEST(Calls, Nest) {
  EXPECT_EQ(call("fallback(first=echo(2), second=none())"),
            "{ name = \"fallback\", first = { name = \"echo\", \"\" = 2 }, second = { name = \"none\" } }");
}

TEST(Calls, Lists) {
  const std::vector<Value> calls = parse_calls("temperature(0.7),top_p(p=0.9) , min_p", "o");
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[1].find("name")->string(), "top_p");
  EXPECT_TRUE(parse_calls("", "o").empty());
  EXPECT_TRUE(parse_calls("  ", "o").empty());
}

TEST(Calls, ErrorsNameTheColumn) {
  EXPECT_EQ(call("f(a=1"), "o: column 6 of 'f(a=1': ',' is expected; the form is name(key=value, ...)");
  EXPECT_THAT(call("f)"), HasSubstr("column 2 of 'f)': ',' is expected"));
  EXPECT_THAT(call("(a)"), HasSubstr("column 1 of '(a)': a name is expected"));
  EXPECT_THAT(call("f(a=)"), HasSubstr("column 5 of 'f(a=)': a value is missing"));
  EXPECT_THAT(call("f(a=\"x)"), HasSubstr("a closing '\"' is missing"));
  EXPECT_THAT(call("f(a=1,a=2)"), HasSubstr("'a' is given twice"));
  EXPECT_THAT(call("f(1,2)"), HasSubstr("only one value may stand without a key"));
  EXPECT_THAT(call("f,"), HasSubstr("a name is missing after the last ','"));
  EXPECT_EQ(call("f,g"), "o: 'f,g' names 2 things where one is expected");
  EXPECT_EQ(call(""), "o: '' names 0 things where one is expected");
}

}  // namespace
}  // namespace specula
