// Text to token ids and back.  A folder's tokenizer.model is read by libsentencepiece; BOS/EOS handling, added tokens
// and the chat template come from its tokenizer_config.json where present.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "framework/core/token.h"

namespace specula {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual int64_t vocab() const = 0;
  virtual Token bos() const = 0;  // -1: none
  virtual Token eos() const = 0;  // -1: none
  // kWith: BOS/EOS are added as the folder's tokenizer_config.json says.  kWithout: nothing is added.  kWritten:
  // nothing is added, and special and added tokens that are spelled out in the text ("<s>", as a chat template writes
  // it) become their ids; never for text from a stranger, who could close his turn with them.
  enum class Special { kWith, kWithout, kWritten };
  virtual std::vector<Token> encode(const std::string& text, Special special) const = 0;
  // Special tokens are left out; each byte that belongs to no UTF-8 character, and each id of at least vocab() (the
  // padding of a model's embedding), is U+FFFD.  Throws Error for a negative id.
  virtual std::string decode(const std::vector<Token>& ids) const = 0;
  // The bytes that `id` stands for when it follows other text; control tokens give "".  Throws Error for ids out of
  // range.
  virtual std::string piece_bytes(Token id) const = 0;
  virtual std::string piece(Token id) const = 0;  // as the vocabulary spells it: "<s>", "\u2581the"; Error out of range
  virtual std::string chat_template() const = 0;  // Jinja text of tokenizer_config.json, "" if none
  virtual const std::string& fingerprint() const = 0;  // sha256 of what gives the ids their meaning
};

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);  // throws Error
bool has_tokenizer(const std::filesystem::path& folder);

// Throws ConfigError when ids of one side have no meaning on the other.  A model may have up to kMaxPaddingIds rows
// more than the tokenizer has pieces: embeddings are padded to round sizes.
inline constexpr int64_t kMaxPaddingIds = 1024;
void check_vocabulary(int64_t tokenizer_vocab, int64_t model_vocab, const std::string& place);

// Incremental detokenization: what push() returns, concatenated, and finish() is the decoded text.  Never returns half
// a UTF-8 character; bytes that can never become one are replaced by U+FFFD.
class Detokenizer {
 public:
  // `at_text_start`: nothing, or only special tokens, comes before the first push; it decides whether the leading space
  // that encode() puts before a text is dropped.
  Detokenizer(const Tokenizer& tokenizer, bool at_text_start);
  std::string push(Token id);
  std::string finish();

 private:
  std::string bytes_of(Token id);

  const Tokenizer& tokenizer_;
  bool at_text_start_;
  std::vector<Token> start_;  // what was pushed while no text had come of it
  std::string pending_;       // the first bytes of a character
};

}  // namespace specula
