#include "drafters/none.h"

namespace specula {
namespace {

class None final : public Drafter {
 public:
  explicit None(NoOptions /*options*/) {}

  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees(round.prefixes.size());
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] == 0) trees[b] = DraftTree::root_only(round.prefixes[b].back());
    }
    return trees;
  }
};

}  // namespace

Registry<Drafter>::Entry none() {
  return drafter_entry<None, NoOptions>("none", "Drafts nothing: autoregressive decoding, the baseline.", "",
                                        [](const NoOptions&) { return Facts{}; });
}

}  // namespace specula
