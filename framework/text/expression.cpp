#include "framework/text/expression.h"

#include <algorithm>

#include "framework/core/error.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

Pattern made(Expression expression) {
  for (const Pattern& part : expression.parts) expression.depth = std::max(expression.depth, part->depth + 1);
  if (expression.depth > kMostExpressionDepth)
    throw ConfigError(cat("the pattern's parts lie more than ", kMostExpressionDepth, " deep in each other"));
  return std::make_shared<const Expression>(std::move(expression));
}

}  // namespace

CharacterSet complement(CharacterSet set) {
  std::sort(set.begin(), set.end(), [](const Interval& a, const Interval& b) { return a.first < b.first; });
  CharacterSet rest;
  char32_t from = 0;
  for (const Interval& interval : set) {
    if (interval.first > from) rest.push_back({from, interval.first - 1});
    from = std::max<char32_t>(from, interval.last + 1);
  }
  if (from <= kLastCodePoint) rest.push_back({from, kLastCodePoint});
  return rest;
}

Pattern character(CharacterSet set) { return made({.kind = Expression::Kind::kCharacter, .set = std::move(set)}); }

Pattern literal(std::string_view text) {
  std::vector<Pattern> parts;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = take_code_point(text, at);
    parts.push_back(character({{c, c}}));
  }
  return sequence(std::move(parts));
}

Pattern sequence(std::vector<Pattern> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return made({.kind = Expression::Kind::kSequence, .parts = std::move(parts)});
}

Pattern choice(std::vector<Pattern> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return made({.kind = Expression::Kind::kChoice, .parts = std::move(parts)});
}

Pattern repetition(Pattern what, int64_t least, int64_t most) {
  return made({.kind = Expression::Kind::kRepetition, .parts = {std::move(what)}, .least = least, .most = most});
}

char32_t take_code_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[at + i]); };
  const uint8_t first = byte(0);
  const size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::string bytes(text.substr(at, length));
  if (take_characters(bytes) != text.substr(at, length) || !bytes.empty())
    throw ConfigError(cat("byte ", at + 1, " of the text is not UTF-8"));
  char32_t point = length == 1 ? first : first & (0xFFU >> (length + 1));
  for (size_t i = 1; i < length; ++i) point = point << 6 | (byte(i) & 0x3FU);
  at += length;
  return point;
}

}  // namespace specula
