// The model that a head drafts for.  Licence: Apache-2.0.
#pragma once

#include "framework/model/engine/decoder_model.h"
#include "framework/model/load.h"

namespace specula {

// LoadOptions::target.  Throws Error where there is none, where its sizes are not those that the head was made for, and
// where it does not run on the own engine in the head's format, since heads read its embedding and its output head.
const DecoderModel& target_of(const ModelInfo& head, const LoadOptions& options);

}  // namespace specula
