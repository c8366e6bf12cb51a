#include "framework/core/json_depth.h"

#include "framework/core/error.h"

namespace specula {

void check_json_depth(std::string_view text, const std::string& place) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMostJsonDepth)
        throw Error(cat(place, ": byte ", i, ": JSON nests more than ", kMostJsonDepth, " deep"));
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
}

}  // namespace specula
