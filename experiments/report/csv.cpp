#include "experiments/report/csv.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"

namespace specula {

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv_number(double value) { return std::isfinite(value) ? nlohmann::json(value).dump() : ""; }

std::string csv_line(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(csv_text(text));
  return join(quoted, ",") + "\n";
}

}  // namespace specula
