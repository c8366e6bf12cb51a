#include "drafters/stoppers/register.h"

#include "drafters/stoppers/bandit.h"
#include "drafters/stoppers/confidence.h"
#include "drafters/stoppers/cost_aware.h"
#include "drafters/stoppers/entropy.h"
#include "drafters/stoppers/fixed.h"
#include "drafters/stoppers/heuristic.h"

namespace specula {

void register_stoppers(Registry<Stopper>& stoppers) {
  stoppers.add(fixed());
  stoppers.add(heuristic());
  stoppers.add(confidence());
  stoppers.add(entropy());
  stoppers.add(cost_aware());
  stoppers.add(bandit());
}

const Registry<Stopper>& all_stoppers() {
  static const Registry<Stopper> instance = [] {
    Registry<Stopper> stoppers{.kind = "stopper"};
    register_stoppers(stoppers);
    return stoppers;
  }();
  return instance;
}

}  // namespace specula
