// check: one rule decides, a second one judges the same rounds beside it, and the differences are recorded: a tool, not
// an acceptance rule of its own.
//
//   check(rule = "block", against = "lenience(l = 0.5)")
// Text, guarantee and law are those of `rule`, key by key; `against` has keys of its own.  Notes of each round, beside
// those of `rule`:
//   rule_expected_accepted, against_expected_accepted   expected accepted drafts (see Verifier::expected_accepted)
//   against_accepted                                    what it did accept
//   law_tv                                              total variation between the laws of the round's first token
//                                                       given the draft; left out where a rule races
//   rule_us, against_us                                 time of each verdict; differs from run to run
// Two exact rules may differ in law_tv: they agree only over all drafts.  Takes what both rules take.
// Costs both rules and, in each round, both of them along every branch of their choices: speeds under check mean
// nothing.  Licence: Apache-2.0.
#pragma once

#include <memory>

#include "framework/decode/registry.h"

namespace specula {
// `rules` are those that may be named.  Shared: the entry's functions outlive its registration.
Registry<Verifier>::Entry check(const std::shared_ptr<const Registry<Verifier>>& rules);
}  // namespace specula
