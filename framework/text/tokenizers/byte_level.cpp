#include "framework/text/tokenizers/byte_level.h"

#include <array>
#include <charconv>

#include "framework/text/tokenizers/unicode.h"

namespace specula {
namespace {

struct Alphabet {
  std::array<std::string, 256> spelling;
  std::array<int, 0x144> byte;  // by character; -1: none

  Alphabet() {
    byte.fill(-1);
    char32_t next = 0x100;  // what is not printable gets the characters from here on, in order
    for (unsigned value = 0; value < 256; ++value) {
      const bool printable = (value >= '!' && value <= '~') || (value >= 0xA1 && value <= 0xAC) || value >= 0xAE;
      const char32_t code = printable ? value : next++;
      append_character(spelling[value], code);
      byte[code] = static_cast<int>(value);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet kAlphabet;
  return kAlphabet;
}

}  // namespace

void spell_bytes(std::string& out, std::string_view bytes) {
  const Alphabet& table = alphabet();
  for (const char byte : bytes) out += table.spelling[static_cast<unsigned char>(byte)];
}

std::optional<std::string> bytes_spelled(std::string_view token) {
  const Alphabet& table = alphabet();
  std::string bytes;
  for (size_t at = 0; at < token.size();) {
    const Character c = character_at(token, at);
    if (c.code >= table.byte.size() || table.byte[c.code] < 0) return std::nullopt;
    bytes += static_cast<char>(table.byte[c.code]);
    at += c.length;
  }
  return bytes;
}

std::string byte_token(unsigned char byte) {
  constexpr const char* kDigits = "0123456789ABCDEF";
  return {'<', '0', 'x', kDigits[byte >> 4], kDigits[byte & 15], '>'};
}

std::optional<unsigned char> byte_of_token(std::string_view token) {
  unsigned char byte = 0;
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>') return std::nullopt;
  const auto [end, failed] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  if (failed != std::errc() || end != token.data() + 5) return std::nullopt;
  return byte;
}

}  // namespace specula
