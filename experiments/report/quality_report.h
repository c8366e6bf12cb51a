// The cost of quantized numbers as records and people read it.  Licence: Apache-2.0.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "framework/decode/quality.h"

namespace specula {

// "NLL +0.0031 nats/token (+-0.0008, 512 tokens), argmax equal 98.2 %, KL 0.0009"; +- is one standard error.
std::string quality_text(const Quality& quality);

// Found by nlohmann's library: {"tokens", "nll_reference", "nll", "nll_difference", "nll_difference_se", "kl",
// "argmax_equal"}; NaN is null.
void to_json(nlohmann::ordered_json& json, const Quality& quality);
void from_json(const nlohmann::ordered_json& json, Quality& quality);

}  // namespace specula
