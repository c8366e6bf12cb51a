#include "drafters/eagle3.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() { head.name = "eagle3"; }
  static HeadPlugin plugin() { return {.name = "eagle3", .kind = "eagle3", .memory = kLayerMemory}; }
};

}  // namespace

Registry<Drafter>::Entry eagle3() {
  return head_entry<Options>("One decoder layer on three joined states, with a head of its own.",
                             "Li et al. 2025 (EAGLE-3)");
}

}  // namespace specula
