#include "drafters/echo.h"

#include "framework/decode/each_sequence.h"

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
    return draft_each(round, [&](size_t b, const Prefix& text) {
      const std::vector<Token> tokens(round.depth_limit(b, options_.length), text.back());
      return DraftTree::chain_of_points(text.back(), tokens);
    });
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
