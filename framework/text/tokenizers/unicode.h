// Characters of UTF-8 text: their classes as Hugging Face's tokenizers see them (unicode_tables.h), normal forms, lower
// case.  All functions take well-formed UTF-8, which repaired() makes of anything.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <string_view>

namespace specula {

// Each maximal part of `text` that belongs to no character becomes U+FFFD, as with errors="replace" in Python.
std::string repaired(const std::string& text);

struct Character {
  char32_t code;
  size_t length;  // bytes
};
Character character_at(std::string_view text, size_t at);    // at < text.size()
size_t character_before(std::string_view text, size_t end);  // where the character that ends at `end` > 0 begins
void append_character(std::string& text, char32_t code);
inline bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }
inline bool is_ascii(char byte) { return static_cast<unsigned char>(byte) < 0x80; }

bool is_space(char32_t code);        // White_Space
bool is_punctuation(char32_t code);  // ASCII punctuation and category P
bool is_numeric(char32_t code);      // category N
bool is_word(char32_t code);         // \w
bool is_nonspacing(char32_t code);   // category Mn
bool is_combining(char32_t code);    // category M
bool is_cleaned(char32_t code);      // what BertNormalizer cleans away

enum class NormalForm { kC, kD, kKC, kKD };
std::string normal_form(std::string_view text, NormalForm form);
void append_lower(std::string& text, char32_t code);
// Whether a user sees one character where `left` and `right` follow each other, for marks behind letters and CR LF.
// `state` is 0 at the start of a text.
bool joins(char32_t left, char32_t right, int& state);

}  // namespace specula
