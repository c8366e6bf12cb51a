// TOML text to a Value tree in which every value knows its place.  The only door to toml++.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>

#include "framework/core/value.h"

namespace specula {

// The whole text of a file; `name` is what origins ("name:line:column") and errors call it.  Throws ConfigError for
// wrong syntax and for dates and times, which no key takes.
Value parse_toml(const std::string& text, const std::string& name);

// One TOML value as --set takes it: 5, 0.7, true, "text", ["a", "b"], { name = "none" }.  Nothing if it is not TOML;
// every part of the value has the origin `origin`.
std::optional<Value> parse_toml_value(const std::string& text, const std::string& origin);

}  // namespace specula
