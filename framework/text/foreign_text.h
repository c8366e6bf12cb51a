// A text of one tokenizer as another tokenizer reads it, followed as it grows: the context of a draft model whose
// vocabulary is not the target's.  What is new is read together with the last few tokens before it, since tokens merge;
// what stands further back stays as it is, and so does the draft model's cache.  Control tokens become their
// counterparts, or are left out where the other tokenizer has none.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "framework/text/tokenizer.h"
#include "framework/text/vocabulary_map.h"

namespace specula {

// Ids of `text` where it follows other text: without the space that a tokenizer may put before a text.
std::vector<Token> encode_continuation(const Tokenizer& tokenizer, const std::string& text);

// The bytes that tokens stand for, one after the other; "" for ids behind the tokenizer's (the padding of a model).
std::string bytes_of(const Tokenizer& tokenizer, const std::vector<Token>& ids);

// How many bytes at the end begin a UTF-8 character without ending it.
size_t unfinished(const std::string& bytes);

// What a model of `context` positions can see of a text and still write `reserve` tokens: all of it, or its end, which
// begins at a multiple of half a context, so that it is the same text for a while.
std::vector<Token> end_of(const std::vector<Token>& ids, int64_t context, int64_t reserve);

class ForeignText {
 public:
  // kKeep: a token that both have is taken over as it is, and only what the other tokenizer lacks is read anew; the
  // first text is read as a whole all the same.
  enum class Shared { kKeep, kReadAnew };
  // Reads anew from `look_behind` tokens before what is new.  The tokenizers and the map, which is from `to` to `from`,
  // outlive this.
  ForeignText(const Tokenizer& from, const Tokenizer& to, const VocabularyMap& map, int look_behind, Shared shared);

  // The ids of `text`, which usually is the last text and more.
  const std::vector<Token>& follow(const std::vector<Token>& text);
  // False while the text ends in a part of a character that the ids lack.
  bool is_whole() const { return pending_ == 0; }

 private:
  void restart();
  void take_control(Token token);
  void read_anew();
  void close();

  const Tokenizer& from_;
  const Tokenizer& to_;
  const VocabularyMap& map_;
  size_t look_behind_;
  Shared shared_;
  std::string lead_from_, lead_to_;  // what each puts before a text

  std::vector<Token> text_, ids_;
  bool at_start_ = true;  // nothing but control tokens so far
  // Since the last control token:
  std::string bytes_;         // of text_
  std::vector<size_t> ends_;  // in bytes_, of each of the last ids_
  size_t pending_ = 0;        // bytes at the end that the ids lack
};

}  // namespace specula
