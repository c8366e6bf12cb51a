// The common chat formats by name, for folders that bring no template: chosen only when asked.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

struct ChatFormat {
  std::string name;
  std::vector<std::string> tokens;  // that the format makes no sense without
  std::string text;                 // Jinja
};

inline const std::string kNoFormat = "none", kFolderFormat = "folder";

std::vector<std::string> chat_format_names();            // of the table: "llama-2", ...
std::vector<std::string> chat_format_choices();          // none (plain text), folder (its own template) and the names
const ChatFormat& chat_format(const std::string& name);  // throws Error with the valid names

}  // namespace specula
