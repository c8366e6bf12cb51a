#include "framework/model/kernels/isa.h"

#include <hwy/targets.h>

#include <cstdlib>

#include "framework/core/error.h"

namespace specula {
namespace {

// Highway numbers its targets from the best one down, so what is below a bit is better than it.
int64_t better_than(const std::string& asked) {
#if defined(__x86_64__)
  if (asked == "avx512") return HWY_AVX3 - 1;
  if (asked == "avx2") return HWY_AVX2 - 1;
  if (asked == "baseline") return 2 * HWY_AVX2 - 1;
#else
  if (asked == "baseline") return 0;
#endif
  throw ConfigError(cat("SPECULA_ISA: unknown value '", asked, "'",
                        suggestion(asked, {"best", "avx512", "avx2", "baseline"}),
                        " on x86; best, baseline elsewhere"));
}

void check_supported(const std::string& asked) {
#if defined(__x86_64__)
  const int64_t wanted = asked == "avx512" ? HWY_AVX3 : asked == "avx2" ? HWY_AVX2 : 0;
  if (wanted != 0 && (hwy::SupportedTargets() & wanted) == 0)
    throw ConfigError(cat("SPECULA_ISA: this CPU does not have '", asked, "'"));
#else
  (void)asked;
#endif
}

}  // namespace

std::string isa_restriction() {
  const char* asked = std::getenv("SPECULA_ISA");
  return asked == nullptr || std::string(asked) == "best" ? "" : asked;
}

void choose_isa() {
  static const bool chosen = [] {
    const std::string asked = isa_restriction();
    if (asked.empty()) return true;
    const int64_t disabled = better_than(asked);
    check_supported(asked);
    hwy::DisableTargets(disabled);
    return true;
  }();
  (void)chosen;
}

bool has_isa(Isa isa) {
  if (!isa_restriction().empty()) return false;
#if defined(__x86_64__)
  const bool is_wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
  switch (isa) {
    case Isa::kAvx512Bf16:
      return is_wide && __builtin_cpu_supports("avx512bf16");
    case Isa::kAvx512Vnni:
      return is_wide && __builtin_cpu_supports("avx512vnni");
  }
#else
  (void)isa;
#endif
  return false;
}

}  // namespace specula
