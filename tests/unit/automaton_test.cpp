// Patterns, grammars and schemas as automata over bytes: beside std::regex, and what they refuse.
#include "framework/text/automaton.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "framework/core/error.h"
#include "framework/core/keyring.h"
#include "framework/text/grammar.h"
#include "framework/text/json_schema.h"
#include "framework/text/regex.h"
#include "framework/text/token_masks.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

using ::testing::HasSubstr;

bool matches(const Automaton& automaton, const std::string& text) {
  const Automaton::State end = automaton.walk(automaton.start(), text);
  return end != Automaton::kDead && automaton.is_accepting(end);
}
Automaton of_regex(const std::string& pattern) { return Automaton(parse_regex(pattern)); }
bool matches(const std::string& pattern, const std::string& text) { return matches(of_regex(pattern), text); }

template <class Action>
std::string refused(const Action& action) {
  try {
    action();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(Regex, MatchesWhatStdRegexMatches) {
  const Keyring keys(1);
  const std::string letters = "ab1-.";
  for (const char* pattern :
       {"a*b", "(ab|a)*", "a{2,3}b?", "[ab]+-?1", "(a|b)*a(a|b){2}", "[^a]*", "(a?b){0,2}", "a+?b", "(?:a|1)+\\.",
        "\\d+\\D?", "\\w*-\\W*", "", "a||b", "(a*)*b", "^ab$", "[-a]+", "[]a]+", "a{0}b", "(1|-)(a{1,2}|b{2,})"}) {
    // ECMAScript has no ']' in front of a set.
    const std::regex theirs(std::string(pattern) == "[]a]+" ? "[\\]a]+" : pattern);
    const Automaton ours = of_regex(pattern);
    int matched = 0;
    for (int64_t i = 0; i < 3000; ++i) {
      std::string text;
      const auto length = static_cast<uint32_t>(i % 7);
      for (uint32_t j = 0; j < length; ++j)
        text += letters[static_cast<size_t>(5 * keys.uniform(Use::kSearch, i, 0, j))];
      EXPECT_EQ(matches(ours, text), std::regex_match(text, theirs)) << pattern << " and '" << text << "'";
      matched += matches(ours, text) ? 1 : 0;
    }
    EXPECT_GT(matched, 0) << pattern;
  }
}

TEST(Regex, ReadsCharactersAndNotBytes) {
  EXPECT_TRUE(matches("[ä-ü]+.", "äöü€"));
  EXPECT_FALSE(matches("[ä-ü]", "é\xC3"));
  EXPECT_TRUE(matches(".{2}", "\xF0\x9F\x98\x80x"));
  EXPECT_FALSE(matches(".", "\xC3")) << "half a character";
  EXPECT_FALSE(matches(".", "\xED\xA0\x80")) << "a surrogate";
  EXPECT_TRUE(matches("\\x41\\u00e9\\x{1F600}", "Aé\xF0\x9F\x98\x80"));
}

// Every code point on either side of the borders of a set, and of those of UTF-8.
TEST(Regex, SetsEndWhereTheySay) {
  const std::vector<char32_t> borders = {0,      0x41,   0x7F,   0x80,    0x7FF,   0x800,   0xFFF,   0x1000,
                                         0xD7FF, 0xE000, 0xFFFF, 0x10000, 0x3FFFF, 0x40000, 0xFFFFF, 0x10FFFF};
  const auto utf8 = [](char32_t c) {
    std::string s;
    if (c < 0x80) return std::string(1, static_cast<char>(c));
    const int tails = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    s += static_cast<char>((tails == 1 ? 0xC0U : tails == 2 ? 0xE0U : 0xF0U) | (c >> (6 * tails)));
    for (int i = tails; i-- > 0;) s += static_cast<char>(0x80U | (c >> (6 * i) & 0x3FU));
    return s;
  };
  for (size_t i = 0; i < borders.size(); ++i) {
    for (size_t j = i; j < borders.size(); ++j) {
      if (i == 0 && j + 1 == borders.size()) continue;  // nothing is left
      const Automaton set(character({{borders[i], borders[j]}})),
          rest(sequence(
              {character(complement({{borders[i], borders[j]}, {0xD800, 0xDFFF}, {5, 5}})), character({{'x', 'x'}})}));
      for (const char32_t border : borders) {
        for (char32_t c = border == 0 ? 0 : border - 1; c <= border + 1; ++c) {
          if (c > kLastCodePoint || (c >= 0xD800 && c <= 0xDFFF)) continue;
          const bool is_in = borders[i] <= c && c <= borders[j];
          EXPECT_EQ(matches(set, utf8(c)), is_in) << uint32_t{c} << " in set " << i << ".." << j;
          EXPECT_EQ(matches(rest, utf8(c) + "x"), !is_in && c != 5) << uint32_t{c} << " not in set " << i << ".." << j;
        }
      }
    }
  }
}

TEST(Regex, RefusesWhatItCannotFollowAndSaysWhere) {
  const std::vector<std::pair<std::string, std::string>> wrong = {{"a(b", "column 4"},
                                                                  {"ab)", "column 3"},
                                                                  {"a**", "nothing to repeat"},
                                                                  {"*a", "nothing to repeat"},
                                                                  {"[a", "ends too early"},
                                                                  {"[z-a]", "ends before it begins"},
                                                                  {"a{3,2}", "larger count"},
                                                                  {"a{99999}", "at most"},
                                                                  {"(?=a)", "lookaround"},
                                                                  {"(a)\\1", "back reference"},
                                                                  {"\\bword", "no meaning"},
                                                                  {"a^b", "'^' stands only in front"},
                                                                  {"(a$)b", "'$' stands only"},
                                                                  {"\\x{110000}", "no character"},
                                                                  {"a\xFF", "UTF-8"},
                                                                  {"[^\\x00-\\x{10FFFF}]", "empty"},
                                                                  {std::string(300, '('), "deep"}};
  for (const auto& [pattern, what] : wrong)
    EXPECT_THAT(refused([&] { of_regex(pattern); }), HasSubstr(what)) << pattern;
  EXPECT_THAT(refused([] { of_regex("(a|b)*a(a|b){20}"); }), HasSubstr("more than 50000 states"));
  EXPECT_THAT(refused([] { of_regex("((a{9999}){9999}){9999}"); }), HasSubstr("more than 400000 steps"));
}

TEST(Regex, LivesOnlyInStatesThatCanStillBecomeAMatch) {
  const Keyring keys(3);
  const Automaton automaton = of_regex("(ab|cd*e){2,5}[x-z]|é+");
  for (int64_t i = 0; i < 200; ++i) {
    Automaton::State state = automaton.start();
    for (uint32_t step = 0; step < 60; ++step) {  // any way that does not lead out ends in a match, or goes on
      std::vector<Automaton::State> next;
      for (int byte = 0; byte < 256; ++byte) {
        const Automaton::State to = automaton.next(state, static_cast<uint8_t>(byte));
        if (to != Automaton::kDead) next.push_back(to);
      }
      if (next.empty()) {
        EXPECT_TRUE(automaton.is_accepting(state));
        break;
      }
      state = next[static_cast<size_t>(keys.uniform(Use::kSearch, i, 0, step) * static_cast<double>(next.size()))];
    }
  }
}

TEST(Grammar, PutsRulesWhereTheirNamesStand) {
  const Automaton sums(parse_grammar(R"gbnf(
# sums of small numbers
root   ::= number (sign number)* "=" [0-9]+
sign   ::= "+" | "-"
number ::= digit{1,2} | "(" digit ")"
digit  ::= [0-9])gbnf"));
  for (const char* text : {"1+2=3", "12-(4)+9=17", "7=7"}) EXPECT_TRUE(matches(sums, text)) << text;
  for (const char* text : {"", "1+2", "123=1", "+1=1", "(12)=1", "1+=1"}) EXPECT_FALSE(matches(sums, text)) << text;
  EXPECT_TRUE(matches(Automaton(parse_grammar("root ::= \"a\\n\\\"\\u00e9\" .")), "a\n\"é\n"));
}

TEST(Grammar, RefusesRecursionAndSaysWhere) {
  const auto error = [](const std::string& text) { return refused([&] { parse_grammar(text); }); };
  EXPECT_THAT(error("root ::= \"a\" root?"), HasSubstr("the rule 'root' contains itself (root -> root)"));
  EXPECT_THAT(error("root ::= a\na ::= \"x\" b\nb ::= a?"), HasSubstr("(root -> a -> b -> a)"));
  EXPECT_THAT(error("start ::= \"a\""), HasSubstr("no rule 'root'"));
  EXPECT_THAT(error("root ::= other"), HasSubstr("no rule 'other'"));
  EXPECT_THAT(error("root ::= \"a\"\nroot ::= \"b\""), HasSubstr("stands twice"));
  EXPECT_THAT(error("root ::= (\"a\""), HasSubstr("')' is expected"));
  EXPECT_THAT(error("root ::= \"a"), HasSubstr("ends too early"));
}

TEST(JsonSchema, DescribesObjectsArraysAndChoices) {
  const Automaton person(
      parse_json_schema(R"({"type": "object", "title": "person", "required": ["name"], "properties": {
      "id": {"type": "integer"}, "name": {"type": "string", "maxLength": 3},
      "tags": {"type": "array", "items": {"enum": ["x", "y\"z"]}, "minItems": 1, "maxItems": 2},
      "at": {"type": ["number", "null"]}}})",
                        2));
  for (const char* text : {R"({"name":"Jo"})", R"({"id": -7, "name": "","at":null})",
                           R"({"name":"\u00e9\n", "tags":["x", "y\"z"]})", R"({"name":"éß€","at":-0.5e+3})"})
    EXPECT_TRUE(matches(person, text)) << text;
  for (const char* text :
       {"{}", R"({"name":"long"})", R"({"name":"a","id":1})", R"({"name":"a",})", R"({"name":"a","tags":[]})",
        R"({"name":"a","tags":["x","x","x"]})", R"({"id":01,"name":"a"})", R"({"name":"a"} )"})
    EXPECT_FALSE(matches(person, text)) << text;
  const Automaton any(parse_json_schema("{}", 2));
  for (const char* text : {"[1,[2, \"a\"]]", "{\"a\": {\"b\":[]}}", "true", "-1e9", "\"\\\\\""})
    EXPECT_EQ(matches(any, text), std::string(text) != "{\"a\": {\"b\":[]}}") << text << ": two levels, not three";
  EXPECT_TRUE(matches(Automaton(parse_json_schema(R"({"anyOf": [{"const": {"a": 1}}, {"type": "boolean"}]})", 0)),
                      "{\"a\":1}"));
}

