// eta: epsilon sampling whose bound falls where the row has much entropy H: min(epsilon, sqrt(epsilon) exp(-H)) (Hewitt
// et al. 2022).  Defined as in transformers (eta_cutoff).  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry eta();
}
