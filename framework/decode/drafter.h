// The drafter's side of the contract.  Licence: Apache-2.0.
#pragma once

#include <span>
#include <vector>

#include "framework/core/clock.h"
#include "framework/decode/sampler.h"
#include "framework/decode/verifier.h"
#include "framework/model/language_model.h"

namespace specula {

// All that a drafter may look at in a round of B sequences.
struct Round {
  std::span<const Prefix> prefixes;    // [B] committed tokens, the last of which is the root of the tree
  std::span<const int64_t> requests;   // [B] identify the random numbers of a sequence
  std::span<const int64_t> starts;     // [B] absolute position of the first token this round emits = prefix length
  std::span<const int64_t> remaining;  // [B] tokens still wanted; a draft deeper than remaining - 1 is wasted
  std::span<const char> done;          // [B] finished: its tree has size 0
  int row_budget;                      // rows a tree may have, root included
  Policy policy;                       // what the verifier wants the draws to be
  bool q_next;                         // the verifier wants q after every row, the last one included
  const Sampler& sampler;
  const Keyring& keys;
  const LanguageModel& target;         // for drafters that ask the target itself; others have their own model
  KvCache& target_cache;               // may be used by a drafter that rolls it back
  PhaseClock& clock;                   // PhaseClock::Unbilled for work nobody is charged for
  std::span<const int64_t> prompts{};  // [B] tokens in front of each prefix that were given; empty: all of them
  std::span<const Token> stop{};       // tokens that end a sequence
  std::span<const double> states{};    // [B] of the policy at each root, where a step carries one; else empty

  // The same round for a drafter inside another, on keys of its own.
  Round with_keys(const Keyring& own) const {
    return {prefixes, requests, starts, remaining,    done,  row_budget, policy, q_next,
            sampler,  own,      target, target_cache, clock, prompts,    stop,   states};
  }

  // What the policy may know of rows of sequence b.  A state is the root's: q may be any law, so long as it is the one
  // that was drawn from.
  RowContext context(size_t b, const DraftTree& tree, std::span<const int> rows) const {
    return {.prefix = prefixes[b],
            .tree = tree,
            .rows = rows,
            .keys = keys,
            .request = requests[b],
            .prompt = prompts.empty() ? static_cast<int64_t>(prefixes[b].size()) : prompts[b],
            .stop = stop,
            .state = states.empty() ? std::nullopt : std::optional(states[b])};
  }

  // Draft depth that sequence b can still use: min(wanted, remaining - 1, row_budget - 1).
  int depth_limit(size_t b, int wanted) const {
    const int64_t limit = std::min<int64_t>({wanted, remaining[b] - 1, row_budget - 1});
    return static_cast<int>(std::max<int64_t>(limit, 0));
  }
};

// What became of the drafts.  `prefixes` already contain what was accepted.  `drafts` is what was verified; a drafter
// inside another one may find rows there that it never drafted, so what it fed to a model it must remember by itself
// (DraftCache does).
struct Feedback {
  std::span<const Prefix> prefixes;
  std::span<const int64_t> requests;
  std::span<const DraftTree> drafts;
  std::span<const Verdict> verdicts;
  const Pass& target;
};

// The first layers of the target's pass, where draft() has run them already: every row of each tree, in the order of
// the rows, lies in the target's cache as a tentative slot whose keys below `layer` are those that a full pass would
// have stored.
struct Started {
  int layer = 0;  // 0: nothing was run
  Tensor hidden;  // [B,R,H] float32: the input of that layer; padding rows are not read
};

class Drafter {
 public:
  virtual ~Drafter() = default;
  virtual Ask needs() const { return {.logits = Logits::kNone}; }  // added to what is asked of every target pass
  // Within a drafter that is itself decoded speculatively a text may later be shorter, or another from some place on.
  // A new batch of sequences: state of request scope starts anew.  `prefill` holds what needs() asked of the prompt's
  // rows.
  virtual void begin(std::span<const Prefix> /*prefixes*/, std::span<const int64_t> /*requests*/,
                     const Pass& /*prefill*/) {}
  virtual std::vector<DraftTree> draft(const Round& round) = 0;  // [B]
  virtual Started started() const { return {}; }                 // of the last draft()
  // What it wants recorded of the last draft of sequence b, by name; asked before observe().
  virtual std::vector<std::pair<std::string, double>> notes(size_t /*b*/) const { return {}; }
  virtual void observe(const Feedback& /*feedback*/) {}
  virtual void finish(int64_t /*request*/, const Prefix& /*text*/) {}  // a sequence is complete
};

}  // namespace specula
