// cascade: a draft model that hands over to the target where a rule says so, as one law that the ratio test runs
// towards (Narasimhan et al. 2025, "Faster cascades via speculative decoding", arXiv 2405.19261).
//
// At each row the text follows (1-delta) q + delta p, where delta = 1, the target speaks, iff
//   chow   max q < 1 - alpha                (eq. 2)
//   diff   max q < max p - alpha            (eq. 5)
//   opt    max q < max p - alpha TV(p,q)    (eq. 10)
// or token by token (the paper's V2), where r(x) = 1 iff p(x) < max p - alpha:
//   token  q(x) (1 - r(x)) + p(x) sum_y r(y) q(y)   (eq. 14)
// so that what the draft puts on tokens the target finds bad is drawn from p instead.  It is not q masked and
// renormalised, which is another law.  A larger alpha asks the target less often; alpha = 0 does not give p.  The rules
// look at p and q after the sampling policy, where the authors' code takes them before the temperature: at temperature
// 0 all maxima are 1, and chow, diff and opt never defer.
// Exact for that law, not for p.  Needs q after every row; costs what `rejection` costs and some passes over p and q a
// visited row.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Verifier>::Entry cascade();
}
