#include "framework/text/chat/lexer.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "framework/core/error.h"
#include "framework/text/chat/python_text.h"

namespace specula::chat {
namespace {

using Kind = Word::Kind;

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_blank_char(char c) { return is_blank({&c, 1}); }

void append_utf8(std::string& out, uint32_t code) {
  const auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6U);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12U);
    } else {
      put(0xF0 | code >> 18U);
      put(0x80 | (code >> 12U & 0x3FU));
    }
    put(0x80 | (code >> 6U & 0x3FU));
  }
  put(0x80 | (code & 0x3FU));
}

// "\r\n" and "\r" become "\n".
std::string with_newlines(const std::string& source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r' && i + 1 < source.size() && source[i + 1] == '\n') continue;
    out += source[i] == '\r' ? '\n' : source[i];
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(const std::string& source) : source_(with_newlines(source)) {}

  std::vector<Word> read() {
    while (at_ < source_.size()) read_text();
    add(Kind::kEnd, "end of the template");
    return std::move(words_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw Error(cat("chat template, line ", line_, ": ", what)); }
  void add(Kind kind, std::string text) { words_.push_back({kind, std::move(text), line_}); }
  char ahead(size_t offset = 0) const { return at_ + offset < source_.size() ? source_[at_ + offset] : '\0'; }
  bool follows(const char* text) const { return source_.compare(at_, std::char_traits<char>::length(text), text) == 0; }
  void move(size_t bytes) {
    line_ += static_cast<int>(std::count(source_.begin() + static_cast<int64_t>(at_),
                                         source_.begin() + static_cast<int64_t>(at_ + bytes), '\n'));
    at_ += bytes;
  }
  void skip_blanks() {
    const auto character = [&] { return std::string_view(source_).substr(at_, character_bytes(source_, at_)); };
    while (at_ < source_.size() && is_blank(character())) move(character().size());
  }

  // Up to the next {{, {% or {#, and what that is.
  void read_text() {
    size_t open = at_;
    while ((open = source_.find('{', open)) != std::string::npos &&
           (open + 1 == source_.size() || std::string("{%#").find(source_[open + 1]) == std::string::npos)) {
      ++open;
    }
    const bool last = open == std::string::npos;
    const char sign = last || open + 2 >= source_.size() ? '\0' : source_[open + 2];
    std::string text = source_.substr(at_, last ? open : open - at_);
    const size_t bytes = text.size();
    strip_end(text, sign, !last && source_[open + 1] != '{');
    if (!text.empty()) add(Kind::kText, text);
    move(bytes);
    if (last) return;
    const char which = source_[open + 1];
    move(sign == '-' || sign == '+' ? 3 : 2);
    if (which == '#') {
      skip_comment();
    } else if (which == '%') {
      if (!read_raw()) read_code(Kind::kBlock, Kind::kEndBlock, "%}");
    } else {
      read_code(Kind::kPrint, Kind::kEndPrint, "}}");
    }
  }

  // Of a text that something follows: "-" takes all white space, a block the blanks before it on its line.
  void strip_end(std::string& text, char sign, bool block) const {
    if (sign == '-') {
      text = stripped(text, Side::kRight);
    } else if (block && sign != '+') {
      const size_t newline = text.rfind('\n');
      const size_t start = newline == std::string::npos ? 0 : newline + 1;
      const bool at_line_start = start > 0 || at_ == 0 || source_[at_ - 1] == '\n';
      if (at_line_start && is_blank(std::string_view(text).substr(start))) text.resize(start);
    }
  }

  void skip_comment() {
    const size_t close = source_.find("#}", at_);
    if (close == std::string::npos) fail("'{#' is not closed");
    const char sign = close > at_ ? source_[close - 1] : '\0';
    move(close + 2 - at_);
    end_tag(sign, true);
  }

  // Behind a closing tag: "-" takes all white space, a block without a sign one newline.
  void end_tag(char sign, bool block) {
    if (sign == '-') {
      skip_blanks();
    } else if (block && sign != '+' && ahead() == '\n') {
      move(1);
    }
  }

  // {% raw %} ... {% endraw %}
  bool read_raw() {
    size_t i = at_;
    while (i < source_.size() && is_blank_char(source_[i])) ++i;
    if (source_.compare(i, 3, "raw") != 0) return false;
    for (i += 3; i < source_.size() && is_blank_char(source_[i]);) ++i;
    const bool minus = i < source_.size() && source_[i] == '-';
    if (source_.compare(i + (minus ? 1 : 0), 2, "%}") != 0) return false;
    move(i + (minus ? 3 : 2) - at_);
    if (minus) skip_blanks();
    for (size_t open = at_; (open = source_.find("{%", open)) != std::string::npos; open += 2) {
      size_t end = open + 2;
      const char sign = end < source_.size() ? source_[end] : '\0';
      if (sign == '-' || sign == '+') ++end;
      while (end < source_.size() && is_blank_char(source_[end])) ++end;
      if (source_.compare(end, 6, "endraw") != 0) continue;
      for (end += 6; end < source_.size() && is_blank_char(source_[end]);) ++end;
      const char last = end < source_.size() ? source_[end] : '\0';
      if (last == '-' || last == '+') ++end;
      if (source_.compare(end, 2, "%}") != 0) continue;
      std::string text = source_.substr(at_, open - at_);
      strip_end(text, sign, true);
      if (!text.empty()) add(Kind::kText, text);
      move(end + 2 - at_);
      end_tag(last, true);
      return true;
    }
    fail("'raw' without 'endraw'");
  }

  void read_code(Kind open, Kind close, const char* closing) {
    add(open, closing[0] == '%' ? "{%" : "{{");
    const int first_line = line_;
    std::string brackets;  // that are open: inside them "}}" closes two mappings
    for (;;) {
      skip_blanks();
      if (at_ >= source_.size()) {
        line_ = first_line;
        fail(cat("'", closing[0] == '%' ? "{%" : "{{", "' is not closed"));
      }
      if (brackets.empty()) {
        const char c = ahead();
        const bool has_sign =
            (c == '-' || (c == '+' && close == Kind::kEndBlock)) && source_.compare(at_ + 1, 2, closing) == 0;
        if (has_sign || follows(closing)) {
          add(close, closing);
          move(has_sign ? 3 : 2);
          return end_tag(has_sign ? c : '\0', close == Kind::kEndBlock);
        }
      }
      read_word(brackets);
    }
  }

  void read_word(std::string& brackets) {
    const char c = ahead();
    if (c == '\'' || c == '"') return read_string(c);
    if (is_digit(c)) return read_number();
    if (is_word(c)) {
      size_t end = at_;
      while (end < source_.size() && is_word(source_[end])) ++end;
      add(Kind::kName, source_.substr(at_, end - at_));
      return move(end - at_);
    }
    static constexpr std::string_view kOpen = "([{", kClose = ")]}";
    if (kOpen.find(c) != std::string_view::npos) {
      brackets += kClose[kOpen.find(c)];
    } else if (kClose.find(c) != std::string_view::npos) {
      if (brackets.empty() || brackets.back() != c) fail(cat("'", c, "' closes nothing"));
      brackets.pop_back();
    } else if (std::string_view("+-/*%~=!<>.:|,").find(c) == std::string_view::npos) {
      fail(cat("'", source_.substr(at_, character_bytes(source_, at_)), "' is not supported"));
    }
    size_t bytes = 1;
    for (const char* wide : {"==", "!=", "<=", ">=", "//", "**"}) {
      if (follows(wide)) bytes = 2;
    }
    add(Kind::kSymbol, source_.substr(at_, bytes));
    move(bytes);
  }

  void read_number() {
    size_t end = at_;
    const auto digits = [&] {
      while (end < source_.size() && (is_digit(source_[end]) ||
                                      (source_[end] == '_' && end + 1 < source_.size() && is_digit(source_[end + 1]))))
        ++end;
    };
    const auto digit_at = [&](size_t i) { return i < source_.size() && is_digit(source_[i]); };
    digits();
    bool whole = true;
    if (digit_at(end + 1) && source_[end] == '.') {
      whole = false;
      ++end;
      digits();
    }
    if (end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      const bool sign = end + 1 < source_.size() && (source_[end + 1] == '+' || source_[end + 1] == '-');
      if (digit_at(end + (sign ? 2 : 1))) {
        whole = false;
        end += sign ? 2 : 1;
        digits();
      }
    }
    std::string text = source_.substr(at_, end - at_);
    if (end < source_.size() && is_word(source_[end])) fail(cat("number ", text, source_[end], " is not supported"));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    if (whole && text.size() > 1 && text[0] == '0') fail(cat("number ", text, " is not supported"));
    if (text.size() > 18) fail(cat("number ", text, " is not supported"));  // what fits into 64 bits
    add(whole ? Kind::kInteger : Kind::kFloat, text);
    move(end - at_);
  }

  void read_string(char quote) {
    std::string content;
    size_t i = at_ + 1;
    for (; i < source_.size() && source_[i] != quote; ++i) {
      if (source_[i] == '\\' && i + 1 < source_.size()) {
        i = read_escape(i + 1, content);
      } else {
        content += source_[i];
      }
    }
    if (i >= source_.size()) fail("string without its end");
    add(Kind::kString, content);
    move(i + 1 - at_);
  }

  // The escape whose letter stands at `i`, as Python reads it; returns where it ends.
  size_t read_escape(size_t i, std::string& out) const {
    static constexpr std::string_view kNames = "abfnrtv\\'\"", kBytes = "\a\b\f\n\r\t\v\\'\"";
    const char c = source_[i];
    if (kNames.find(c) != std::string_view::npos) {
      out += kBytes[kNames.find(c)];
      return i;
    }
    if (c == '\n') return i;
    const bool octal = c >= '0' && c <= '7';
    const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
    if (c == 'N') fail("escape \\N is not supported");
    if (digits == 0) {  // no escape: the backslash stays
      out += '\\';
      out += c;
      return i;
    }
    const size_t first = octal ? i : i + 1;
    uint32_t code = 0;
    const char* begin = source_.data() + first;
    const auto [end, status] =
        std::from_chars(begin, begin + std::min(digits, source_.size() - first), code, octal ? 8 : 16);
    if (status != std::errc() || (!octal && end != begin + digits) || code > 0x10FFFF ||
        (code >= 0xD800 && code < 0xE000))
      fail(cat("escape \\", source_.substr(i, digits + 1), " is not supported"));
    append_utf8(out, code);
    return first + static_cast<size_t>(end - begin) - 1;
  }

  std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  std::vector<Word> words_;
};

}  // namespace

std::vector<Word> read_words(const std::string& source) { return Lexer(source).read(); }

}  // namespace specula::chat
