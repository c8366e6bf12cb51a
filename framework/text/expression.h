// Regular expressions over characters, however they were written: a pattern, a grammar without recursion, a JSON
// schema. Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace specula {

struct Interval {  // of code points, both ends included
  char32_t first, last;
};
using CharacterSet = std::vector<Interval>;
inline constexpr char32_t kLastCodePoint = 0x10FFFF;
CharacterSet complement(CharacterSet set);

// How deep expressions may lie in each other: whoever walks them calls himself.
inline constexpr int kMostExpressionDepth = 1000;

struct Expression;
// Shared, since a rule of a grammar may stand in many places; it never changes.
using Pattern = std::shared_ptr<const Expression>;

struct Expression {
  enum class Kind { kCharacter, kSequence, kChoice, kRepetition };
  Kind kind;
  CharacterSet set{};            // kCharacter: one of them
  std::vector<Pattern> parts{};  // of a sequence, the empty one too, or of a choice; what is repeated
  int64_t least = 0, most = 0;   // kRepetition; most < 0: without end
  int depth = 0;                 // of what lies in it
};

// These throw ConfigError where they would lie too deep.
Pattern character(CharacterSet set);
Pattern literal(std::string_view text);  // UTF-8; throws ConfigError where it is not
Pattern sequence(std::vector<Pattern> parts);
Pattern choice(std::vector<Pattern> parts);
Pattern repetition(Pattern what, int64_t least, int64_t most);
inline Pattern optional(Pattern what) { return repetition(std::move(what), 0, 1); }

// The code point at `at`, which is moved behind it.  Throws ConfigError naming the byte where it is not UTF-8.
char32_t take_code_point(std::string_view text, size_t& at);

}  // namespace specula
