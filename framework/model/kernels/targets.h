// The Highway targets that the kernels are compiled for: AVX2, AVX-512, NEON and the plain one of the platform. Targets
// between them cost compile time and gain nothing here; scalable vectors (SVE, RVV) cannot stand in the arrays that the
// kernels use. Included before Highway.  Licence: Apache-2.0.
#pragma once

// Bits 18 to 27 are ARM's better than NEON; which of them is SVE changed between Highway 1.0 and 1.2.
#define HWY_DISABLED_TARGETS ((1LL << 7) | (1LL << 11) | (1LL << 12) | ((1LL << 28) - (1LL << 18)) | (1LL << 37))
