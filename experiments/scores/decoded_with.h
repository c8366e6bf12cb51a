// What a run decoded with, found again for those who judge its texts.  Licence: Apache-2.0.
#pragma once

#include <memory>

#include "experiments/run/manifest.h"
#include "framework/text/tokenizer.h"

namespace specula {

// The baseline's target.  Throws Error where the manifest does not tell its folder.
const RunModel& target_of(const RunInfo& run);
// Its tokenizer.  Throws Error where the folder has another one by now, or none.
std::unique_ptr<Tokenizer> tokenizer_of(const RunInfo& run);

}  // namespace specula
