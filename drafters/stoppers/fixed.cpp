#include "drafters/stoppers/fixed.h"

namespace specula {
namespace {

struct Options {
  int length = 4;
  template <class V>
  void visit(V& v) {
    v("length", length, 1, kLongestChain, "tokens drafted in a round", "tokens");
  }
};

class Fixed final : public Stopper {
 public:
  explicit Fixed(Options options) : options_(options) {}
  int most(const StopRound& round) override { return std::min(round.most, options_.length); }

 private:
  Options options_;
};

}  // namespace

Registry<Stopper>::Entry fixed() {
  return stopper_entry<Fixed, Options>("fixed", "Ends a chain after so many tokens.", "Leviathan et al. 2023",
                                       [](const Options& options) { return Facts{.length = options.length}; });
}

}  // namespace specula
