#include "framework/lookup/suffix_automaton.h"

namespace specula {

void SuffixAutomaton::connect(int32_t from, Token token, int32_t to) {
  transitions_[key(from, token)] = {.target = to, .next = at(from).first};
  at(from).first = token;
}

// The part of `state` whose strings end at more places from now on: those up to one token longer than `parent`'s.
int32_t SuffixAutomaton::clone(int32_t parent, Token token, int32_t state) {
  const auto copy = static_cast<int32_t>(states_.size());
  states_.push_back({.link = at(state).link, .length = at(parent).length + 1, .after = at(state).after});
  for (Token t = at(state).first; t != kNone;) {
    const Transition transition = *transitions_.find(key(state, t));
    connect(copy, t, transition.target);
    t = transition.next;
  }
  for (int32_t p = parent; p != kNone; p = at(p).link) {
    Transition* const transition = transitions_.find(key(p, token));
    if (transition == nullptr || transition->target != state) break;
    transition->target = copy;
  }
  return copy;
}

void SuffixAutomaton::append(Token token) {
  const auto added = static_cast<int32_t>(states_.size());
  const int32_t length = at(last_).length + 1;
  states_.push_back({.link = 0, .length = length, .after = length});
  const Transition* found = nullptr;
  int32_t p = last_;
  for (; p != kNone; p = at(p).link) {
    found = transitions_.find(key(p, token));
    if (found != nullptr) break;
    connect(p, token, added);
  }
  if (found != nullptr) {
    const int32_t state = found->target;
    if (at(p).length + 1 == at(state).length) {
      at(added).link = state;
    } else {
      const int32_t copy = clone(p, token, state);
      at(state).link = copy;
      at(added).link = copy;
    }
  }
  last_ = added;
}

SuffixAutomaton::Repeated SuffixAutomaton::repeated() const {
  const int32_t link = at(last_).link;
  return link == kNone ? Repeated{} : Repeated{at(link).length, at(link).after};
}

}  // namespace specula
