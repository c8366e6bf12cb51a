#include "verifiers/register.h"

#include "verifiers/agreement.h"
#include "verifiers/block.h"
#include "verifiers/cascade.h"
#include "verifiers/check.h"
#include "verifiers/delta_tree.h"
#include "verifiers/ensemble.h"
#include "verifiers/fly.h"
#include "verifiers/greedy_match.h"
#include "verifiers/gumbel_coupled.h"
#include "verifiers/kseq.h"
#include "verifiers/lenience.h"
#include "verifiers/optimal.h"
#include "verifiers/rejection.h"
#include "verifiers/relaxed_top_k.h"
#include "verifiers/synthetic.h"
#include "verifiers/threshold.h"
#include "verifiers/traversal.h"
#include "verifiers/typical.h"

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
  verifiers.add(typical());
  verifiers.add(relaxed_top_k());
  verifiers.add(threshold());
  verifiers.add(lenience());
  verifiers.add(fly());
  verifiers.add(synthetic());
  verifiers.add(ensemble());
  verifiers.add(cascade());
  // The last, since it names the ones above.
  verifiers.add(check(std::make_shared<const Registry<Verifier>>(verifiers)));
}

}  // namespace specula