TEST(JsonSchema, RefusesWhatItCannotFollowAndSaysWhere) {
  const auto error = [](const std::string& text) { return refused([&] { parse_json_schema(text, 2); }); };
  EXPECT_THAT(error("{"), HasSubstr("is not JSON"));
  EXPECT_THAT(error("3"), HasSubstr("is no schema"));
  EXPECT_THAT(error(R"({"$ref": "#"})"), HasSubstr("the key '$ref' cannot be followed"));
  EXPECT_THAT(error(R"({"type": "strin"})"), HasSubstr("$.type: unknown type 'strin'; did you mean 'string'?"));
  EXPECT_THAT(error(R"({"properties": {"a": {"minimum": 1}}, "type": "object"})"), HasSubstr("$.properties.a"));
  EXPECT_THAT(error(R"({"type": "object", "required": ["b"]})"), HasSubstr("is none of the properties"));
  EXPECT_THAT(error(R"({"type": "array", "minItems": 3, "maxItems": 2})"), HasSubstr("less than minItems"));
  EXPECT_THAT(error(R"({"type": "array", "maxItems": 1e9})"), HasSubstr("expected an integer"));
  std::string deep = "{}";
  for (int i = 0; i < 60; ++i) deep = "{\"type\":\"array\",\"items\":" + deep + "}";
  EXPECT_THAT(error(deep), HasSubstr("deep"));
  EXPECT_THAT(error(std::string(100000, '[')), HasSubstr("deep"));
}

// A vocabulary of given texts.
class Texts final : public Tokenizer {
 public:
  explicit Texts(std::vector<std::string> texts) : texts_(std::move(texts)) {}
  int64_t vocab() const override { return static_cast<int64_t>(texts_.size()); }
  Token bos() const override { return -1; }
  Token eos() const override { return -1; }
  std::vector<Token> encode(const std::string&, Special) const override { return {}; }
  std::string decode(const std::vector<Token>&) const override { return ""; }
  std::string piece_bytes(Token id) const override { return texts_[static_cast<size_t>(id)]; }
  std::string piece(Token id) const override { return piece_bytes(id); }
  std::string chat_template() const override { return ""; }
  const std::string& fingerprint() const override { return texts_[0]; }

 private:
  std::vector<std::string> texts_;
};

TEST(TokenMasks, AllowWhatDoesNotLeadOut) {
  const Keyring keys(8);
  std::vector<std::string> texts = {"", "a", "a", "\xC3", "\xA9", "é"};
  for (int64_t i = 0; i < 400; ++i) {
    std::string& text = texts.emplace_back();
    const auto length = static_cast<uint32_t>(1 + i % 6);
    for (uint32_t j = 0; j < length; ++j)
      text += "ab1 \xC3\xA9"[static_cast<size_t>(6 * keys.uniform(Use::kSearch, i, 0, j))];
  }
  const Texts tokenizer(texts);
  const TokenMasks masks(of_regex("(a|b1| é){0,40}( +1)?"), tokenizer);
  int64_t allowed = 0;
  for (Automaton::State state = 0; state < masks.automaton().size(); ++state) {
    const auto set = masks.allowed(state);
    int64_t count = 0;
    for (Token t = 0; t < tokenizer.vocab() + 3; ++t) {
      const bool leads_on = t < tokenizer.vocab() && !texts[static_cast<size_t>(t)].empty() &&
                            masks.automaton().walk(state, texts[static_cast<size_t>(t)]) != Automaton::kDead;
      EXPECT_EQ(set->contains(t), leads_on) << "token " << t << " in state " << state;
      EXPECT_EQ(masks.after(state, t) != Automaton::kDead, leads_on);
      count += leads_on ? 1 : 0;
    }
    EXPECT_EQ(set->is_empty(), count == 0);
    allowed += count;
  }
  EXPECT_GT(allowed, masks.automaton().size());
}

}  // namespace
}  // namespace specula
