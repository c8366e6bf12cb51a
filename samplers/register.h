// Every logits processor, one line each, in the order in which a [sampler] table applies them.  Licence: Apache-2.0.
#pragma once
#include "framework/decode/registry.h"
namespace specula {
void register_samplers(Registry<LogitsProcessor>& samplers);
}
