// What makes ids of a word: the models of tokenizer.json.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "framework/core/token.h"
#include "framework/text/tokenizers/section.h"

namespace specula {

// The tokens of a model by id and by spelling.  Ids need not be without gaps.
class Vocabulary {
 public:
  // {"a": 0, ...} of `section`.  Throws Error for ids that are none, that two tokens share, and for an empty one.
  static Vocabulary read(const Section& section, const char* key);
  explicit Vocabulary(std::vector<std::string> pieces);  // by id; of equal ones the last is found

  Token find(std::string_view piece) const;                              // -1: not there
  int64_t size() const { return static_cast<int64_t>(pieces_.size()); }  // the highest id and 1
  const std::string& piece(Token id) const { return pieces_[static_cast<size_t>(id)]; }
  bool has(Token id) const { return id >= 0 && id < size() && !is_gap_[static_cast<size_t>(id)]; }
  const std::vector<std::string>& pieces() const { return pieces_; }  // "" in a gap

 private:
  Vocabulary() = default;
  void index();

  std::vector<std::string> pieces_;
  std::vector<bool> is_gap_;
  std::unordered_map<std::string_view, Token> ids_;  // views of pieces_, whose buffer moves with this
};

class WordModel {
 public:
  virtual ~WordModel() = default;
  // Before the first encode(): the tokens that no text may become, since it could come from a stranger; `controls` has
  // an entry for each id of the vocabulary.  The unknown token still stands for what is unknown.
  virtual void prepare(const std::vector<bool>& controls) = 0;
  // Appends the ids of `word`, which is not empty.
  virtual void encode(std::string_view word, std::vector<Token>& ids) const = 0;
  virtual const Vocabulary& vocabulary() const = 0;
  // What gives the ids their meaning beside the vocabulary and the options: merges in order.
  virtual std::string identity() const { return ""; }
};

// Throws Error for an unknown type, wrong options and a vocabulary that does not fit together.
std::unique_ptr<WordModel> read_model(const Section& section);

// The three with a file each.
std::unique_ptr<WordModel> make_bpe(const Section& section);
std::unique_ptr<WordModel> make_unigram(const Section& section);
std::unique_ptr<WordModel> make_word_piece(const Section& section);

}  // namespace specula
