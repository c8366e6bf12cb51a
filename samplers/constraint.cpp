#include "samplers/constraint.h"

#include <algorithm>

#include "framework/decode/logit_rows.h"
#include "framework/text/token_masks.h"

namespace specula {
namespace {

class Constraint final : public LogitsProcessor {
 public:
  Constraint(std::string kind, Automaton automaton, const Tokenizer& tokenizer)
      : kind_(std::move(kind)), masks_(std::move(automaton), tokenizer) {}

  void apply(Tensor& logits, const RowContext& context) const override {
    const std::span<const Token> committed = std::span(context.prefix).subspan(static_cast<size_t>(context.prompt));
    const Place root = walk({.state = masks_.automaton().start()}, committed, context.stop);
    if (root.way == Way::kOut) stray(context);
    each_row(logits, [&](float* x, int64_t vocab, size_t j) {
      const Place here = walk(root, context.tree.path_tokens(context.rows[j]), context.stop);
      if (here.way == Way::kOn) mask(x, vocab, here.state, context, j);
    });
  }

 private:
  enum class Way { kOn, kFree, kOut };
  struct Place {
    Automaton::State state;
    Way way = Way::kOn;
  };

  // A match to which no token can be added.
  bool is_final(Automaton::State state) const {
    return masks_.automaton().is_accepting(state) && masks_.allowed(state)->is_empty();
  }

  Place walk(Place place, std::span<const Token> tokens, std::span<const Token> stop) const {
    for (const Token t : tokens) {
      if (place.way != Way::kOn) return place;
      if (std::find(stop.begin(), stop.end(), t) != stop.end()) {
        place.way = Way::kFree;  // nothing follows it
        continue;
      }
      const Automaton::State next = masks_.after(place.state, t);
      if (next == Automaton::kDead) place.way = stop.empty() && is_final(place.state) ? Way::kFree : Way::kOut;
      place.state = next;
    }
    return place;
  }

  void mask(float* x, int64_t vocab, Automaton::State state, const RowContext& context, size_t j) const {
    const bool is_match = masks_.automaton().is_accepting(state), may_end = is_match && !context.stop.empty();
    TokenSet may_follow = *masks_.allowed(state);
    may_follow.bits.resize(static_cast<size_t>(vocab + 63) / 64);
    for (const Token t : context.stop) may_follow.set(t, may_end);
    if (may_follow.is_empty()) {
      if (!is_match && context.rows[j] == 0) stray(context);
      return;
    }
    bool is_any = false;
    for (Token t = 0; t < vocab && !is_any; ++t) is_any = may_follow.contains(t) && x[t] != kRemoved;
    for (Token t = 0; t < vocab && is_any; ++t) {
      if (!may_follow.contains(t)) x[t] = kRemoved;
    }
  }

  [[noreturn]] void stray(const RowContext& context) const {
    throw Error(cat(kind_, ": the text of request ", context.request, " cannot go on at position ",
                    context.prefix.size(), ": no token of the vocabulary leads to a match"));
  }

  std::string kind_;
  TokenMasks masks_;
};

}  // namespace

std::unique_ptr<LogitsProcessor> make_constraint(const std::string& kind, Automaton automaton, const Parts& parts) {
  if (!parts.tokenizer) throw ConfigError(cat(kind, ": the text of tokens is needed, and there is no tokenizer"));
  return std::make_unique<Constraint>(kind, std::move(automaton), parts.tokenizer(""));
}

}  // namespace specula
