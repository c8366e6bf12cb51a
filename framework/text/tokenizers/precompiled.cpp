#include <array>

#include "framework/core/error.h"
#include "framework/text/tokenizers/charsmap.h"
#include "framework/text/tokenizers/normalizers.h"
#include "framework/text/tokenizers/unicode.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

std::string from_base64(const std::string& text, const Section& section) {
  std::array<int, 256> value{};
  value.fill(-1);
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < kDigits.size(); ++i) value[static_cast<unsigned char>(kDigits[i])] = static_cast<int>(i);
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const int digit = value[static_cast<unsigned char>(c)];
    if (digit < 0) section.fail("precompiled_charsmap is not base64");
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xFF);
    }
  }
  return bytes;
}

class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(Charsmap charsmap) : charsmap_(std::move(charsmap)) {}

  // As the library does it: what a user sees as one character is looked up as a whole if it is short, else each
  // character alone, and the shortest entry that begins it decides.
  void apply(std::string& text) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = end_of_cluster(text, begin);
      const auto whole =
          end - begin < 6 ? charsmap_.replacement(std::string_view(text).substr(begin, end - begin)) : std::nullopt;
      if (whole) {
        out += *whole;
      } else {
        for (size_t at = begin; at < end;) {
          const std::string_view one = std::string_view(text).substr(at, character_at(text, at).length);
          out += charsmap_.replacement(one).value_or(one);
          at += one.size();
        }
      }
      begin = end;
    }
    text = std::move(out);
  }

 private:
  static size_t end_of_cluster(std::string_view text, size_t begin) {
    int state = 0;
    Character left = character_at(text, begin);
    size_t end = begin + left.length;
    while (end < text.size()) {
      if (left.code < 0x80 && is_ascii(text[end]) && text[end] != '\n') break;  // the common case
      const Character right = character_at(text, end);
      if (!joins(left.code, right.code, state)) break;
      end += right.length;
      left = right;
    }
    return end;
  }

  Charsmap charsmap_;
};

}  // namespace

std::unique_ptr<Normalizer> make_precompiled(const std::string& charsmap, const Section& section) {
  const std::string bytes = from_base64(charsmap, section);
  try {
    return std::make_unique<Precompiled>(Charsmap(bytes));
  } catch (const Error& error) {
    section.fail(error.what());
  }
}

}  // namespace specula
