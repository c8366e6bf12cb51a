// min_p: keeps the tokens at least min_p times as likely as the most likely one (Nguyen et al. 2024).
// Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry min_p();
}
