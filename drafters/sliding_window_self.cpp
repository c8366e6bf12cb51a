#include "drafters/sliding_window_self.h"

#include "drafters/self_drafter.h"

namespace specula {
namespace {

struct Options {
  int sinks = 4;
  int window = 508;
  SelfOptions self;
  template <class V>
  void visit(V& v) {
    v("sinks", sinks, 0, 1 << 20, "first tokens of the text that every draft sees", "tokens");
    v("window", window, 0, 1 << 20, "last tokens of the text that every draft sees", "tokens");
    self.visit(v);
  }
};

class SlidingWindowSelf final : public SelfDrafter {
 public:
  SlidingWindowSelf(const Options& options, const Parts& parts)
      : SelfDrafter(options.self, "sliding_window_self", parts),
        view_{.sinks = options.sinks, .window = options.window} {}

  std::vector<DraftTree> draft(const Round& round) override {
    return chains(round, {.logits = Logits::kLast, .view = view_});
  }

 private:
  KvView view_;
};

}  // namespace

Registry<Drafter>::Entry sliding_window_self() {
  return with_stoppers(drafter_entry<SlidingWindowSelf, Options>(
      "sliding_window_self", "The target drafts for itself, seeing only the text's first and last tokens.",
      "Xiao et al. 2024; Sun et al. 2024",
      [](const Options& options, Policy policy) { return self_facts(options.self, "sliding_window_self", policy); }));
}

}  // namespace specula
