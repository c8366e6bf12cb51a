// random_tree: trees of random shape and random tokens.
//
// No drafter to use: what tests of rules, records and passes feed on, with every law that a draft can have.  Each row
// hangs from a row that was drawn before and draws its token from the uniform law, under `law` point without saying so.
// Costs nothing; as good as never accepted where the vocabulary is large.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry random_tree();
}
