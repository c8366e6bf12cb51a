// The sections of a file of `specula train`, for `specula list training`.  Licence: Apache-2.0.
#pragma once

#include <vector>

#include "experiments/config/config_sections.h"

namespace specula {

std::vector<SectionDocs> train_sections();

}  // namespace specula
