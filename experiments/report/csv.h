// Comma separated values as RFC 4180 has them.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

std::string csv_text(const std::string& text);                // quoted where it must be
std::string csv_number(double value);                         // the shortest that reads back; "" if it is not finite
std::string csv_line(const std::vector<std::string>& texts);  // with '\n'

}  // namespace specula
