// Which rules can judge the rounds of a trace: what check_composition asks of a drafter and a rule, asked of a trace.
// Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/run/trace_file.h"
#include "framework/decode/registry.h"

namespace specula {

struct ReplayRule {
  std::string name;  // of the plug-in; as it was called where the same one is asked for twice
  std::string text;  // kseq(gamma = 2)
  Facts facts;
  // Its expected length averages over the tokens that a round's draft might have had, instead of taking those it has.
  // The means over rounds are the same, single rounds are not.  Found out by replay_traces.
  bool averages_tokens = false;
  std::unique_ptr<Verifier> rule;
};

struct ReplayRules {
  std::vector<ReplayRule> rules;      // in the order asked for, or of registration
  std::vector<std::string> left_out;  // "block: it takes point, iid; the draft is coupled"
};

// asked: as --verifiers takes it; "": every registered rule that needs no option, tools aside.  Throws ConfigError for
// what is not registered or has wrong options.
ReplayRules rules_for(const TraceHeader& trace, const std::string& asked, const Registry<Verifier>& registry);

// Why a rule with these facts cannot judge the trace; "" if it can.
std::string why_not(const TraceHeader& trace, const Facts& facts);

}  // namespace specula
