#include "framework/text/tokenizer.h"

namespace specula {

Detokenizer::Detokenizer(const Tokenizer& tokenizer, bool at_text_start)
    : decoding_(tokenizer.decoding(at_text_start ? TextPosition::kStart : TextPosition::kMiddle)) {}

std::string Detokenizer::push(Token id) { return decoding_->push(id); }

std::string Detokenizer::finish() { return decoding_->finish(); }

}  // namespace specula
