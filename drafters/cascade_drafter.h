// cascade_drafter: a draft model that is decoded speculatively itself, by a drafter of its own.
//
// Chen et al. 2024, "Cascade speculative drafting"; Sun et al. 2024 (TriForce); Spector and Re 2023 (staged).  A tiny
// drafter drafts for the middle model, whose tokens are the draft for the target.  Each token that the inner loop
// emits, accepted, residual or bonus, follows the middle model's own law after the policy, and that law is declared as
// q, not the residual it was literally drawn from.  The inner loop draws on keys apart from the outer ones and apart
// for each outer round.  Under a rule that wants points or coupled draws the inner loop follows the middle model's most
// likely tokens, or its race.
//
// Costs passes of the middle model, fewer than `length` where the inner drafter is accepted, one row each but for the
// inner tree; one pass more with q after every row, and one after a draft that was accepted whole, for its last token.
// The inner drafter sees texts that are taken back when the target rejects.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry cascade_drafter();
}
