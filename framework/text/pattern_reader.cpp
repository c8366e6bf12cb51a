#include "framework/text/pattern_reader.h"

#include <cctype>

#include "framework/core/error.h"
#include "framework/core/value.h"

namespace specula {

bool PatternReader::take(std::string_view what) {
  if (is_over() || !sees(what)) return false;
  at_ += what.size();
  return true;
}

void PatternReader::expect(std::string_view what) {
  if (!take(what)) fail(cat("'", std::string(what), "' is expected"));
}

void PatternReader::fail(const std::string& what) const {
  throw ConfigError(cat(kind_, ": column ", at_ + 1, " of ", quoted(text_), ": ", what));
}

char32_t PatternReader::code_point() {
  if (is_over()) fail("it ends too early");
  return take_code_point(text_, at_);
}

char32_t PatternReader::hexadecimal(int digits) {
  char32_t value = 0;
  const bool is_braced = take("{");
  int read = 0;
  for (; (is_braced ? read < 6 : read < digits) && std::isxdigit(static_cast<unsigned char>(peek())) != 0; ++read) {
    const char c = text_[at_++];
    value = value * 16 + static_cast<char32_t>(std::isdigit(static_cast<unsigned char>(c)) != 0
                                                   ? c - '0'
                                                   : std::tolower(static_cast<unsigned char>(c)) - 'a' + 10);
  }
  if (read == 0 || (!is_braced && read < digits)) fail("hexadecimal digits are expected");
  if (is_braced) expect("}");
  if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF)) fail("it is no character");
  return value;
}

char32_t PatternReader::escaped(char32_t c) {
  switch (c) {
    case 'n':
      return '\n';
    case 't':
      return '\t';
    case 'r':
      return '\r';
    case 'f':
      return '\f';
    case 'v':
      return '\v';
    case '0':
      return 0;
    case 'x':
      return hexadecimal(2);
    case 'u':
      return hexadecimal(4);
    case 'U':
      return hexadecimal(8);
    default:
      if (c < 0x80 && std::isalnum(static_cast<int>(c)) != 0) fail("this escape has no meaning here");
      return c;
  }
}

char32_t PatternReader::end_of_interval() {
  const char32_t c = code_point();
  return c == '\\' ? escaped(code_point()) : c;
}

CharacterSet PatternReader::set() {
  const bool is_negated = take("^");
  CharacterSet set;
  bool is_first = true;  // where ']' stands for itself
  while (is_first || !take("]")) {
    is_first = false;
    char32_t first = code_point();
    if (first == '\\') {
      const char32_t c = code_point();
      CharacterSet named;
      if (named_set(c, named)) {
        set.insert(set.end(), named.begin(), named.end());
        continue;
      }
      first = escaped(c);
    }
    char32_t last = first;
    if (peek() == '-' && !sees("-]") && take("-")) last = end_of_interval();
    if (last < first) fail("the interval ends before it begins");
    set.push_back({first, last});
  }
  if (!is_negated) return set;
  set = complement(std::move(set));
  if (set.empty()) fail("the set is empty");
  return set;
}

int64_t PatternReader::count() {
  if (std::isdigit(static_cast<unsigned char>(peek())) == 0) fail("a number is expected");
  int64_t value = 0;
  while (std::isdigit(static_cast<unsigned char>(peek())) != 0) {
    value = value * 10 + (text_[at_] - '0');
    if (value > kMostCount) fail(cat("a count is at most ", kMostCount));
    ++at_;
  }
  return value;
}

bool PatternReader::repeats(Pattern& what) {
  if (take("*")) {
    what = repetition(std::move(what), 0, -1);
  } else if (take("+")) {
    what = repetition(std::move(what), 1, -1);
  } else if (take("?")) {
    what = optional(std::move(what));
  } else if (take("{")) {
    const int64_t least = count();
    const int64_t most = !take(",") ? least : peek() == '}' ? -1 : count();
    if (most >= 0 && most < least) fail("the larger count comes second");
    expect("}");
    what = repetition(std::move(what), least, most);
  } else {
    return false;
  }
  return true;
}

}  // namespace specula
