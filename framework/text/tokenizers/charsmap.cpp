#include "framework/text/tokenizers/charsmap.h"

#include "framework/core/error.h"
#include "framework/text/tokenizers/unicode.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

constexpr size_t kLabels = 256;

[[noreturn]] void fail(const std::string& why) { throw Error("precompiled_charsmap is damaged: " + why); }

uint32_t word(std::string_view bytes, size_t at) {
  uint32_t bits = 0;
  for (size_t i = 4; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes[at + i]);
  return bits;
}

// The fields of a serialized protobuf message, one after the other.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  // Throws Error for bytes that are none, and for groups, which no SentencePiece model has.
  bool next() {
    if (rest_.empty()) return false;
    const uint64_t tag = varint();
    number_ = tag >> 3;
    bytes_ = {};
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        bytes_ = take(varint());
        break;
      case 5:
        take(4);
        break;
      default:
        throw Error(cat("not a protobuf message: wire type ", tag & 7));
    }
    return true;
  }

  uint64_t number() const { return number_; }
  std::string_view bytes() const { return bytes_; }  // empty unless the field has a length

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<uint64_t>(byte & 0x7F) << (shift < 64 ? shift : 63);
      if (byte < 0x80) return value;
    }
    throw Error("not a protobuf message: a number of more than 10 bytes");
  }

  std::string_view take(uint64_t count) {
    if (count > rest_.size()) throw Error("not a protobuf message: it ends within a field");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_, bytes_;
  uint64_t number_ = 0;
};

}  // namespace

Charsmap::Charsmap(std::string_view bytes) {
  const size_t trie_bytes = bytes.size() < 4 ? 0 : word(bytes, 0);
  if (trie_bytes == 0 || trie_bytes % 4 != 0 || trie_bytes > bytes.size() - 4) {
    fail(cat(bytes.size(), " bytes, ", trie_bytes, " of them a trie"));
  }
  for (size_t at = 4; at < 4 + trie_bytes; at += 4) units_.push_back({word(bytes, at)});
  texts_ = bytes.substr(4 + trie_bytes);
  if (!texts_.empty() && texts_.back() != '\0') fail("its texts do not end");
  if (!is_well_formed(texts_)) fail("its texts are not UTF-8");
  check_walks();
}

void Charsmap::check_walks() const {
  std::vector<bool> is_seen(units_.size());
  std::vector<size_t> open{0};
  is_seen[0] = true;
  while (!open.empty()) {
    const size_t at = open.back();
    open.pop_back();
    const size_t base = at ^ units_[at].offset();  // a reader looks at base ^ label for any label
    if ((base | (kLabels - 1)) >= units_.size()) fail(cat("unit ", at, " of its trie points behind the last"));
    if (units_[at].has_leaf()) {
      const size_t text = units_[base].value();
      if (text >= texts_.size() || continues_character(texts_[text])) {
        fail(cat("unit ", base, " of its trie has a text at byte ", text, " of ", texts_.size()));
      }
    }
    for (size_t label = 0; label < kLabels; ++label) {
      const size_t child = base ^ label;
      if (units_[child].label() != label || is_seen[child]) continue;
      is_seen[child] = true;
      open.push_back(child);
    }
  }
}

std::optional<std::string_view> Charsmap::replacement(std::string_view key) const {
  size_t at = units_[0].offset();
  for (const char byte : key) {
    if (byte == '\0') return std::nullopt;
    at ^= static_cast<unsigned char>(byte);
    const Unit unit = units_[at];
    if (unit.label() != static_cast<unsigned char>(byte)) return std::nullopt;
    at ^= unit.offset();
    if (unit.has_leaf()) return texts_.c_str() + units_[at].value();  // it ends in a NUL
  }
  return std::nullopt;
}

void check_charsmaps(std::string_view model) {
  constexpr uint64_t kNormalizerSpec = 3, kDenormalizerSpec = 5, kTable = 2;  // sentencepiece_model.proto
  for (Fields fields(model); fields.next();) {
    if (fields.number() != kNormalizerSpec && fields.number() != kDenormalizerSpec) continue;
    for (Fields spec(fields.bytes()); spec.next();) {
      if (spec.number() == kTable && !spec.bytes().empty()) const Charsmap sound(spec.bytes());
    }
  }
}

}  // namespace specula
