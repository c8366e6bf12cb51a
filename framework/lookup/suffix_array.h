// The suffix array of a text of integers: induced sorting (Nong, Zhang, Chan 2009, "Linear suffix array construction by
// almost pure induced-sorting", SA-IS).  Linear time, about 20 bytes of memory a token.  Byte-wise libraries
// (libdivsufsort) would sort suffixes that begin within a token.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace specula {

// [N] where the suffixes of `text` begin, in their lexicographic order; a suffix that ends comes before those that go
// on.  `text` holds values in [0, alphabet).  At most 2^31 - 16 values.
std::vector<int32_t> suffix_array(std::span<const int32_t> text, int32_t alphabet);

}  // namespace specula
