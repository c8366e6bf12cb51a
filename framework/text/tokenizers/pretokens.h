// A text on its way through the pre-tokenizers: one buffer and the pieces of it that the model will see one by one.
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace specula {

struct Pretokens {
  struct Piece {
    size_t begin, end;        // of `text`; never empty
    bool opens_text = false;  // nothing of the input comes before it
  };
  std::string text;
  std::vector<Piece> pieces;

  std::string_view view(const Piece& piece) const {
    return std::string_view(text).substr(piece.begin, piece.end - piece.begin);
  }
};

}  // namespace specula
