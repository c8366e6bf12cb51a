// Values as text: str() and repr() of Python, and json.dumps.  Licence: Apache-2.0.
#pragma once

#include <optional>
#include <string>

#include "framework/text/chat/value.h"

namespace specula::chat {

std::string printed(const Value& value);  // throws Fault for what a template cannot mean to print

struct JsonStyle {
  std::optional<std::string> indent;  // of one level; none: one line
  std::string item_separator = ", ", key_separator = ": ";
  bool ascii = false, sorted = false;
};
std::string json_text(const Value& value, const JsonStyle& style);

}  // namespace specula::chat
