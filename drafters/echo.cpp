#include "drafters/echo.h"

namespace specula {
namespace {

struct Options {
  int length = 4;
  template <class V>
  void visit(V& v) {
    v("length", length, 1, 64, "how many times the last token is repeated", "tokens");
  }
};

class Echo final : public Drafter {
 public:
  explicit Echo(Options options) : options_(options) {}

  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees(round.prefixes.size());
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] != 0) continue;
      const Token last = round.prefixes[b].back();
      trees[b] = DraftTree::chain_of_points(last, std::vector<Token>(round.depth_limit(b, options_.length), last));
    }
    return trees;
  }

 private:
  Options options_;
};

}  // namespace

Registry<Drafter>::Entry echo() {
  return drafter_entry<Echo, Options>("echo", "Repeats the last token: the floor that any useful drafter must beat.",
                                      "", [](const Options&) { return Facts{.laws = {Draw::kPoint}}; });
}

}  // namespace specula
