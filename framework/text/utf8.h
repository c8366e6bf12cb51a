// Where one UTF-8 character ends.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <string_view>

namespace specula {

inline constexpr const char* kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// What becomes U+FFFD where bytes cannot begin or continue a character: each of them, as sentencepiece does, or each
// part of a character together, as Rust and Python do (Unicode 15, section 3.9, "maximal subpart").
enum class Invalid { kEachByte, kEachPart };

// Moves every whole character from the front of `bytes` to the result.  What is left in `bytes` may still become one.
std::string take_characters(std::string& bytes, Invalid invalid = Invalid::kEachByte);

// The same for the end of a text: nothing can follow, so what is left becomes U+FFFD too.
std::string take_all_characters(std::string& bytes, Invalid invalid = Invalid::kEachByte);

bool is_well_formed(std::string_view bytes);

}  // namespace specula
