// The exact law of what decode() writes on toy models: every uniform of drafter and rule is cut where the outcome
// changes (enumerate.h), so that a drafter is tested with the rule it runs under, keys included.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <vector>

#include "framework/certify/enumerate.h"
#include "framework/decode/decode.h"

namespace specula {

// The law [V] of the token after a text that begins with the prompt.
using NextLaw = std::function<std::vector<double>(const Prefix& text)>;

// The total variation between the law of session.max_new_tokens tokens after `prompt`, decoded for `rounds` rounds and
// then continued by `next`, and the law of `next` alone.  Exact up to float32 rows and 2^-31 for each uniform.  The
// session's keys, log and interrupt are replaced.
double law_error(const Session& session, const Prefix& prompt, int rounds, const NextLaw& next);

// What the token after `text` is to follow, Verifier::law at the root of the round that the session would play there.
// The first `prompt` tokens were given, the others were generated, one a round and without a draft, so that the policy
// knows what it is to know of them.  Coins of the policy are summed over.  After a stop token nothing follows, and any
// law will do: the first token.
std::vector<double> law_to_follow(const Session& session, const Prefix& text, size_t prompt);

// A round as its rule saw it.
struct SeenRound {
  DraftTree tree;
  Tensor p;          // [R,V]
  Token first = -1;  // the first token that it emitted
};
// Decodes one round for `request` after a prompt and tokens that were generated, one a round and without a draft.
SeenRound play_round(const Session& session, const Prefix& prompt, int64_t request,
                     std::span<const Token> generated = {});

}  // namespace specula
