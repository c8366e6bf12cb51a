// A SentencePiece model written from a list of pieces: what other formats keep of it, back in the file that
// libsentencepiece reads.  The message is sentencepiece_model.proto's ModelProto; pieces keep their order, so ids stay.
// Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace specula {

enum class PieceType { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

struct Piece {
  std::string text;
  float score = 0;
  PieceType type = PieceType::kNormal;
};

struct PieceVocabulary {
  std::vector<Piece> pieces;
  int64_t bos = -1, eos = -1, pad = -1;  // -1: none
  bool add_space_prefix = true, remove_extra_spaces = false;
};

std::string byte_piece(int byte);  // "<0x0A>"

// tokenizer.model.  Throws Error naming `place` for pieces that no SentencePiece model has: empty, twice, without an
// unknown one, some bytes but not all.
std::string sentencepiece_model(const PieceVocabulary& vocabulary, const std::string& place);

}  // namespace specula
