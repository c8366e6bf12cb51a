// What readers of patterns share: characters, escapes, sets and counts, and errors that name the column.  Licence:
// Apache-2.0.
#pragma once

#include <string>

#include "framework/text/expression.h"

namespace specula {

class PatternReader {
 public:
  // `kind` is what errors call it ("regex").
  PatternReader(std::string kind, const std::string& text) : kind_(std::move(kind)), text_(text) {}

 protected:
  static constexpr int kMostDepth = 200;        // of groups in groups
  static constexpr int64_t kMostCount = 10000;  // of a counted repetition

  bool is_over() const { return at_ >= text_.size(); }
  char peek() const { return is_over() ? '\0' : text_[at_]; }
  bool sees(std::string_view what) const { return text_.compare(at_, what.size(), what) == 0; }
  bool take(std::string_view what);
  void expect(std::string_view what);
  char32_t code_point();  // the next character as it stands
  char32_t escaped(
      char32_t c);     // n, t, r, f, v, 0, x41, x{1F600}, u0041, U0001F600, or a sign, which stands for itself
  CharacterSet set();  // behind '[': to and with ']'
  // Takes one of *, +, ?, {m}, {m,}, {m,n} and repeats `what` so; false: there is none.
  bool repeats(Pattern& what);
  virtual bool named_set(char32_t /*c*/, CharacterSet& /*set*/) const { return false; }  // what \\c stands for
  [[noreturn]] void fail(const std::string& what) const;

  size_t at_ = 0;

 private:
  char32_t hexadecimal(int digits);
  int64_t count();
  char32_t end_of_interval();

  std::string kind_;
  const std::string& text_;
};

}  // namespace specula
