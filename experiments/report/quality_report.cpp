#include "experiments/report/quality_report.h"

#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

namespace specula {

std::string quality_text(const Quality& quality) {
  char error[32] = "";
  if (std::isfinite(quality.nll_difference_se))
    std::snprintf(error, sizeof error, "+-%.4f, ", quality.nll_difference_se);
  char text[192];
  std::snprintf(text, sizeof text, "NLL %+.4f nats/token (%s%lld tokens), argmax equal %.1f %%, KL %.2g",
                quality.nll_difference, error, static_cast<long long>(quality.tokens), 100 * quality.argmax_equal,
                quality.kl);
  return text;
}

void to_json(nlohmann::ordered_json& json, const Quality& quality) {  // NaN is dumped as null
  json = {{"tokens", quality.tokens},
          {"nll_reference", quality.nll_reference},
          {"nll", quality.nll},
          {"nll_difference", quality.nll_difference},
          {"nll_difference_se", quality.nll_difference_se},
          {"kl", quality.kl},
          {"argmax_equal", quality.argmax_equal}};
}

void from_json(const nlohmann::ordered_json& json, Quality& quality) {
  const auto number = [&](const char* key) {
    const auto& value = json.at(key);
    return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  };
  quality = {.tokens = json.at("tokens").get<int64_t>(),
             .nll_reference = number("nll_reference"),
             .nll = number("nll"),
             .nll_difference = number("nll_difference"),
             .nll_difference_se = number("nll_difference_se"),
             .kl = number("kl"),
             .argmax_equal = number("argmax_equal")};
}

}  // namespace specula
