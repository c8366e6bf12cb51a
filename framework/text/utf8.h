// Where one UTF-8 character ends.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <string_view>

namespace specula {

inline constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// Moves every whole character from the front of `bytes` to the result; a byte that cannot begin or continue one becomes
// U+FFFD (one for each such byte, as sentencepiece does).  What is left in `bytes` may still become a character.
std::string take_characters(std::string& bytes);

// The same for the end of a text: nothing can follow, so what is left becomes U+FFFD too.
std::string take_all_characters(std::string& bytes);

}  // namespace specula
