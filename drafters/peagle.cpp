#include "drafters/peagle.h"

#include "drafters/head_drafter.h"
#include "framework/model/heads/round_heads.h"

namespace specula {
namespace {

struct Options : HeadOptions {
  Options() { head.name = "peagle"; }
  static HeadPlugin plugin() {
    return {.name = "peagle", .kind = "peagle", .memory = "keys and values of its layers for each token of the text"};
  }
};

const LanguageModel& head_of(const Options& options, const Parts& parts) {
  return head_of(options.head, Options::plugin(), parts);
}

// What stands before the drafter that uses it: no more masks than the tree asks for, which see nothing of those to
// come.
struct Masks {
  Masks(const Options& options, const Parts& parts) {
    const LanguageModel& head = head_of(options, parts);
    const int wanted = TreeDrafting(options.tree, options.plugin().name, parts).depth();
    if (wanted >= head.head_traits()->depth) return;
    const auto* own = dynamic_cast<const RoundHeads*>(&head);
    SPECULA_CHECK(own != nullptr, "a head of masks that is none");
    fewer = std::make_unique<ShorterRounds>(*own, wanted);
  }
  std::unique_ptr<ShorterRounds> fewer;  // null: the head itself
};

class PEagle final : private Masks, public HeadDrafter {
 public:
  PEagle(const Options& options, const Parts& parts)
      : Masks(options, parts),
        HeadDrafter(options, Options::plugin(), parts, fewer ? *fewer : head_of(options, parts)) {}
};

}  // namespace

Registry<Drafter>::Entry peagle() {
  return with_tree(drafter_entry<PEagle, Options>(
      "peagle", "EAGLE-3's layers name all tokens of a round in one pass over masks.",
      "arXiv 2602.01469, 2026 (P-EAGLE)",
      [](const Options& options, Policy policy) { return head_facts(options, Options::plugin(), policy); }));
}

}  // namespace specula
