#include "verifiers/register.h"

#include "verifiers/agreement.h"
#include "verifiers/greedy_match.h"
#include "verifiers/rejection.h"

namespace specula {

void register_verifiers(Registry<Verifier>& verifiers) {
  verifiers.add(greedy_match());
  verifiers.add(rejection());
  verifiers.add(agreement());
}

}  // namespace specula
