// echo: repeats the last token.  The floor that any useful drafter must beat, and the neighbour to copy when adding
// one. Costs nothing, needs nothing; good only where a text repeats one token.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry echo();
}
