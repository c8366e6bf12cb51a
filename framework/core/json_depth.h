// A bound on how deep JSON from a file nests, checked before it is parsed.  A parser may do without recursion, but what
// comes after it - copies, dumps into error texts, destruction - recurses once a level, and a file of a few hundred
// thousand brackets would end the process.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <string_view>

namespace specula {

inline constexpr int kMostJsonDepth = 100;  // no file of a model nests more than 10 deep

// Throws Error naming `place` for brackets and braces that are open more than kMostJsonDepth deep.
void check_json_depth(std::string_view text, const std::string& place);

}  // namespace specula
