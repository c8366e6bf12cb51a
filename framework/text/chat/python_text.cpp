#include "framework/text/chat/python_text.h"

#include <algorithm>
#include <cctype>

#include "framework/core/error.h"

namespace specula::chat {
namespace {

char32_t code_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const size_t bytes = character_bytes(text, at);
  if (bytes == 1) return byte(0);
  char32_t code = byte(0) & (0xFFU >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) code = (code << 6U) | (byte(i) & 0x3FU);
  return code;
}

// str.isspace of Python: bidirectional type WS, B or S, or category Zs.
bool is_space(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) return (first >= 9 && first <= 13) || (first >= 0x1C && first <= 0x20);
  if (character_bytes(text, at) == 1) return false;  // no character
  const char32_t code = code_at(text, at);
  return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 ||
         code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

size_t character_start(std::string_view text, size_t end) {
  for (size_t bytes = std::min<size_t>(4, end); bytes > 1; --bytes) {
    if (character_bytes(text, end - bytes) == bytes) return end - bytes;
  }
  return end - 1;
}

template <class Drop>
std::string stripped_where(const std::string& text, Side side, Drop drop) {
  size_t begin = 0, end = text.size();
  if (side != Side::kRight) {
    while (begin < end && drop(begin)) begin += character_bytes(text, begin);
  }
  if (side != Side::kLeft) {
    while (end > begin && drop(character_start(text, end))) end = character_start(text, end);
  }
  return text.substr(begin, end - begin);
}

bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }
char upper(char c) { return static_cast<char>(std::toupper(static_cast<unsigned char>(c))); }
char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

}  // namespace

size_t character_bytes(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const size_t bytes = first < 0xC2 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 1;
  if (at + bytes > text.size()) return 1;
  for (size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0U) != 0x80) return 1;
  }
  return bytes;
}

int64_t num_characters(std::string_view text) {
  int64_t count = 0;
  for (size_t i = 0; i < text.size(); i += character_bytes(text, i)) ++count;
  return count;
}

std::string stripped(const std::string& text, Side side) {
  return stripped_where(text, side, [&](size_t at) { return is_space(text, at); });
}

std::string stripped_of(const std::string& text, const std::string& characters, Side side) {
  return stripped_where(text, side, [&](size_t at) {
    const std::string_view one = std::string_view(text).substr(at, character_bytes(text, at));
    for (size_t i = 0; i < characters.size(); i += character_bytes(characters, i)) {
      if (std::string_view(characters).substr(i, character_bytes(characters, i)) == one) return true;
    }
    return false;
  });
}

bool is_blank(std::string_view text) {
  for (size_t i = 0; i < text.size(); i += character_bytes(text, i)) {
    if (!is_space(text, i)) return false;
  }
  return !text.empty();
}

size_t find_text(const std::string& text, const std::string& part, size_t from, Budget& budget) {
  const size_t found = text.find(part, from);
  const size_t passed = std::min(found, text.size()) - std::min(from, text.size());
  budget.read(passed + passed / 8 * std::min(part.size(), passed));  // at worst, the product
  return found;
}

std::vector<std::string> split_text(const std::string& text, const std::string& separator, int64_t most,
                                    Budget& budget) {
  if (separator.empty()) throw Fault("'split' with an empty separator");
  std::vector<std::string> parts;
  size_t at = 0;
  while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
    const size_t found = find_text(text, separator, at, budget);
    if (found == std::string::npos) break;
    budget.spend(1);
    parts.push_back(text.substr(at, found - at));
    at = found + separator.size();
  }
  parts.push_back(text.substr(at));
  return parts;
}

std::vector<std::string> split_blanks(const std::string& text, int64_t most, Budget& budget) {
  budget.read(text.size());
  std::vector<std::string> parts;
  const auto skip = [&](size_t at, bool blanks) {
    while (at < text.size() && is_space(text, at) == blanks) at += character_bytes(text, at);
    return at;
  };
  for (size_t at = skip(0, true); at < text.size();) {
    budget.spend(1);
    if (most >= 0 && static_cast<int64_t>(parts.size()) >= most) {
      parts.push_back(stripped(text.substr(at), Side::kRight));
      return parts;
    }
    const size_t end = skip(at, false);
    parts.push_back(text.substr(at, end - at));
    at = skip(end, true);
  }
  return parts;
}

std::vector<std::string> split_lines(const std::string& text, Budget& budget) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    budget.spend(1);
    size_t end = at;
    const auto ends = [&](size_t i) {  // the boundaries of str.splitlines
      const char32_t code = code_at(text, i);
      return (code >= 10 && code <= 13) || (code >= 0x1C && code <= 0x1E) ||
             (character_bytes(text, i) > 1 && (code == 0x85 || code == 0x2028 || code == 0x2029));
    };
    while (end < text.size() && !ends(end)) end += character_bytes(text, end);
    lines.push_back(text.substr(at, end - at));
    if (end < text.size()) end += text.compare(end, 2, "\r\n") == 0 ? 2 : character_bytes(text, end);
    at = end;
  }
  return lines;
}

std::string replaced(const std::string& text, const std::string& old, const std::string& fresh, int64_t most,
                     Budget& budget) {
  if (old.empty()) unsupported("'replace' of an empty text");
  std::string out;
  size_t at = 0;
  for (int64_t count = 0; most < 0 || count < most; ++count) {
    const size_t found = find_text(text, old, at, budget);
    if (found == std::string::npos) break;
    budget.spend(1);
    out.append(text, at, found - at).append(fresh);
    if (out.size() > kMostTextBytes) unsupported(cat("a text of more than ", kMostTextBytes, " bytes"));
    at = found + old.size();
  }
  return out.append(text, at);
}

std::string in_case(const std::string& text, LetterCase letter_case) {
  std::string out = text;
  bool begins = true;  // a word, as the two kinds of title see it
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) unsupported("upper and lower case of a text beyond ASCII");
    const bool raise = letter_case == LetterCase::kUpper || (letter_case != LetterCase::kLower && begins);
    begins = false;
    if (letter_case == LetterCase::kTitle) begins = !is_letter(c);
    if (letter_case == LetterCase::kTitleFilter)
      begins = std::string_view("-({[<").find(c) != std::string_view::npos || is_blank({&c, 1});
    c = raise ? upper(c) : lower(c);
  }
  return out;
}

std::vector<int64_t> slice_indices(const Slice& slice, int64_t size) {
  const int64_t step = slice.step, low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const auto bound = [&](const int64_t* given, int64_t fallback) {
    if (given == nullptr) return fallback;
    const int64_t index = *given < 0 ? std::max(*given, -size - 1) + size : *given;
    return std::clamp(index, low, high);
  };
  const int64_t begin = bound(slice.begin, step > 0 ? low : high), end = bound(slice.end, step > 0 ? high : low);
  std::vector<int64_t> indices;
  const int64_t stride = std::clamp(step, -size - 1, size + 1);  // beyond the end in either case, and never overflows
  for (int64_t i = begin; stride > 0 ? i < end : i > end; i += stride) indices.push_back(i);
  return indices;
}

std::string sliced(const std::string& text, const Slice& slice) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); i += character_bytes(text, i)) starts.push_back(i);
  std::string out;
  for (const int64_t i : slice_indices(slice, static_cast<int64_t>(starts.size()))) {
    const size_t at = starts[static_cast<size_t>(i)];
    out.append(text, at, character_bytes(text, at));
  }
  return out;
}

}  // namespace specula::chat
