#include "framework/model/dtype.h"

#include "framework/core/error.h"

namespace specula {
namespace {

struct Named {
  Dtype dtype;
  const char* name;
};
constexpr Named kDtypes[] = {{Dtype::kFloat32, "fp32"},
                             {Dtype::kBfloat16, "bf16"},
                             {Dtype::kInt8, "int8"},
                             {Dtype::kInt8Weights, "int8w"},
                             {Dtype::kInt4, "int4"}};

}  // namespace

const char* name_of(Dtype dtype) {
  for (const Named& known : kDtypes) {
    if (known.dtype == dtype) return known.name;
  }
  SPECULA_CHECK(false, "dtype ", static_cast<int>(dtype));
}

std::vector<std::string> dtype_names() {
  std::vector<std::string> names;
  for (const Named& known : kDtypes) names.emplace_back(known.name);
  return names;
}

bool is_quantized(Dtype dtype) { return dtype != Dtype::kFloat32 && dtype != Dtype::kBfloat16; }

Dtype parse_dtype(const std::string& text, const std::string& place) {
  for (const Named& known : kDtypes) {
    if (text == known.name) return known.dtype;
  }
  throw ConfigError(cat(place, ": unknown dtype '", text, "'", suggestion(text, dtype_names())));
}

}  // namespace specula
