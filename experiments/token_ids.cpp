#include "experiments/token_ids.h"

#include <charconv>

#include "framework/core/error.h"

namespace specula {

Prefix parse_ids(const std::string& text, int64_t vocab, const std::string& place) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  Prefix ids;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    size_t first = begin, last = end;
    while (first < last && is_blank(text[first])) ++first;
    while (last > first && is_blank(text[last - 1])) --last;
    const std::string word = text.substr(first, last - first);
    int64_t id = -1;
    const auto [rest, failed] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (word.empty() || failed != std::errc() || rest != word.data() + word.size()) {
      throw ConfigError(cat(place, ": '", word, "' at position ", ids.size(), " is not a token id; valid: 1,2,3"));
    }
    if (id < 0 || id >= vocab) {
      throw ConfigError(cat(place, ": id ", id, " at position ", ids.size(), " is out of range 0..", vocab - 1));
    }
    ids.push_back(static_cast<Token>(id));
    begin = end + 1;
  }
  return ids;
}

std::string ids_json(const Prefix& ids) {
  std::string text = "[";
  for (const Token id : ids) text += cat(text.size() > 1 ? "," : "", id);
  return text + "]";
}

}  // namespace specula
