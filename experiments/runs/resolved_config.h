// The configuration that a run folder keeps, with the origins that its writer knew.  Licence: Apache-2.0.
#pragma once

#include <filesystem>

#include "framework/core/value.h"

namespace specula {

// config.resolved.toml; each value has the origin that the comment behind it tells.  Throws Error if it cannot be read,
// ConfigError if it is no TOML.
Value read_resolved_config(const std::filesystem::path& run_folder);

}  // namespace specula
