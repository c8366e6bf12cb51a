#include "drafters/stoppers/heuristic.h"

#include "drafters/stoppers/stop_memory.h"

namespace specula {
namespace {

struct Options {
  int start = 4;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    v("start", start, 1, kLongestChain, "tokens of the first round", "tokens");
    v("scope", scope, kScopes, kScopeHelp);
  }
};

class Heuristic final : public Stopper {
 public:
  explicit Heuristic(const Options& options) : lengths_(scope_of(options.scope), options.start) {}

  void begin(size_t batch, int length) override {
    lengths_.begin(batch);
    longest_ = length;
  }

  int most(const StopRound& round) override { return std::min(round.most, lengths_.at(round.b)); }

  void learn(int b, const StopOutcome& outcome) override {
    int& length = lengths_.at(b);
    const bool is_whole = outcome.accepted == outcome.drafted;
    length = std::clamp(is_whole ? length + 2 : length - 1, 1, longest_);
  }

 private:
  StopMemory<int> lengths_;
  int longest_ = 1;
};

}  // namespace

Registry<Stopper>::Entry heuristic() {
  return stopper_entry<Heuristic, Options>(
      "heuristic", "Two tokens more after a draft that was accepted whole, else one less.",
      "Hugging Face's assisted generation",
      [](const Options& options) { return Facts{.scope = scope_of(options.scope), .length = options.start}; });
}

}  // namespace specula
