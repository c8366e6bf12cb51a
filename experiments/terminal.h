// Whether standard output may be coloured.  Licence: Apache-2.0.
#pragma once

#include <string>

namespace specula {

// `choice` is auto, always or never; auto: on a terminal that is not "dumb", unless NO_COLOR is set (no-color.org).
bool wants_color(const std::string& choice);

}  // namespace specula
