// The table that SentencePiece compiles its normalization rules into (precompiled_charsmap, in tokenizer.model and in
// tokenizer.json): a double-array trie of what is replaced, in the units of Darts-clone, and the texts that replace
// it.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace specula {

class Charsmap {
 public:
  // u32 size of the trie in bytes, the trie, the texts, each ending in a NUL.  Everything that a walk can reach is
  // checked, so that a reader without checks of its own (libsentencepiece) is safe with what passes here.
  // Throws Error, without a place, for a damaged table.
  explicit Charsmap(std::string_view bytes);

  // What replaces the shortest entry that `key` begins with.
  std::optional<std::string_view> replacement(std::string_view key) const;

 private:
  // Bits 0-7 (and 31) the label, 8 whether a value hangs below, 9 the scale of the offset, 10-30 the offset to the
  // children; a leaf (bit 31) holds a value of 31 bits.
  struct Unit {
    uint32_t bits;
    bool has_leaf() const { return (bits >> 8 & 1) != 0; }
    uint32_t value() const { return bits & 0x7FFFFFFF; }
    uint32_t label() const { return bits & 0x800000FF; }
    uint32_t offset() const { return bits >> 10 << ((bits & 0x200) >> 6); }
  };

  void check_walks() const;

  std::vector<Unit> units_;  // at least one
  std::string texts_;
};

// Finds the tables of a tokenizer.model (a serialized ModelProto: the normalizer's and the denormalizer's) and checks
// them.  Throws Error, without a place, for a damaged one or for bytes that are not a protobuf message.
void check_charsmaps(std::string_view model);

}  // namespace specula
