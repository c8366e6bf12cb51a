// How much memory a model will take and how much there is, so that a model that does not fit is an error with numbers
// in it and not a killed process.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <string>

#include "framework/model/load.h"

namespace specula {

// What the own engine allocates for the weights, within a few per cent: caches and a pass's buffers come on top, and
// the mapped file does not count (its pages can be dropped).
int64_t bytes_to_load(const ModelInfo& info, Dtype dtype);

// What this process may still allocate: the least of the system's available memory, what its control groups leave (file
// pages in them can be dropped) and its address-space limit.  What cannot be read does not limit.
int64_t available_bytes();

// Throws Error "DIR: needs about 13.5 GB in bf16, 3.2 GB are available; int8 would need 7.1 GB" unless it fits.
void check_memory(const ModelInfo& info, Dtype dtype, int64_t available);

std::string bytes_text(int64_t bytes);  // "13.5 GB", "22 MB"; decimal units

}  // namespace specula
