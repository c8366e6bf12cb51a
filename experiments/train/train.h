// What the kinds of `specula train` share: a corpus that is read through a tokenizer under a progress bar.
// Licence: Apache-2.0.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "experiments/commands.h"
#include "framework/text/corpus.h"

namespace specula {

// Throws ConfigError unless a file can be written there: asked before anything is read.
void check_train_output(const std::string& output);

// One line on standard output: the file, its size, and what it was made of.
void print_written(const std::string& output, const std::string& made_of);

class TokenCorpus {
 public:
  // Finds the files and loads the tokenizer.  Throws ConfigError or Error for what is not there.
  TokenCorpus(std::string title, const CorpusArgs& args);

  // Called with each piece in order; `begins_document`: its tokens do not follow those before.
  using Take = std::function<void(std::span<const Token> tokens, bool begins_document)>;
  // Reads all of it, or the first CorpusArgs::max_tokens.  Throws Error where there is no token in it.
  void read(const Take& take);

  const Tokenizer& tokenizer() const { return *tokenizer_; }
  int64_t tokens() const { return tokens_; }  // read so far
  int64_t documents() const { return documents_; }
  std::string text() const;  // "3 files, 1234 documents, 4567890 tokens"

 private:
  bool take_piece(const CorpusPiece& piece, const Take& take);  // whether more is wanted

  std::string title_;
  CorpusArgs args_;
  Corpus corpus_;
  std::unique_ptr<Tokenizer> tokenizer_;
  int64_t tokens_ = 0, documents_ = 0;
};

}  // namespace specula
