// Text to token ids and back.  A folder's tokenizer.model is read by libsentencepiece; BOS/EOS handling and the chat template
// come from its tokenizer_config.json where present.  Licence: Apache-2.0.
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
  // With `kWithSpecial` BOS/EOS are added as the folder's tokenizer_config.json says.
  enum class Special { kWith, kWithout };
  virtual std::vector<Token> encode(const std::string& text, Special special) const = 0;
  virtual std::string decode(const std::vector<Token>& ids) const = 0;  // special tokens are left out
  // The bytes that `id` stands for when it follows other text; control tokens give "".  Throws Error for ids out of range.
  virtual std::string piece_bytes(Token id) const = 0;
  virtual std::string chat_template() const = 0;  // Jinja text of tokenizer_config.json, "" if none
  virtual const std::string& fingerprint() const = 0;  // sha256 of what defines the tokenizer
};

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& folder);  // throws Error
bool has_tokenizer(const std::filesystem::path& folder);

// Incremental detokenization: what push() returns, concatenated, and finish() is the decoded text.  Never returns half a
// UTF-8 character; bytes that can never become one are replaced by U+FFFD.
class Detokenizer {
 public:
  // `context` are the tokens before the first push (the prompt): they decide whether a leading space is kept.
  Detokenizer(const Tokenizer& tokenizer, bool at_text_start);
  std::string push(Token id);
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool at_text_start_;
  std::string pending_;
};

}  // namespace specula
