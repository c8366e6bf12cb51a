// Regular expressions as one writes them: the parts of the usual syntax that describe a regular language.  The whole
// text is matched, so ^ in front and $ at the end say nothing.  Characters are those of Unicode; \d, \w and \s are
// ASCII. Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/text/expression.h"

namespace specula {

// Literals, ., [sets], (groups), (?:groups), |, *, +, ?, {m,n}, escapes.  Throws ConfigError with the column for wrong
// syntax and for what is not regular or not known: lookaround, back references, \b, flags.
Pattern parse_regex(const std::string& text);

}  // namespace specula
