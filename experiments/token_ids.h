// Token ids on a command line and in output.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/core/token.h"

namespace specula {

// "1,2,3".  Throws ConfigError naming the place for an empty list, anything that is no integer, and ids outside [0,
// vocab).
Prefix parse_ids(const std::string& text, int64_t vocab, const std::string& place);

// "[1,2,3]"
std::string ids_json(const Prefix& ids);

}  // namespace specula
