// check: two drafters on the same rounds; the first one's tree is drafted, the other's is compared with it.
//
// For refactorings and for ports of another implementation: a drafter and its second version must draft the same rows.
// Notes of every round: check_equal (1 where the whole trees are equal) and check_rows (the share of rows whose path
// of tokens the other tree has too).  Both draw on the same keys, so that drafts that are drawn can be compared as
// well.  Costs both.  Licence: Apache-2.0.
#pragma once

#include "framework/decode/registry.h"

namespace specula {
Registry<Drafter>::Entry check_drafter();
}
