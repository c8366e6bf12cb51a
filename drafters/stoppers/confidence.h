// confidence: ends a chain where the most likely next token is not likely enough, max q < threshold.
//
// Hugging Face's assistant_confidence_threshold (0.4 there too), Kangaroo's early exit (Liu et al. 2024, 0.6),
// llama.cpp's p_min.  With `keep` the doubtful token is drafted and is the last one, as in the first two: its pass is
// spent anyhow, and a row costs little; without, it is not drawn, as with p_min.  With `fitted` the threshold is chosen
// anew after each round as Hugging Face does: of the thresholds between the confidences seen, the one with the least
// false positive rate + 3 false negative rate in telling accepted tokens from rejected ones, once there are more than
// five of them and both kinds.  It looks at the last 1024 tested tokens.
// Costs a maximum over V a drafted token, and sorting those 1024 a round.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Stopper>::Entry confidence();
}
