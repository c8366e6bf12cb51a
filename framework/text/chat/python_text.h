// What Python's str does, on UTF-8: positions and lengths count characters, white space is Unicode's, and only cases
// are those of ASCII (a letter beyond it is refused).  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "framework/text/chat/value.h"

namespace specula::chat {

size_t character_bytes(std::string_view text, size_t at);  // 1 for a byte that begins no character
int64_t num_characters(std::string_view text);

enum class Side { kLeft, kRight, kBoth };
std::string stripped(const std::string& text, Side side);  // of white space
std::string stripped_of(const std::string& text, const std::string& characters, Side side);
bool is_blank(std::string_view text);  // white space and nothing else; false for ""

// std::string::find, with its cost.
size_t find_text(const std::string& text, const std::string& part, size_t from, Budget& budget);
std::vector<std::string> split_text(const std::string& text, const std::string& separator, int64_t most,
                                    Budget& budget);
std::vector<std::string> split_blanks(const std::string& text, int64_t most, Budget& budget);
std::vector<std::string> split_lines(const std::string& text, Budget& budget);
// most < 0: all of them
std::string replaced(const std::string& text, const std::string& old, const std::string& fresh, int64_t most,
                     Budget& budget);

enum class LetterCase { kUpper, kLower, kCapitalized, kTitle, kTitleFilter };
std::string in_case(const std::string& text, LetterCase letter_case);

// Python's slice of `size` elements: the indices that it takes.  step != 0; huge bounds stand for absent ones.
struct Slice {
  const int64_t *begin = nullptr, *end = nullptr;
  int64_t step = 1;
};
std::vector<int64_t> slice_indices(const Slice& slice, int64_t size);
std::string sliced(const std::string& text, const Slice& slice);

}  // namespace specula::chat
