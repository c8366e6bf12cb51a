#include "experiments/train/train_texts.h"

#include <cmath>

#include "experiments/train/train.h"
#include "framework/core/files.h"

namespace specula {
namespace {

// Sends each document to where it belongs, between its begin and its end.
class Splitter {
 public:
  Splitter(const TrainSource& source, const Tokenizer& tokenizer, TokenSource& training, std::vector<Token>& held_out)
      : bos_(source.bos ? tokenizer.bos() : -1),
        eos_(source.eos ? tokenizer.eos() : -1),
        every_(source.held_out > 0 ? std::llround(1 / source.held_out) : 0),
        training_(training.ids),
        held_out_(held_out) {}

  // A long plain text is a document of many pieces, which are held out one by one.
  void take(std::span<const Token> ids, bool begins) {
    if (begins) end();
    ++pieces_;
    std::vector<Token>& to = every_ > 0 && pieces_ % every_ == 0 ? held_out_ : training_;
    if (begins && bos_ >= 0) to.push_back(bos_);
    to.insert(to.end(), ids.begin(), ids.end());
    last_ = &to;
  }

  void end() {
    if (last_ != nullptr && eos_ >= 0) last_->push_back(eos_);
    last_ = nullptr;
  }

 private:
  Token bos_, eos_;
  int64_t every_, pieces_ = 0;
  std::vector<Token>&training_, &held_out_;
  std::vector<Token>* last_ = nullptr;
};

std::string bytes_of(const std::vector<Token>& ids) {
  return {reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof(Token)};
}

}  // namespace

TrainTexts read_train_texts(const TrainConfig& config, const std::string& tokenizer) {
  TrainTexts texts;
  std::string hashes;
  for (const TrainSource& source : config.sources) {
    CorpusArgs args;
    args.corpus = source.paths;
    args.tokenizer = tokenizer;
    args.key = source.key;
    args.format = source.format;
    args.max_tokens = source.max_tokens;
    TokenCorpus corpus("read " + source.name, args);
    TokenSource& training = texts.sources.emplace_back(TokenSource{.name = source.name, .weight = source.weight});
    Splitter splitter(source, corpus.tokenizer(), training, texts.held_out);
    corpus.read([&](std::span<const Token> ids, bool begins) { splitter.take(ids, begins); });
    splitter.end();
    hashes += sha256(bytes_of(training.ids));
  }
  texts.sha256 = sha256(hashes + sha256(bytes_of(texts.held_out)));
  return texts;
}

}  // namespace specula
