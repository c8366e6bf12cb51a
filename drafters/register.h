// Every drafter, one line each.  Licence: Apache-2.0.
#pragma once
#include "framework/decode/registry.h"
namespace specula {
void register_drafters(Registry<Drafter>& drafters);
}
