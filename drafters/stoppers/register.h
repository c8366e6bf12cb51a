// Every stopper, one line each.  Licence: Apache-2.0.
#pragma once
#include "framework/decode/registry.h"
namespace specula {
void register_stoppers(Registry<Stopper>& stoppers);
const Registry<Stopper>& all_stoppers();  // made once: what the option `stop` of a drafter may name
}  // namespace specula
