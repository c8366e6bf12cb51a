// The drafted tokens that a rule tested, with the entropy of p where they stood: how sure the target was.  Read from
// the distributions that a run recorded ([output] record = "distributions").  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/run/records.h"

namespace specula {

struct TestedToken {
  double entropy_nats = 0;  // of p, after the policy
  bool accepted = false;
  std::string group;
};

struct TestedTokens {
  std::vector<TestedToken> tokens;
  std::string why;  // there are none: "no_distributions", "tree_draft", "one_hot", "nothing_drafted"
};

// Of the first turns of an arm's trace, since rows of p are large.  Throws Error for a trace that cannot be read.
TestedTokens tested_tokens(const std::filesystem::path& run_folder, const std::string& arm, const RecordSet& records);

}  // namespace specula
