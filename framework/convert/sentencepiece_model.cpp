#include "framework/convert/sentencepiece_model.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <set>
#include <unordered_map>

#include "framework/core/error.h"

namespace specula {
namespace {

// Protocol buffers: a field is its number and wire type as a varint, then the value.
class Message {
 public:
  void integer(uint32_t field, uint64_t value) {
    varint(uint64_t{field} << 3);
    varint(value);
  }
  void number(uint32_t field, float value) {
    varint(uint64_t{field} << 3 | 5);
    const auto bits = std::bit_cast<uint32_t>(value);
    for (int i = 0; i < 4; ++i) bytes_ += static_cast<char>((bits >> (8 * i)) & 255);
  }
  void text(uint32_t field, const std::string& value) {
    varint(uint64_t{field} << 3 | 2);
    varint(value.size());
    bytes_ += value;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>((value & 127) | 128);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

// Field numbers of sentencepiece_model.proto.
enum ModelField : uint32_t { kPieces = 1, kTrainer = 2, kNormalizer = 3 };
enum PieceField : uint32_t { kText = 1, kScore = 2, kType = 3 };
enum TrainerField : uint32_t {
  kModelType = 3,
  kVocabSize = 4,
  kByteFallback = 35,
  kUnkId = 40,
  kBosId = 41,
  kEosId = 42,
  kPadId = 43,
  kUnkPiece = 45,
  kBosPiece = 46,
  kEosPiece = 47,
  kPadPiece = 48
};
enum NormalizerField : uint32_t { kName = 1, kAddDummyPrefix = 3, kRemoveExtraSpaces = 4, kEscapeSpaces = 5 };
constexpr uint64_t kBpe = 2;

struct Census {
  size_t unknown = 0;  // the id of the unknown piece
  bool has_bytes = false;
};

Census check(const std::vector<Piece>& pieces, const std::string& place) {
  const auto fail = [&](const std::string& what) { throw Error(cat(place, ": ", what)); };
  std::unordered_map<std::string, size_t> seen;
  std::set<std::string> bytes;
  Census census{.unknown = pieces.size()};
  for (size_t id = 0; id < pieces.size(); ++id) {
    const Piece& piece = pieces[id];
    if (piece.text.empty()) fail(cat("token ", id, " is an empty text, which SentencePiece does not allow"));
    const auto [first, fresh] = seen.emplace(piece.text, id);
    if (!fresh) fail(cat("tokens ", first->second, " and ", id, " are both '", piece.text, "'"));
    if (!std::isfinite(piece.score)) fail(cat("the score of token ", id, " is not a finite number"));
    if (piece.type == PieceType::kByte) bytes.insert(piece.text);
    if (piece.type != PieceType::kUnknown) continue;
    if (census.unknown != pieces.size()) fail(cat("tokens ", census.unknown, " and ", id, " are both the unknown one"));
    census.unknown = id;
  }
  if (census.unknown == pieces.size()) fail("there is no unknown token; expected exactly one");
  for (int byte = 0; byte < 256 && !bytes.empty(); ++byte) {
    if (!bytes.contains(byte_piece(byte)))
      fail(cat("there are ", bytes.size(), " byte tokens, but none for ", byte_piece(byte), "; expected none or all"));
  }
  if (bytes.size() > 256) fail(cat("there are ", bytes.size(), " byte tokens; expected none or 256"));
  census.has_bytes = !bytes.empty();
  return census;
}

std::string trainer(const PieceVocabulary& vocabulary, const Census& census) {
  Message out;
  out.integer(kModelType, kBpe);
  out.integer(kVocabSize, vocabulary.pieces.size());
  out.integer(kByteFallback, census.has_bytes ? 1 : 0);
  const auto special = [&](TrainerField id_field, TrainerField piece_field, int64_t id) {
    out.integer(id_field, static_cast<uint64_t>(id));  // -1: none, as sentencepiece has it
    if (id >= 0) out.text(piece_field, vocabulary.pieces[static_cast<size_t>(id)].text);
  };
  special(kUnkId, kUnkPiece, static_cast<int64_t>(census.unknown));
  special(kBosId, kBosPiece, vocabulary.bos);
  special(kEosId, kEosPiece, vocabulary.eos);
  special(kPadId, kPadPiece, vocabulary.pad);
  return out.bytes();
}

std::string normalizer(const PieceVocabulary& vocabulary) {
  Message out;
  out.text(kName, "identity");
  out.integer(kAddDummyPrefix, vocabulary.add_space_prefix ? 1 : 0);
  out.integer(kRemoveExtraSpaces, vocabulary.remove_extra_spaces ? 1 : 0);
  out.integer(kEscapeSpaces, 1);
  return out.bytes();
}

}  // namespace

std::string byte_piece(int byte) {
  char text[8];
  std::snprintf(text, sizeof text, "<0x%02X>", static_cast<unsigned>(byte) & 255u);
  return text;
}

std::string sentencepiece_model(const PieceVocabulary& vocabulary, const std::string& place) {
  const Census census = check(vocabulary.pieces, place);
  const auto size = static_cast<int64_t>(vocabulary.pieces.size());
  SPECULA_CHECK(vocabulary.bos < size && vocabulary.eos < size && vocabulary.pad < size, vocabulary.bos, " ",
                vocabulary.eos, " ", vocabulary.pad, " of ", size);
  Message model;
  for (const Piece& piece : vocabulary.pieces) {
    Message out;
    out.text(kText, piece.text);
    out.number(kScore, piece.score);
    out.integer(kType, static_cast<uint64_t>(piece.type));
    model.text(kPieces, out.bytes());
  }
  model.text(kTrainer, trainer(vocabulary, census));
  model.text(kNormalizer, normalizer(vocabulary));
  return model.bytes();
}

}  // namespace specula
