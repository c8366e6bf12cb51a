// What a folder's tokenizer_config.json says beside the vocabulary.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "framework/core/token.h"

namespace specula {

struct AddedToken {
  Token id = -1;
  std::string text;
  bool special = true;  // left out of decoded text
  // Of tokenizer.json: matches between words only; takes in the spaces before or behind it; is looked for in the
  // normalized text.
  bool has_flags = true;  // false: of added_tokens.json, which says the id alone
  bool single_word = false, lstrip = false, rstrip = false, normalized = false;
};

struct TokenizerConfig {
  std::filesystem::path file;            // for error texts
  std::string content;                   // as read; "" where the folder has none
  std::optional<bool> add_bos, add_eos;  // where the file says so
  // Not given: as the vocabulary has it; given as null: "".
  std::optional<std::string> bos, eos;
  std::vector<std::string> special;  // every token that is named for a role: pad_token, additional_special_tokens
  std::vector<AddedToken> added;     // by id
  std::string tokenizer_class;
  std::string chat_template;
};

// Also reads special_tokens_map.json, added_tokens.json and chat_template.jinja beside it, which take part where
// present. Throws Error.
TokenizerConfig read_tokenizer_config(const std::filesystem::path& folder);

// The ids that end a text: eos_token_id (one or a list) of generation_config.json, or where that has none of
// config.json; where neither says, the tokenizer's own `eos` unless that is -1.  Throws Error for ids outside
// [0, model_vocab).
std::vector<Token> read_stop_tokens(const std::filesystem::path& folder, int64_t model_vocab, Token eos);

}  // namespace specula
