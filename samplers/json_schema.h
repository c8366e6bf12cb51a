// json_schema: the generated text is JSON that follows a schema, as far as it is regular: the properties of an object
// are those named, in that order; recursion is refused.  Followed like regex.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<LogitsProcessor>::Entry json_schema();
}
