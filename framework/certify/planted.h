// Known faults, planted into any acceptance rule, to show that what certifies compositions can fail: a rule inside a
// rule that hands it a chance which is not quite fair, or rows of p that are not quite right.  A fault touches only
// rules that use what it distorts: greedy_match tosses no coin.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "framework/decode/verifier.h"

namespace specula {

enum class PlantedFault {
  kRedraw,         // after a rejection the token is drawn from all of p instead of from what is left of it
  kReusedUniform,  // the uniform that rejected draws the token too
  kLenientCoin,    // accepts with min(1, 1.1 h)
  kRawBonus,       // at rows without a candidate below them the token follows p^0.8: another temperature than p's
  kWrongRow        // there the token follows p of the row above
};
std::vector<std::string> planted_fault_names();
PlantedFault parse_planted_fault(const std::string& text, const std::string& place);  // throws ConfigError

std::unique_ptr<Verifier> plant(std::unique_ptr<Verifier> rule, PlantedFault fault);

}  // namespace specula
