// Every strategy, one line each.  Licence: Apache-2.0.
#pragma once
#include "framework/decode/strategy.h"
namespace specula {
const Registry<Strategy>& all_strategies();  // made once
}
