// The alphabet of byte-level vocabularies: each byte is spelled as one printable character (Radford et al. 2019,
// GPT-2), so that a space is U+0120.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace specula {

void spell_bytes(std::string& out, std::string_view bytes);  // appends
// The bytes that `token` spells, or nothing where it has a character outside the alphabet.
std::optional<std::string> bytes_spelled(std::string_view token);
// "<0x0A>" of a byte, and back.
std::string byte_token(unsigned char byte);
std::optional<unsigned char> byte_of_token(std::string_view token);

}  // namespace specula
