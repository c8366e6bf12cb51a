// The fourth kind of plug-in: a way of decoding that is no round of draft and verification, such as beam search.  It is
// given what a Session holds but a drafter and a rule, and answers with one text.  No rule stands behind that text, so
// the plug-in says in words what it is.  Licence: Apache-2.0.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "framework/decode/decode.h"
#include "framework/decode/registry.h"

namespace specula {

struct StrategyTask {
  const LanguageModel& target;
  const Sampler& sampler;
  const Keyring& keys;
  int64_t request;
  int64_t max_new_tokens;
  std::span<const Token> stop{};  // each ends a text and is kept as its last token
  PhaseClock& clock;
  RoundLog* log = nullptr;                       // hears of each pass of the target as of a round without a draft
  const std::atomic<bool>* interrupt = nullptr;  // checked once a pass; set: the text ends where it is final

  bool is_interrupted() const { return interrupt != nullptr && interrupt->load(std::memory_order_relaxed); }
  bool stops(Token token) const { return std::find(stop.begin(), stop.end(), token) != stop.end(); }
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual std::string finds() const = 0;        // what its text is, where others have a guarantee: "best of 4 draws"
  virtual bool draws() const { return false; }  // from p, whose rows must leave more than one token
  // `prompt` fits into the target, and at least one token is wanted.
  virtual Decoded decode(const StrategyTask& task, const Prefix& prompt) const = 0;
};

template <class Plugin, class Options>
Registry<Strategy>::Entry strategy_entry(const std::string& name, const std::string& summary,
                                         const std::string& paper) {
  return make_entry<Strategy, Plugin, Options>(name, summary, paper, [](const Options&) { return Facts{}; });
}

// The text that the strategy makes of a prompt.  Throws as decode() of decode.h does.
Decoded decode(const Strategy& strategy, const StrategyTask& task, const Prefix& prompt);

// What a log hears of a strategy.  Tokens are told as soon as they are final: nothing that the strategy may still do
// can change them.  A pass may make none final, and the last one many.
class FinalText {
 public:
  using Notes = std::vector<std::pair<std::string, double>>;

  FinalText(const StrategyTask& task, size_t prompt) : task_(task), prompt_(prompt) {}
  void prefill_done() const;
  // A pass is over.  `possible`: the continuations of which one will come out, or begin what comes out.
  void pass(const std::vector<std::vector<Token>>& possible, Notes notes = {});
  // The prompt with what is final of its continuation.
  Prefix text(const Prefix& prompt) const;

 private:
  const StrategyTask& task_;
  size_t prompt_;  // its tokens
  std::vector<Token> told_;
  int64_t passes_ = 0;
};

}  // namespace specula
