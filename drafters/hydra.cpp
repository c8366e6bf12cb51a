#include "drafters/hydra.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() { head.name = "hydra"; }
  static HeadPlugin plugin() { return {.name = "hydra", .kind = "hydra", .memory = kStateMemory}; }
};

}  // namespace

Registry<Drafter>::Entry hydra() {
  return head_entry<Options>("Heads that read the target's state and the tokens drafted since.",
                             "Ankner et al. 2024 (Hydra)");
}

}  // namespace specula
