// What a head of the target drafts with: its cache, and the target's states beside a text that others may extend too.
//
// A row of a head is a token and a state, the target's at the token before it.  The root's is known when a round
// begins, since the target has scored the text up to there.  Rows below it carry what the head itself gave for their
// parents, so they are dropped when the round is over, and what was accepted is fed anew with the target's states
// (EAGLE, Li et al. 2024, section 4.2).  Where a text was changed by others the states behind the change are not known:
// such rows carry zeros, which costs acceptance and never a law.  Where a row carries the state at its own token
// (HeadTraits::lag 0) root and drafts get theirs from whoever drafts.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "framework/decode/draft_source.h"
#include "framework/decode/drafter.h"

namespace specula {

class HeadCache final : public DraftSource {
 public:
  // `prefill`: the states of all but the last token of each prefix.  A head that attends is fed with them.
  HeadCache(const LanguageModel& head, std::span<const Prefix> prefixes, const Pass& prefill);

  void observe(const Feedback& feedback);  // the states of the rows that became text
  std::vector<Token> catch_up(int b, const Prefix& text) override;
  Pass forward(const std::vector<RowList>& lists, const Ask& ask) override { return forward(lists, ask, {}); }
  // `below` [B,R,H] float32, of heads of lag 0: the states of the rows from the root on, padded.
  Pass forward(const std::vector<RowList>& lists, const Ask& ask, const Tensor& below);

 private:
  struct Sequence {
    Prefix text;                // the tokens whose states were seen
    int64_t from = 0;           // states are kept of text[from] and behind
    std::vector<float> states;  // [text.size() - from, H]
    Prefix fed;                 // the tokens in front of the rows to come; all but the first `lag` have a committed row
    std::vector<Token> caught;  // the rows of the last catch_up(), the first tentative slots
    size_t worth = 0;           // so many of them carry the target's states
    std::vector<float> carried;  // [caught, H]; of lag 0 without the root's
    std::vector<float> own;      // [tentative, H]: what the head gave for the rows
  };

  // Appends the state at text[i] to `to`, zeros where it is not known; returns whether it is.
  bool append_state(const Sequence& s, int64_t i, std::vector<float>& to) const;
  // `states` [n,S,H of the target] of the tokens that follow s.text.
  void learn(Sequence& s, std::span<const Token> tokens, const Tensor& states) const;
  void forget_changes(int b, Sequence& s, const Prefix& text);
  void keep_caught(int b, Sequence& s, const Prefix& text);
  Tensor states_of(const Pass& target, int64_t b, const std::vector<int64_t>& rows) const;  // [n,S,H of the target]
  void feed_prompts(std::span<const Prefix> prefixes);

  const LanguageModel& head_;
  const HeadTraits& traits_;
  std::unique_ptr<KvCache> cache_;
  std::vector<Sequence> sequences_;
};

}  // namespace specula
