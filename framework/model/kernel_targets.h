// The Highway targets that the kernels are compiled for: AVX2, AVX-512, NEON and the plain one of the platform. Targets
// between them cost compile time and gain nothing here; scalable vectors (SVE, RVV) cannot stand in the arrays that the
// kernels use. Included before Highway.  Licence: Apache-2.0.
#pragma once

#define HWY_DISABLED_TARGETS \
  ((1LL << 7) | (1LL << 11) | (1LL << 12) | (1LL << 24) | (1LL << 25) | (1LL << 26) | (1LL << 27) | (1LL << 37))
