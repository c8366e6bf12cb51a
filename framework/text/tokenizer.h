// Text to token ids and back, of a model's folder: tokenizer.json as Hugging Face's `tokenizers` reads it, else
// SentencePiece's tokenizer.model, else the older vocab.json with merges.txt or vocab.txt.  BOS and EOS, added tokens
// and the chat template come from tokenizer_config.json where present.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "framework/core/token.h"

namespace specula {

// Where a text that is decoded stands.
enum class TextPosition {
  kStart,  // nothing, or only special tokens, comes before it: the space that encode() puts before a text is dropped
  kMiddle
};

// A text that grows token by token.  What push() returns, concatenated, and finish() is the decoded text.  Never
// returns half a UTF-8 character.
class Decoding {
 public:
  virtual ~Decoding() = default;
  virtual std::string push(Token id) = 0;
  virtual std::string finish() = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual int64_t vocab() const = 0;
  virtual Token bos() const = 0;  // -1: none
  virtual Token eos() const = 0;  // -1: none
  // kWith: what the folder says is added (BOS, EOS, [CLS]).  kWithout: nothing is added.  kWritten: nothing is added,
  // and control tokens that are spelled out in the text ("<s>", as a chat template writes it) become their ids; never
  // for text from a stranger, who could close his turn with them.  Added tokens of tokenizer.json that are no control
  // tokens (runs of spaces, "<table>") are found in every text, as the library does.  Bytes that are not UTF-8 are read
  // as U+FFFD.
  enum class Special { kWith, kWithout, kWritten };
  virtual std::vector<Token> encode(const std::string& text, Special special) const = 0;
  // As the library that the folder is made for decodes without special tokens.  Bytes that belong to no UTF-8 character
  // and ids that are no token (the padding of a model's embedding) are U+FFFD.  Throws Error for a negative id.
  virtual std::string decode(const std::vector<Token>& ids) const = 0;
  virtual std::unique_ptr<Decoding> decoding(TextPosition position) const;  // which the tokenizer outlives
  // The bytes that `id` stands for when it follows other text; control tokens and gaps among the ids give "".  Throws
  // Error for ids out of range.
  virtual std::string piece_bytes(Token id) const = 0;
  // As the vocabulary spells it: "<s>", "\u2581the"; "" in a gap; Error out of range.
  virtual std::string piece(Token id) const = 0;
  virtual std::string chat_template() const = 0;       // Jinja text of tokenizer_config.json, "" if none
  virtual const std::string& fingerprint() const = 0;  // sha256 of what gives the ids their meaning
};

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);  // throws Error
bool has_tokenizer(const std::filesystem::path& folder);

// Throws ConfigError when ids of one side have no meaning on the other.  A model may have up to kMaxPaddingIds rows
// more than the tokenizer has pieces: embeddings are padded to round sizes.
inline constexpr int64_t kMaxPaddingIds = 1024;
void check_vocabulary(int64_t tokenizer_vocab, int64_t model_vocab, const std::string& place);

// Incremental detokenization for a program: a Decoding by value.
class Detokenizer {
 public:
  Detokenizer(const Tokenizer& tokenizer, bool at_text_start);
  std::string push(Token id);
  std::string finish();

 private:
  std::unique_ptr<Decoding> decoding_;
};

}  // namespace specula
