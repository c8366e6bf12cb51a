// Regular expressions of tokenizer.json: written for Oniguruma's Ruby syntax, matched by PCRE2 with its meanings.
// Bounded: a pattern that backtracks without end is an error, not a hang.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace specula {

struct Match {
  size_t begin, end;
};

class Regex {
 public:
  // `place` names the pattern in error texts.  Throws Error for what is no regular expression.
  Regex(const std::string& pattern, std::string place);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // The first match in well-formed `text` that begins at `from` or later.  Throws Error where the search takes more
  // than kMaxSteps steps.  Not for several threads at once.
  std::optional<Match> find(std::string_view text, size_t from) const;

  static constexpr unsigned kMaxSteps = 10'000'000;

 private:
  struct Compiled;
  std::unique_ptr<Compiled> compiled_;
};

// The same pattern for PCRE2.  Throws Error for constructs that have no counterpart.
std::string translate_regex(const std::string& pattern, const std::string& place);

}  // namespace specula
