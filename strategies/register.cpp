#include "strategies/register.h"

#include "strategies/beam.h"
#include "strategies/best_of_n.h"
#include "strategies/contrastive.h"

namespace specula {

const Registry<Strategy>& all_strategies() {
  static const Registry<Strategy> instance = [] {
    Registry<Strategy> strategies{.kind = "strategy"};
    strategies.add(beam());
    strategies.add(contrastive());
    strategies.add(best_of_n());
    return strategies;
  }();
  return instance;
}

}  // namespace specula
