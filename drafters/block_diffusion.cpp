#include "drafters/block_diffusion.h"

#include "drafters/head_drafter.h"
#include "framework/model/heads/round_heads.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  int block = 0;
  Options() { head.name = "block_diffusion"; }
  static HeadPlugin plugin() {
    return {.name = "block_diffusion",
            .kind = "block_diffusion",
            .memory = "keys and values of its layers for each token of the text"};
  }
  template <class V>
  void visit(V& v) {
    HeadOptions::visit(v);
    v("block", block, 0, 256, "rows of a block, one more than it names tokens; 0: as the head was trained", "tokens");
  }
};

const LanguageModel& head_of(const Options& options, const Parts& parts) {
  return head_of(options.head, Options::plugin(), parts);
}

// What stands before the drafter that uses it.
struct Block {
  Block(const Options& options, const Parts& parts) {
    if (options.block == 0) return;
    const LanguageModel& head = head_of(options, parts);
    const int trained = head.head_traits()->depth + 1;
    if (options.block < 2 || options.block > trained)
      throw ConfigError(cat("block_diffusion block = ", options.block, ": '", options.head.name,
                            "' was trained with blocks of ", trained, "; expected 2..", trained, ", or 0 for those"));
    const auto* own = dynamic_cast<const RoundHeads*>(&head);
    SPECULA_CHECK(own != nullptr, "a head of blocks that is none");
    shorter = std::make_unique<ShorterRounds>(*own, options.block - 1);
  }
  std::unique_ptr<ShorterRounds> shorter;  // null: the head itself
};

class BlockDiffusion final : private Block, public HeadDrafter {
 public:
  BlockDiffusion(const Options& options, const Parts& parts)
      : Block(options, parts),
        HeadDrafter(options, Options::plugin(), parts, shorter ? *shorter : head_of(options, parts)) {}
};

}  // namespace

Registry<Drafter>::Entry block_diffusion() {
  return with_tree(drafter_entry<BlockDiffusion, Options>(
      "block_diffusion", "Layers over the target's states name a block of tokens in one pass.",
      "Chen et al. 2026 (DFlash)",
      [](const Options& options, Policy policy) { return head_facts(options, Options::plugin(), policy); }));
}

}  // namespace specula
