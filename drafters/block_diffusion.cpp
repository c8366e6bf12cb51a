#include "drafters/block_diffusion.h"

#include "drafters/head_drafter.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() { head.name = "block_diffusion"; }
  static HeadPlugin plugin() {
    return {.name = "block_diffusion",
            .kind = "block_diffusion",
            .memory = "keys and values of its layers for each token of the text"};
  }
};

}  // namespace

Registry<Drafter>::Entry block_diffusion() {
  return head_entry<Options>("Layers over the target's states name a block of tokens in one pass.",
                             "Chen et al. 2026 (DFlash)");
}

}  // namespace specula
