#include "drafters/eagle2.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() {
    head.name = "eagle";
    tree.tree = default_call("dynamic");
  }
  static HeadPlugin plugin() { return {.name = "eagle2", .kind = "eagle", .memory = kLayerMemory}; }
};

}  // namespace

Registry<Drafter>::Entry eagle2() {
  return head_entry<Options>("EAGLE with a dynamic tree that follows its confidence.", "Li et al. 2024 (EAGLE-2)");
}

}  // namespace specula
