// online_draft: a draft model that goes on learning from its target while it drafts for it.
//
// Liu et al. 2024, "Online Speculative Decoding".  Every pass of the target says what it would have written behind each
// accepted token; what it said is kept until `every` places are together, and then the draft makes a step of AdamW
// towards it.  The new weights draft from the next request on, so within a request q is that of one model, and the
// output is lossless whatever was learned.  A step is billed like all that a drafter does: on the processor that
// decodes it costs as much as some passes of the target.  Texts at temperature > 0 depend on the requests before (scope
// run).
//
// The draft model computes in its own format and learns in float32; its folder is read a second time.  The paper
// learns from rejected places alone and beside the decoding; here all places count.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry online_draft();
}
