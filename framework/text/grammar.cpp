#include "framework/text/grammar.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <utility>

#include "framework/core/error.h"
#include "framework/text/pattern_reader.h"

namespace specula {
namespace {

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_'; }

class GrammarReader final : public PatternReader {
 public:
  explicit GrammarReader(const std::string& text) : PatternReader("grammar", text) {}

  Pattern read() {
    for (skip(); !is_over(); skip()) find_rule();
    at_ = 0;
    if (!bodies_.contains("root")) fail("there is no rule 'root'");
    return rule("root");
  }

 private:
  void skip() {
    while (!is_over()) {
      if (std::isspace(static_cast<unsigned char>(peek())) != 0) {
        ++at_;
      } else if (peek() == '#') {
        while (!is_over() && peek() != '\n') ++at_;
      } else {
        return;
      }
    }
  }

  std::string name() {
    std::string name;
    while (is_name(peek())) {
      name += peek();
      ++at_;
    }
    if (name.empty()) fail("a name is expected");
    return name;
  }

  // Whether a rule begins here, and not the name of one.
  bool is_definition() {
    const size_t start = at_;
    bool is = false;
    if (is_name(peek())) {
      name();
      skip();
      is = sees("::=");
    }
    at_ = start;
    return is;
  }

  void find_rule() {
    const std::string called = name();
    skip();
    expect("::=");
    if (!bodies_.emplace(called, at_).second) fail(cat("the rule '", called, "' stands twice"));
    for (skip(); !is_over() && !is_definition(); skip()) skip_item();
  }

  void skip_item() {
    if (take("\"")) {
      while (!take("\"")) character_or_escape();
    } else if (take("[")) {
      set();
    } else if (is_name(peek())) {
      name();
    } else {
      code_point();
    }
  }

  char32_t character_or_escape() {
    const char32_t c = code_point();
    return c == '\\' ? escaped(code_point()) : c;
  }

  Pattern rule(const std::string& called) {
    if (const auto known = rules_.find(called); known != rules_.end()) return known->second;
    const auto body = bodies_.find(called);
    if (body == bodies_.end()) fail(cat("there is no rule '", called, "'"));
    if (std::find(open_.begin(), open_.end(), called) != open_.end())
      fail(cat("the rule '", called, "' contains itself (", join(open_, " -> "), " -> ", called,
               "); only regular grammars can be followed"));
    if (open_.size() > static_cast<size_t>(kMostDepth)) fail(cat("rules lie more than ", kMostDepth, " deep"));
    open_.push_back(called);
    const size_t here = std::exchange(at_, body->second);
    Pattern pattern = alternatives(0);
    skip();
    if (!is_over() && !is_definition()) fail("a ')' without '('");
    at_ = here;
    open_.pop_back();
    return rules_.emplace(called, std::move(pattern)).first->second;
  }

  Pattern alternatives(int depth) {
    if (depth > kMostDepth) fail(cat("groups lie more than ", kMostDepth, " deep"));
    std::vector<Pattern> parts;
    do {
      std::vector<Pattern> items;
      for (skip(); !is_over() && peek() != '|' && peek() != ')' && !is_definition(); skip()) {
        items.push_back(item(depth));
        while (repeats(items.back())) {
        }
      }
      parts.push_back(sequence(std::move(items)));
    } while (take("|"));
    return choice(std::move(parts));
  }

  Pattern item(int depth) {
    if (take("\"")) {
      std::vector<Pattern> characters;
      while (!take("\"")) {
        const char32_t c = character_or_escape();
        characters.push_back(character({{c, c}}));
      }
      return sequence(std::move(characters));
    }
    if (take("[")) return character(set());
    if (take(".")) return character({{0, kLastCodePoint}});
    if (take("(")) {
      Pattern inner = alternatives(depth + 1);
      expect(")");
      return inner;
    }
    if (!is_name(peek())) fail("\"text\", [set], '.', '(' or a name is expected");
    return rule(name());
  }

  std::map<std::string, size_t> bodies_;  // where each begins
  std::map<std::string, Pattern> rules_;
  std::vector<std::string> open_;  // being read, outermost first
};

}  // namespace

Pattern parse_grammar(const std::string& text) { return GrammarReader(text).read(); }

}  // namespace specula
