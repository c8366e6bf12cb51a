// What a text is split at or searched for: a string, a regular expression, or characters of a kind.  Licence:
// Apache-2.0.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "framework/text/tokenizers/regex.h"
#include "framework/text/tokenizers/section.h"

namespace specula {

class Pattern {
 public:
  virtual ~Pattern() = default;
  // The next match at or behind `from`.  `last_end`: where the last match ended, npos for none; an empty match there
  // is no further match.
  virtual std::optional<Match> next(std::string_view text, size_t from, size_t last_end) const = 0;
};

// {"String": "..."} or {"Regex": "..."}, as `key` of the section.
std::unique_ptr<Pattern> read_pattern(const Section& section, const char* key);
std::unique_ptr<Pattern> literal(std::string text);
std::unique_ptr<Pattern> regex(const std::string& pattern, std::string place);
std::unique_ptr<Pattern> characters(std::function<bool(char32_t)> match);  // each one is a match

// each(part, is_match) for the matches and what lies between them, in order; no part between is empty.
template <class Each>
void for_each_part(const Pattern& pattern, std::string_view text, const Each& each) {
  size_t done = 0, last_end = std::string_view::npos;
  while (const auto match = pattern.next(text, done, last_end)) {
    if (match->begin > done) each(text.substr(done, match->begin - done), false);
    each(text.substr(match->begin, match->end - match->begin), true);
    done = last_end = match->end;
  }
  if (done < text.size()) each(text.substr(done), false);
}

// What becomes of the matches where a text is split.
enum class Behavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };
Behavior read_behavior(const Section& section, const char* key, const std::string& fallback);

// Appends the pieces of `text` as (begin, end), some of which may be empty.  `invert`: what does not match is what
// counts as a match.
void split(std::string_view text, const Pattern& pattern, Behavior behavior, bool invert, std::vector<Match>& pieces);

}  // namespace specula
