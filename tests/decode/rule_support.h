// What tests of acceptance rules share: rules by name, and the rounds of framework/certify/drafted.h.
#pragma once

#include <memory>
#include <string>

#include "framework/certify/drafted.h"
#include "framework/decode/registry.h"

namespace specula::testing {

std::unique_ptr<Verifier> rule_named(const std::string& call);  // "optimal(siblings=3)"

}  // namespace specula::testing
