// none: drafts nothing.  Autoregressive decoding, measured by the same loop as everything else: the baseline.
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry none();
}
