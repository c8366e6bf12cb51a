// How much arithmetic a position costs in a model, from its config.json alone.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>

namespace specula {

struct ModelSize {
  int64_t active = 0;  // parameters that a row is multiplied with: no table that is only looked up, the experts that a
                       // row uses
  int64_t layers = 0, attention_width = 0;  // heads x head_dim
};
ModelSize model_size(const std::filesystem::path& folder);  // throws Error

}  // namespace specula
