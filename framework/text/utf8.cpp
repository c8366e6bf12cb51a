#include "framework/text/utf8.h"

#include <algorithm>
#include <cstdint>

namespace specula {
namespace {

enum class Front { kWhole, kHalf, kInvalid };

struct Classified {
  Front front;
  size_t length;  // bytes of the character, or of what would have begun one
};

// The table of well-formed byte sequences (Unicode 15, table 3-7): the first byte fixes the length and the range of the
// second.
Classified classify(std::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return {Front::kWhole, 1};
  size_t length = 0;
  uint8_t low = 0x80, high = 0xBF;
  if (first >= 0xC2 && first <= 0xDF) length = 2;
  if (first >= 0xE0 && first <= 0xEF) length = 3;
  if (first >= 0xF0 && first <= 0xF4) length = 4;
  if (length == 0) return {Front::kInvalid, 1};
  if (first == 0xE0) low = 0xA0;   // overlong
  if (first == 0xED) high = 0x9F;  // surrogates
  if (first == 0xF0) low = 0x90;   // overlong
  if (first == 0xF4) high = 0x8F;  // beyond U+10FFFF
  for (size_t i = 1; i < std::min(length, bytes.size()); ++i) {
    if (at(i) < low || at(i) > high) return {Front::kInvalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {bytes.size() < length ? Front::kHalf : Front::kWhole, length};
}

}  // namespace

std::string take_characters(std::string& bytes, Invalid invalid) {
  std::string text;
  size_t done = 0;
  while (done < bytes.size()) {
    const Classified c = classify(std::string_view(bytes).substr(done));
    if (c.front == Front::kHalf) break;
    if (c.front == Front::kWhole) {
      text.append(bytes, done, c.length);
    } else {
      text += kReplacement;
    }
    done += c.front == Front::kWhole || invalid == Invalid::kEachPart ? c.length : 1;
  }
  bytes.erase(0, done);
  return text;
}

std::string take_all_characters(std::string& bytes, Invalid invalid) {
  std::string text = take_characters(bytes, invalid);
  while (!bytes.empty()) {
    text += kReplacement;
    bytes.erase(0, invalid == Invalid::kEachPart ? bytes.size() : 1);
    text += take_characters(bytes, invalid);
  }
  return text;
}

bool is_well_formed(std::string_view bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    if (static_cast<unsigned char>(bytes[done]) < 0x80) {
      ++done;
      continue;
    }
    const Classified c = classify(bytes.substr(done));
    if (c.front != Front::kWhole) return false;
    done += c.length;
  }
  return true;
}

}  // namespace specula
