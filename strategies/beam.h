// beam: the text with the highest score among those that a beam search finds.
//
// Keeps the `width` most likely continuations of the prompt, token by token (Lowerre 1976; Graves 2012 for networks). A
// text's score is the sum of its log-probabilities over its length to the power of length_penalty (Wu et al. 2016 write
// another form).  Definition and rules of stopping are those of transformers' generate(num_beams): of the 2 width best
// continuations, those among the first `width` that end are finished, the best `width` of the others run on.
// Log-probabilities are of the sampling policy without its last step at temperature 0, renormalised; transformers adds
// up what its processors leave unnormalised, which differs where one of them changes the logits.
// A pass has `width` rows of one sequence's tree, so it costs little more than one row where weights are read from
// memory.  The text is no draw from p: it is likelier, shorter and more repetitive than people write (Holtzman et al.
// 2020).  Licence: Apache-2.0.
#pragma once

#include "framework/decode/strategy.h"

namespace specula {
Registry<Strategy>::Entry beam();
}
