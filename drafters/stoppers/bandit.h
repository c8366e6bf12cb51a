// bandit: chooses one of several stoppers for each round, by what rounds under each have brought.
//
// BanditSpec (Hou et al. 2025) plays UCB1 (Auer et al. 2002a) or EXP3 (Auer et al. 2002b) over configurations; with
// arms fixed(n) that is a bandit over lengths.  TapOut (2025) plays UCB1 over stopping rules: arms confidence, entropy,
// .. The reward of a round is its tokens per cost, both as configured (c, v, o) and not as timed.  `ucb1` takes for an
// arm's mean the ratio of its totals, since over a text total tokens per total cost is what counts, and plays each arm
// once first; `exploration` = 1 is the paper's bonus sqrt(2 ln t / n) for rewards anywhere in 0..1.  Those of
// rounds lie close together and requests have a few dozen rounds, so that with it a request ends before arms are told
// from each other; 0.2 is a round figure that does.
// `exp3` draws its arm, from keys of its own (Use::kSearch), and makes no assumption about how rewards change.
// Only the arm that was played learns.
//
// Notes `stop_arm`, the arm from 0, and `stop_regret`: tokens that the arm loses in a round against the arm that looks
// best, by what is known when it is chosen; 0 until both have been played.  Their sum is the estimated regret.
// Costs O(arms) a round beside what its arms cost.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Stopper>::Entry bandit();
}
