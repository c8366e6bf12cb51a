// ensemble: the text of a fixed mixture of both models, v = w p + (1-w) q, at the speed of speculation.
//
// The ratio test towards v: a draft d of q passes with probability min(1, 1-w + w p(d)/q(d)), and the residual is
// norm((p-q)+); along a chain 1 - w TV(p,q) of the drafts pass.  Exact for v, not for p (w = 1 is p); transformers has
// the same rule as `assistant_ensemble_weight`.  p and q are mixed after the sampling policy, so at temperature 0 the
// text tosses a coin of weight w between the two most likely tokens where they differ. Needs q after every row; costs
// what `rejection` costs and one more pass over p and q a visited row. Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry ensemble();
}
