#include "framework/core/error.h"
#include "framework/text/tokenizer.h"
#include "framework/text/utf8.h"

namespace specula {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool at_text_start)
    : tokenizer_(tokenizer), at_text_start_(at_text_start) {}

std::string Detokenizer::bytes_of(Token id) {
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
  if (rest.empty() && take_all_characters(rest = bytes) == bytes) bytes = tokenizer_.decode(start_);
  at_text_start_ = bytes.empty();
  return bytes;
}

std::string Detokenizer::push(Token id) {
  pending_ += bytes_of(id);
  return take_characters(pending_);
}

std::string Detokenizer::finish() { return take_all_characters(pending_); }

}  // namespace specula
