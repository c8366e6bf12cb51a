// Cuts a template into text and the words of its {{ }} and {% %}.  White space is set as transformers sets it:
// trim_blocks, lstrip_blocks, one newline at the end dropped.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula::chat {

struct Word {
  enum class Kind { kText, kPrint, kEndPrint, kBlock, kEndBlock, kName, kString, kInteger, kFloat, kSymbol, kEnd } kind;
  std::string text;
  int line;

  bool is(Kind wanted, const char* spelled) const { return kind == wanted && text == spelled; }
};

std::vector<Word> read_words(const std::string& source);  // ends with kEnd; throws Error with the line

}  // namespace specula::chat
