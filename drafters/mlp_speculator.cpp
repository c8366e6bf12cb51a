#include "drafters/mlp_speculator.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() {
    head.name = "mlp_speculator";
    tree.length = 3;
  }
  static HeadPlugin plugin() { return {.name = "mlp_speculator", .kind = "mlp_speculator", .memory = kStateMemory}; }
};

}  // namespace

Registry<Drafter>::Entry mlp_speculator() {
  return head_entry<Options>("A recurrence over drafted tokens that starts from the target's state.",
                             "Wertheimer et al. 2024 (MLP speculator)");
}

}  // namespace specula
