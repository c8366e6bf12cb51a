// The only decode loop of the project: draft, target pass, verify, commit, observe.  Autoregression is the drafter
// `none` in the same loop.  Licence: Apache-2.0.
#pragma once

#include <atomic>
#include <span>
#include <vector>

#include "framework/core/clock.h"
#include "framework/decode/drafter.h"
#include "framework/decode/verifier.h"

namespace specula {

enum class Stop { kLimit, kStopToken, kInterrupted };
const char* name_of(Stop stop);

// What an experiment hears of a round of one sequence.
struct RoundRecord {
  int64_t index;                      // of the round within the sequence, from 0
  int sequence;                       // b
  int64_t start;                      // absolute position of the first token that the round emitted
  std::span<const Token> new_tokens;  // kept by this round, stop token included
  int drafted;                        // candidate rows below the root (probes excluded)
  int draft_depth;                    // of the deepest candidate
  int accepted;                       // rows on the verifier's path, before anything was cut
  bool cut;                           // a stop token or the limit dropped part of path + next
  int probes;                         // rows of the pass that were no candidates
  const DraftTree& tree;              // its candidates
  const Tensor& p;                    // [R,V] float32, after the policy: what the rule was given
  const Verdict& verdict;
  std::vector<std::pair<std::string, double>> notes{};  // the drafter's, by name; the rule's are in the verdict
};

struct RoundLog {
  virtual ~RoundLog() = default;
  virtual void prefill_done(const PhaseClock& /*clock*/) {}
  // After the commit of each round, once per sequence that was not done.
  virtual void round(const RoundRecord& record, const PhaseClock& clock) = 0;
};

inline constexpr int64_t kTreeRoom = 64;  // slots beyond the text, for rows of trees; a cache that needs more grows

struct Session {
  const LanguageModel& target;
  Drafter& drafter;
  const Verifier& verifier;
  Policy policy;        // Facts::policy of the verifier
  bool q_next = false;  // Facts::q_next of the verifier
  const Sampler& sampler;
  Keyring keys;
  int64_t max_new_tokens;
  std::vector<Token> stop{};  // each ends the sequence and is kept as its last token
  RoundLog* log = nullptr;
  PhaseClock* clock = nullptr;                   // null: nothing is timed
  const std::atomic<bool>* interrupt = nullptr;  // checked once a round; set: the sequences end where they are
  int row_budget = 512;                          // rows of a tree, root included
  bool check_trees = false;                      // check_tree(kAll) on every draft: tests and debug builds
  // The target's cache after prefill() of these very prompts: copied, unbilled, instead of filled anew.  Only where
  // neither drafter nor rule needs hidden states.  null: the loop takes the prompts in itself.
  const KvCache* prefilled = nullptr;
};

struct Decoded {
  Prefix tokens;  // prompt and continuation
  Stop stop = Stop::kLimit;
};

// Throws Error naming the request for a prompt that is empty, holds what is no token of the target, or leaves no room
// for max_new_tokens in its context.
void check_prompt(const LanguageModel& target, const Prefix& prompt, int64_t request, int64_t max_new_tokens);

// [B] prompts that check_prompt() lets pass.  Throws what it throws, and on NaN logits (request and position named).
std::vector<Decoded> decode(const Session& session, std::vector<Prefix> prompts, std::span<const int64_t> requests);

// RAII: no autograd bookkeeping in the scope; entry points hold one (keeps LibTorch's header in one file).
class InferenceScope {
 public:
  InferenceScope();
  ~InferenceScope();
  InferenceScope(const InferenceScope&) = delete;
  InferenceScope& operator=(const InferenceScope&) = delete;

 private:
  struct Guard;
  std::unique_ptr<Guard> guard_;
};

}  // namespace specula
