#include "framework/text/regex.h"

#include <cctype>

#include "framework/core/error.h"
#include "framework/text/pattern_reader.h"

namespace specula {
namespace {

const CharacterSet kDigits = {{'0', '9'}};
const CharacterSet kWords = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
const CharacterSet kSpaces = {{'\t', '\r'}, {' ', ' '}};

class RegexReader final : public PatternReader {
 public:
  explicit RegexReader(const std::string& text) : PatternReader("regex", text) {}

  Pattern read() {
    Pattern pattern = alternatives(0);
    if (!is_over()) fail("a ')' without '('");
    return pattern;
  }

 private:
  bool named_set(char32_t c, CharacterSet& set) const override {
    const char32_t lower = c == 'D' || c == 'W' || c == 'S' ? c - 'A' + 'a' : c;
    if (lower != 'd' && lower != 'w' && lower != 's') return false;
    set = lower == 'd' ? kDigits : lower == 'w' ? kWords : kSpaces;
    if (lower != c) set = complement(set);
    return true;
  }

  Pattern alternatives(int depth) {
    if (depth > kMostDepth) fail(cat("groups lie more than ", kMostDepth, " deep"));
    std::vector<Pattern> parts;
    do {
      std::vector<Pattern> items;
      if (depth == 0) take("^");
      while (!is_over() && peek() != '|' && peek() != ')') {
        if (take("$")) {
          if (depth > 0 || (!is_over() && peek() != '|')) fail("'$' stands only at the end");
          continue;
        }
        items.push_back(item(depth));
        // A '?' behind says which of several matches is preferred, and nothing of what matches.
        if (repeats(items.back())) take("?");
      }
      parts.push_back(sequence(std::move(items)));
    } while (take("|"));
    return choice(std::move(parts));
  }

  Pattern item(int depth) {
    if (take("(")) return group(depth);
    if (take("[")) return character(set());
    if (take(".")) return character(complement({{'\n', '\n'}}));
    if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{') fail("nothing to repeat");
    if (peek() == '^') fail("'^' stands only in front");
    if (!take("\\")) {
      const char32_t c = code_point();
      return character({{c, c}});
    }
    const char32_t c = code_point();
    CharacterSet named;
    if (named_set(c, named)) return character(std::move(named));
    if (c >= '1' && c <= '9') fail("a back reference is not regular");
    const char32_t point = escaped(c);
    return character({{point, point}});
  }

  Pattern group(int depth) {
    if (take("?") && !take(":")) fail("only (...) and (?:...) are known: lookaround, names and flags are not");
    Pattern inner = alternatives(depth + 1);
    expect(")");
    return inner;
  }
};

}  // namespace

Pattern parse_regex(const std::string& text) { return RegexReader(text).read(); }

}  // namespace specula
