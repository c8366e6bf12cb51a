// Whether the work of an arm's drafter can be told from its records.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "experiments/config/config.h"

namespace specula {

// "lookup": it runs no model and none of the target's layers; "chain": one pass of its model for each drafted token,
// nothing else; "": something else, which records do not count.
std::string drafting_of(const ArmConfig& arm);

}  // namespace specula
