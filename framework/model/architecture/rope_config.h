// The rotary embedding as config.json spells it: rope_theta with rope_scaling (transformers 4) or rope_parameters
// (transformers 5).  Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/model/architecture/config_fields.h"
#include "framework/model/architecture/decoder_config.h"

namespace specula {

struct RopeSource {
  double theta = 10000;  // where the file gives none
  std::string theta_field = "rope_theta";
  bool su_is_longrope = false;  // Phi-3's older names of it: "su", "yarn"
  std::string layer_type{};     // Gemma 3: the entry of rope_parameters; "": it has no entries by layer type
};

// Throws Error for a type that is not known.
Rope read_rope(const ConfigFields& fields, int64_t context, const RopeSource& source = {});
// The share of a head that turns: partial_rotary_factor, in rope_parameters or beside it.
double read_rotary_share(const ConfigFields& fields, double otherwise, const std::string& older_field = "");
// turning() of such a share, which must be even and may be none.
int64_t rotary_dim_of(const ConfigFields& fields, int64_t head_dim, double share);

// In the spelling of transformers 5.
ConfigFields::Json rope_json(const Rope& rope);

}  // namespace specula
