#include "verifiers/register.h"

#include "verifiers/agreement.h"
#include "verifiers/block.h"
#include "verifiers/delta_tree.h"
#include "verifiers/greedy_match.h"
#include "verifiers/gumbel_coupled.h"
#include "verifiers/kseq.h"
#include "verifiers/optimal.h"
#include "verifiers/rejection.h"
#include "verifiers/traversal.h"

namespace specula {

void register_verifiers(Registry<Verifier>& verifiers) {
  verifiers.add(greedy_match());
  verifiers.add(rejection());
  verifiers.add(agreement());
  verifiers.add(delta_tree());
  verifiers.add(kseq());
  verifiers.add(block());
  verifiers.add(traversal());
  verifiers.add(gumbel_coupled());
  verifiers.add(optimal());
}

}  // namespace specula
