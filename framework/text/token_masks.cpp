#include "framework/text/token_masks.h"

#include <algorithm>

namespace specula {
namespace {

constexpr size_t kMostSets = 4096;  // 64 MB of a vocabulary of 128000

}  // namespace

TokenMasks::TokenMasks(Automaton automaton, const Tokenizer& tokenizer) : automaton_(std::move(automaton)) {
  text_.reserve(static_cast<size_t>(tokenizer.vocab()));
  for (Token t = 0; t < tokenizer.vocab(); ++t) {
    text_.push_back(tokenizer.piece_bytes(t));
    if (!text_.back().empty()) sorted_.push_back(t);
  }
  std::sort(sorted_.begin(), sorted_.end(), [this](Token a, Token b) { return text_[a] < text_[b]; });
  shared_.resize(sorted_.size());
  for (size_t i = 1; i < sorted_.size(); ++i) {
    const std::string &before = text_[sorted_[i - 1]], &here = text_[sorted_[i]];
    shared_[i] = static_cast<size_t>(std::mismatch(before.begin(), before.end(), here.begin(), here.end()).second -
                                     here.begin());
  }
}

Automaton::State TokenMasks::after(Automaton::State state, Token token) const {
  if (static_cast<size_t>(token) >= text_.size() || text_[token].empty()) return Automaton::kDead;
  return automaton_.walk(state, text_[token]);
}

std::shared_ptr<const TokenSet> TokenMasks::allowed(Automaton::State state) const {
  const std::lock_guard lock(mutex_);
  auto found = sets_.find(state);
  if (found != sets_.end()) return found->second;
  if (sets_.size() >= kMostSets) sets_.clear();
  return sets_.emplace(state, std::make_shared<const TokenSet>(walk(state))).first->second;
}

TokenSet TokenMasks::walk(Automaton::State state) const {
  TokenSet set{.bits = std::vector<uint64_t>((text_.size() + 63) / 64)};
  std::vector<Automaton::State> states{state};  // after so many bytes of the token, as far as they do not lead out
  for (size_t i = 0; i < sorted_.size(); ++i) {
    const std::string& text = text_[sorted_[i]];
    if (shared_[i] >= states.size()) continue;  // it begins with what led out
    states.resize(shared_[i] + 1);
    while (states.size() <= text.size()) {
      const Automaton::State next = automaton_.next(states.back(), static_cast<uint8_t>(text[states.size() - 1]));
      if (next == Automaton::kDead) break;
      states.push_back(next);
    }
    if (states.size() <= text.size()) continue;
    set.set(sorted_[i], true);
  }
  return set;
}

}  // namespace specula
