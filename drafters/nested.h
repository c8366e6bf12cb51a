// Drafters inside drafters: what those that compose others share.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>

#include "framework/decode/registry.h"

namespace specula {

// Throw ConfigError naming the place of the call for an unknown drafter or a wrong option.
Facts nested_facts(const Call& call, const std::string& place, Policy policy);
std::unique_ptr<Drafter> make_nested(const Call& call, const std::string& place, const Parts& parts);

// What a drafter needs and is because of one inside it: models, files, scope (the longest), memory.  Laws, trees and
// q_next are left to the outer drafter.
void add_needs(Facts& facts, const Facts& of_inner);

// The entry with the options of the drafters inside it resolved too, so that a run's files name every value.
Registry<Drafter>::Entry with_nested(Registry<Drafter>::Entry entry);

}  // namespace specula
