#include "drafters/early_exit.h"

#include "drafters/exit_drafter.h"

namespace specula {
namespace {

struct Options {
  int exit_layer = 0;
  ExitOptions exit;
  template <class V>
  void visit(V& v) {
    v("exit_layer", exit_layer, 0, 1024, "layers that draft, fewer than the target has; 0: half of them", "layers");
    exit.visit(v);
  }
  int exit_of(int64_t layers) const {
    if (layers < 2) throw ConfigError("early_exit needs a target of at least 2 layers; this one has 1");
    if (exit_layer >= layers) {
      throw ConfigError(cat("early_exit exit_layer = ", exit_layer, " is out of range 1..", layers - 1,
                            ": the target has ", layers, " layers, and one at least must verify"));
    }
    return exit_layer > 0 ? exit_layer : static_cast<int>(layers / 2);
  }
};

class EarlyExit final : public ExitDrafter {
 public:
  EarlyExit(const Options& options, const Parts& parts)
      : ExitDrafter(options.exit, "early_exit", parts), options_(options) {
    if (parts.layers > 0) options_.exit_of(parts.layers);  // fails before anything is decoded
  }

 private:
  int exit_of(int64_t layers) const override { return options_.exit_of(layers); }
  Pass score(const std::vector<RowList>& lists, const First& first) override { return first(lists, Logits::kLast); }

  Options options_;
};

}  // namespace

Registry<Drafter>::Entry early_exit() {
  return with_stoppers(drafter_entry<EarlyExit, Options>(
      "early_exit", "The target's first layers draft, the others verify from where those stopped.",
      "Elhoushi et al. 2024",
      [](const Options& options, Policy policy) { return self_facts(options.exit.self, "early_exit", policy); }));
}

}  // namespace specula
