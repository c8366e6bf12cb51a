// Every drafter, one line each.  Licence: Apache-2.0.
#pragma once
#include "framework/decode/registry.h"
namespace specula {
void register_drafters(Registry<Drafter>& drafters);
const Registry<Drafter>& all_drafters();  // made once: what a drafter inside another may be
}  // namespace specula
