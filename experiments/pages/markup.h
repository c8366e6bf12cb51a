// Text for HTML, SVG and Markdown.  Names of arms and prompts are anybody's, so nothing reaches a page unescaped.
// Licence: Apache-2.0.
#pragma once

#include <string>

namespace specula {

// & < > " ' as entities; what XML cannot hold (control characters, broken UTF-8) as U+FFFD.
std::string escaped(const std::string& text);
// For a cell of a Markdown table: what would be read as markup stands behind a backslash, line breaks become spaces.
std::string markdown_escaped(const std::string& text);
// A JSON text that may stand inside <script>.
std::string script_safe(const std::string& json);
// "word" or "'two words'", as a shell takes it.
std::string shell_quoted(const std::string& word);

}  // namespace specula
