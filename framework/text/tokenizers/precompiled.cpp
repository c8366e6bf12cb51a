#include <array>
#include <optional>

#include "framework/core/error.h"
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

// A unit of a double-array trie as Darts-clone packs it: bits 0-7 (and 31) the label, 8 whether a value hangs below,
// 9 the scale of the offset, 10-30 the offset to the children; a leaf (bit 31) holds a value of 31 bits.
struct Unit {
  uint32_t bits;
  bool has_leaf() const { return (bits >> 8 & 1) != 0; }
  uint32_t value() const { return bits & 0x7FFFFFFF; }
  uint32_t label() const { return bits & 0x800000FF; }
  uint32_t offset() const { return bits >> 10 << ((bits & 0x200) >> 6); }
};

class Precompiled final : public Normalizer {
 public:
  Precompiled(const std::string& charsmap, const Section& section) {
    const std::string bytes = from_base64(charsmap, section);
    const auto word = [&](size_t at) {
      uint32_t bits = 0;
      for (size_t i = 4; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes[at + i]);
      return bits;
    };
    const size_t trie_bytes = bytes.size() < 4 ? 0 : word(0);
    if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes > bytes.size() - 4) {
      section.fail(cat("precompiled_charsmap is damaged: ", bytes.size(), " bytes, ", trie_bytes, " of them a trie"));
    }
    for (size_t at = 4; at < 4 + trie_bytes; at += 4) units_.push_back({word(at)});
    texts_ = bytes.substr(4 + trie_bytes);
    if (!texts_.empty() && texts_.back() != '\0') section.fail("precompiled_charsmap is damaged: its texts do not end");
    if (!is_well_formed(texts_)) section.fail("precompiled_charsmap is damaged: its texts are not UTF-8");
  }

  // As the library does it: what a user sees as one character is looked up as a whole if it is short, else each
  // character alone, and the shortest entry that begins it decides.
  void apply(std::string& text) const override {
    std::string out;
    out.reserve(text.size());
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = end_of_cluster(text, begin);
      const auto whole =
          end - begin < 6 ? replacement(std::string_view(text).substr(begin, end - begin)) : std::nullopt;
      if (whole) {
        out += *whole;
      } else {
        for (size_t at = begin; at < end;) {
          const std::string_view one = std::string_view(text).substr(at, character_at(text, at).length);
          out += replacement(one).value_or(one);
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

  // What the shortest entry that `key` begins with says.
  std::optional<std::string_view> replacement(std::string_view key) const {
    size_t at = units_[0].offset();
    for (const char byte : key) {
      if (byte == '\0') return std::nullopt;
      at ^= static_cast<unsigned char>(byte);
      if (at >= units_.size() || units_[at].label() != static_cast<unsigned char>(byte)) return std::nullopt;
      const Unit unit = units_[at];
      at ^= unit.offset();
      if (!unit.has_leaf()) continue;
      const size_t text = at < units_.size() ? units_[at].value() : texts_.size();
      if (text >= texts_.size() || continues_character(texts_[text])) return std::nullopt;  // damaged
      return texts_.c_str() + text;                                                         // it ends in a NUL
    }
    return std::nullopt;
  }

  std::vector<Unit> units_;  // at least one
  std::string texts_;
};

}  // namespace

std::unique_ptr<Normalizer> make_precompiled(const std::string& charsmap, const Section& section) {
  return std::make_unique<Precompiled>(charsmap, section);
}

}  // namespace specula
