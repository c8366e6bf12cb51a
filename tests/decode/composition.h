// What tests over compositions share: every registered plug-in, the pairs of drafter and verifier that fit, and a
// target with a draft model near it to run them on.
#pragma once

#include <string>
#include <vector>

#include "framework/certify/hash_model.h"
#include "framework/decode/compose.h"
#include "framework/decode/decode.h"

namespace specula::testing {

const Registries& all_registries();

Params call_of(const std::string& text);  // "draft_model(length=2)"
// The drafter with its default options, or with a file made for it where it cannot do without one.
std::string call_of_drafter(const std::string& name);

// A drafter under a verifier, as calls.
struct Pair {
  std::string drafter, verifier;
  std::string name() const;  // of a test
  Composed composed(const std::string& samplers) const;
};
void PrintTo(const Pair& pair, std::ostream* out);

// All pairs that compose under the samplers and are wanted.
std::vector<Pair> pairs(const std::string& samplers, const std::function<bool(const Composed& composed)>& wanted);

inline const std::vector<Prefix> kPrompts = {{1, 2, 3, 1, 2}, {4}, {0, 0, 6, 5, 0, 0, 6, 5, 0}};  // ragged
inline const std::vector<int64_t> kRequests = {101, 102, 103};
// A text that repeats itself, so that drafters which copy have something to copy; of tokens 0 and 1.
inline const Prefix kRepeating = {0, 1, 0, 1};

struct BenchOptions {
  int64_t vocab = 7;
  bool draft_is_target = false;           // the draft model is the target itself
  const LanguageModel* target = nullptr;  // null: a hash model of the vocabulary
  const LanguageModel* draft = nullptr;   // null: one near it
  const Tokenizer* tokenizer = nullptr;   // of the target; null: one letter a token
};

// One composition on toy models.
struct Bench {
  HashModel target, draft;
  const LanguageModel &used_target, &used_draft;
  const Tokenizer* tokenizer;
  Sampler sampler;
  std::unique_ptr<Drafter> drafter;
  std::unique_ptr<Verifier> verifier;
  Facts facts;  // of the verifier

  Bench(const Pair& pair, const std::string& samplers, const BenchOptions& options = {});

  Parts toy_parts() const;
  Session session(int64_t tokens, uint64_t seed = 17) const;  // under audit, trees checked
  std::vector<Decoded> run(const std::vector<Prefix>& prompts, const std::vector<int64_t>& requests, int64_t tokens,
                           uint64_t seed = 17, std::vector<Token> stop = {}) const;
  // [V] the target's own law after a text, policy included.
  std::vector<double> target_law(const Prefix& text) const;
};

// The pair with its drafter's `length` and `nodes` set, where it has them.
Pair with_length(const Pair& pair, int length);

// Hears how much was drafted and accepted, and may stop the run after so many rounds.
struct Counts final : RoundLog {
  explicit Counts(int most = -1) : left(most) {}
  int left, drafted = 0, accepted = 0;
  std::atomic<bool> over{false};
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    drafted += record.drafted;
    accepted += record.accepted;
    if (--left == 0) over = true;
  }
};

}  // namespace specula::testing
