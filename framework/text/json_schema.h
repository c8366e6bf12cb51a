// A JSON schema as a regular expression over the JSON text: objects with fixed properties in the order in which they
// stand, arrays, strings, numbers, choices.  JSON itself is not regular, so values without a type nest only so deep.
// Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/text/expression.h"

namespace specula {

// type (also a list), properties, required, items, minItems, maxItems, minLength, maxLength, enum, const, anyOf, oneOf;
// title, description and the like are passed over.  Objects have no other properties than those named.  One space may
// stand behind ':' and ','.  Values that the schema does not describe hold arrays and objects up to `depth` deep.
// Throws ConfigError naming the place in the schema for what is wrong and for what cannot be followed.
Pattern parse_json_schema(const std::string& text, int depth);

}  // namespace specula
