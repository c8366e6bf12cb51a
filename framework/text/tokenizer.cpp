#include "framework/text/tokenizer.h"

#include "framework/core/error.h"
#include "framework/text/tokenizers/folder.h"
#include "framework/text/tokenizers/json_tokenizer.h"
#include "framework/text/tokenizers/sentencepiece_tokenizer.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

// A text whose tokens are bytes that follow each other, but for what becomes of its first space.
class PieceDecoding final : public Decoding {
 public:
  PieceDecoding(const Tokenizer& tokenizer, TextPosition position)
      : tokenizer_(tokenizer), at_text_start_(position == TextPosition::kStart) {}

  std::string push(Token id) override {
    pending_ += bytes_of(id);
    return take_characters(pending_);
  }
  std::string finish() override { return take_all_characters(pending_); }

 private:
  std::string bytes_of(Token id) {
    if (id >= tokenizer_.vocab()) {
      at_text_start_ = false;
      return kReplacement;
    }
    std::string bytes = tokenizer_.piece_bytes(id);
    if (!at_text_start_) return bytes;
    // Which space is dropped is the tokenizer's business, so it is asked for the text so far, until there is one.  A
    // piece that is half a character has no space to drop and must not be decoded alone.
    start_.push_back(id);
    std::string rest = bytes;
    take_characters(rest);
    if (rest.empty() && is_well_formed(bytes)) bytes = tokenizer_.decode(start_);
    at_text_start_ = bytes.empty();
    return bytes;
  }

  const Tokenizer& tokenizer_;
  bool at_text_start_;
  std::vector<Token> start_;  // what was pushed while no text had come of it
  std::string pending_;       // the first bytes of a character
};

}  // namespace

std::unique_ptr<Decoding> Tokenizer::decoding(TextPosition position) const {
  return std::make_unique<PieceDecoding>(*this, position);
}

bool has_tokenizer(const std::filesystem::path& folder) { return tokenizer_files(folder).kind != TokenizerKind::kNone; }

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder) {
  const TokenizerFiles files = tokenizer_files(folder);
  switch (files.kind) {
    case TokenizerKind::kSentencePiece:
      return load_sentencepiece_tokenizer(folder);
    case TokenizerKind::kJson:
    case TokenizerKind::kVocabularyAndMerges:
    case TokenizerKind::kWordList:
      return load_json_tokenizer(files);
    case TokenizerKind::kNone:
      break;
  }
  throw Error(cat(folder.string(), ": there is no tokenizer that can be read; valid: tokenizer.json, tokenizer.model (",
                  "SentencePiece), vocab.json with merges.txt, vocab.txt", files.refused));
}

void check_vocabulary(int64_t tokenizer_vocab, int64_t model_vocab, const std::string& place) {
  if (model_vocab >= tokenizer_vocab && model_vocab < tokenizer_vocab + kMaxPaddingIds) return;
  throw ConfigError(cat(place, ": the tokenizer has ", tokenizer_vocab, " ids and the model ", model_vocab,
                        "; valid: as many, or at most ", kMaxPaddingIds - 1, " more in the model"));
}

}  // namespace specula
