// Every logits processor, one line each, and the orders in which other programs apply theirs.  Licence: Apache-2.0.
#pragma once
#include "framework/decode/registry.h"
namespace specula {

void register_samplers(Registry<LogitsProcessor>& samplers);  // in the order of transformers

// Names of all of them, first to last, as `order` of a [sampler] table calls for.
std::vector<std::string> sampler_presets();
std::vector<std::string> sampler_order(const std::string& preset);

}  // namespace specula
