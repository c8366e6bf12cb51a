#include "framework/text/tokenizers/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <span>
#include <vector>

#include "framework/core/error.h"
#include "framework/text/tokenizers/unicode_tables.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

bool in_table(std::span<const CodeRange> table, char32_t code) {
  const auto after = std::upper_bound(table.begin(), table.end(), code,
                                      [](char32_t given, const CodeRange& range) { return given < range.first; });
  return after != table.begin() && code <= std::prev(after)->last;
}

int options_of(NormalForm form) {
  const bool composed = form == NormalForm::kC || form == NormalForm::kKC;
  const bool compatible = form == NormalForm::kKC || form == NormalForm::kKD;
  return UTF8PROC_STABLE | (composed ? UTF8PROC_COMPOSE : UTF8PROC_DECOMPOSE) | (compatible ? UTF8PROC_COMPAT : 0);
}

void append_normalized(std::string& out, std::string_view part, NormalForm form) {
  if (part.empty()) return;
  const auto options = static_cast<utf8proc_option_t>(options_of(form));
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(part.data());
  const auto size = static_cast<utf8proc_ssize_t>(part.size());
  // One character becomes 18 at most (U+FDFA).
  std::vector<utf8proc_int32_t> codes(part.size() + 32);
  utf8proc_ssize_t count = utf8proc_decompose(bytes, size, codes.data(), std::ssize(codes), options);
  if (count > std::ssize(codes)) {
    codes.resize(static_cast<size_t>(count));
    count = utf8proc_decompose(bytes, size, codes.data(), count, options);
  }
  SPECULA_CHECK(count >= 0, utf8proc_errmsg(count));
  count = utf8proc_normalize_utf32(codes.data(), count, options);
  SPECULA_CHECK(count >= 0, utf8proc_errmsg(count));
  for (utf8proc_ssize_t i = 0; i < count; ++i)
    append_character(out, static_cast<char32_t>(codes[static_cast<size_t>(i)]));
}

// `run` begins where nothing before it takes part in its composition.
void append_normalized_run(std::string& out, std::string_view run, NormalForm form) {
  size_t done = 0;
  for (size_t at = 0; at < run.size();) {
    const Character c = character_at(run, at);
    if (c.code >= 0x80 && in_table(kUndecomposed, c.code)) {
      append_normalized(out, run.substr(done, at - done), form);
      out.append(run, at, c.length);
      done = at + c.length;
    }
    at += c.length;
  }
  append_normalized(out, run.substr(done), form);
}

}  // namespace

std::string repaired(const std::string& text) {
  std::string bytes = text;
  return take_all_characters(bytes, Invalid::kEachPart);
}

Character character_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(text[at + i])); };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xE0) return {(first & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (first < 0xF0) return {(first & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(first & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

size_t character_before(std::string_view text, size_t end) {
  size_t at = end - 1;
  while (at > 0 && continues_character(text[at])) --at;
  return at;
}

void append_character(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

bool is_space(char32_t code) {
  if (code < 0x80) return code == 0x20 || (code >= 0x09 && code <= 0x0D);
  return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

bool is_punctuation(char32_t code) { return in_table(kPunctuation, code); }
bool is_numeric(char32_t code) { return in_table(kNumeric, code); }
bool is_word(char32_t code) { return in_table(kWord, code); }
bool is_nonspacing(char32_t code) { return in_table(kNonspacing, code); }
bool is_combining(char32_t code) { return in_table(kCombining, code); }
bool is_cleaned(char32_t code) { return code == 0 || in_table(kCleaned, code); }

std::string normal_form(std::string_view text, NormalForm form) {
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    // Between two ASCII characters nothing composes, so what is normalized is a run with the ASCII character before it.
    size_t run = at;
    while (run < text.size() && is_ascii(text[run])) ++run;
    if (run == text.size()) break;
    if (run > at) --run;
    out.append(text, at, run - at);
    at = run + 1;
    while (at < text.size() && !is_ascii(text[at])) ++at;
    append_normalized_run(out, text.substr(run, at - run), form);
  }
  return out.append(text, at, std::string::npos);
}

void append_lower(std::string& text, char32_t code) {
  if (code == 0x130) {  // the one lower case of two characters
    text += "i\xCC\x87";
    return;
  }
  const auto known = std::lower_bound(std::begin(kNewLower), std::end(kNewLower), code,
                                      [](const CodePair& pair, char32_t given) { return pair.from < given; });
  const bool is_new = known != std::end(kNewLower) && known->from == code;
  append_character(text, is_new ? known->to : static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(code))));
}

bool joins(char32_t left, char32_t right, int& state) {
  return !utf8proc_grapheme_break_stateful(static_cast<int32_t>(left), static_cast<int32_t>(right), &state);
}

}  // namespace specula
