// Grammars in llama.cpp's notation (GBNF), as far as they are regular: rules are put where their names stand, and a
// rule that contains itself is refused.  Licence: Apache-2.0.
#pragma once

#include <string>

#include "framework/text/expression.h"

namespace specula {

// name ::= "text" | [set] | . | name | (group), with *, +, ?, {m,n} and # comments; the text follows the rule `root`.
// Throws ConfigError with the column for wrong syntax, unknown names and recursion.
Pattern parse_grammar(const std::string& text);

}  // namespace specula
