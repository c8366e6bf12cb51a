#include "drafters/eagle.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() { head.name = "eagle"; }
  static HeadPlugin plugin() { return {.name = "eagle", .kind = "eagle", .memory = kLayerMemory}; }
};

}  // namespace

Registry<Drafter>::Entry eagle() {
  return head_entry<Options>("One decoder layer continues the target's states.", "Li et al. 2024 (EAGLE)");
}

}  // namespace specula
