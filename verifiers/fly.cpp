#include "verifiers/fly.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "framework/decode/row_law.h"

namespace specula {
namespace {

struct Options {
  double entropy_threshold = 0.3;  // this and the next two: vLLM's defaults
  int window = 6;
  int top_k = 3;
  bool normalise = false;
  template <class V>
  void visit(V& v) {
    v("entropy_threshold", entropy_threshold, 0, 20, "a rejection may be put off where the entropy is at least this",
      "nats");
    v("window", window, 1, 64, "how many drafts after it must pass by their own coins", "tokens");
    v("top_k", top_k, 1, 1000, "the entropy is taken over so many most likely tokens", "tokens");
    v("normalise", normalise, "whether their probabilities are normalised first");
  }
};

// The coins of a chain, each tossed when it is first looked at.
class Coins {
 public:
  Coins(const DraftTree& tree, const RoundRows& rows, Chance& chance)
      : tree_(tree), rows_(rows), chance_(chance), tossed_(tree.token.size()) {}

  bool accepts(int row) {
    std::optional<bool>& coin = tossed_[row];
    if (!coin) {
      const double mass = rows_.p(tree_.parent[row])[tree_.token[row]];
      coin = chance_.accept(mass / RowLaw(tree_, rows_, row, {}).at_token(), row);
    }
    return *coin;
  }

 private:
  const DraftTree& tree_;
  const RoundRows& rows_;
  Chance& chance_;
  std::vector<std::optional<bool>> tossed_;
};

class Fly final : public Verifier {
 public:
  explicit Fly(Options options) : options_(options) {}

  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    const RoundRows rows(tree, evidence.p);
    const std::vector<int> chain = rows.chain();
    const size_t drafts = chain.size() - 1;
    const size_t window = std::min(static_cast<size_t>(options_.window), drafts - std::min<size_t>(drafts, 1));
    Coins coins(tree, rows, evidence.chance);
    Verdict verdict;
    int deferred = 0;
    size_t i = 1;
    for (; i <= drafts; ++i) {
      if (coins.accepts(chain[i])) continue;
      const bool sees_enough = window > 0 && i + window <= drafts;
      if (!sees_enough || !is_unsure(rows.p(chain[i - 1]), rows.vocab(), tree.token[chain[i]])) break;
      if (!std::all_of(chain.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                       chain.begin() + static_cast<std::ptrdiff_t>(i + window) + 1,
                       [&](int row) { return coins.accepts(row); }))
        break;
      ++deferred;
    }
    verdict.path.assign(chain.begin() + 1, chain.begin() + static_cast<std::ptrdiff_t>(i));
    Residual left(rows.p(chain[i - 1]), rows.vocab());
    if (i <= drafts) RowLaw(tree, rows, chain[i], {}).reject(left, 1);
    verdict.next = evidence.chance.emit(left, chain[i - 1], static_cast<int>(i - 1));
    verdict.notes = {{"deferred", deferred}};
    return verdict;
  }

 private:
  bool is_unsure(const float* p, int64_t vocab, Token d) const {
    if (!(p[d] > 0)) return false;
    std::vector<float> top(static_cast<size_t>(std::min<int64_t>(options_.top_k, vocab)));
    std::partial_sort_copy(p, p + vocab, top.begin(), top.end(), std::greater<>());
    const double scale = options_.normalise ? 1 / total(top.data(), static_cast<int64_t>(top.size())) : 1;
    double entropy = 0;
    for (const float mass : top) entropy -= mass > 0 ? scale * mass * std::log(scale * mass) : 0;
    return entropy >= options_.entropy_threshold;
  }

  Options options_;
};

}  // namespace

Registry<Verifier>::Entry fly() {
  return verifier_entry<Fly, Options>(
      "fly", "The ratio test, putting off a rejection where the target is unsure and the next drafts pass.",
      "Li et al. 2025", [](const Options& /*options*/) {
        return Facts{.laws = every_law(),
                     .guarantee = Guarantee::kLossy,
                     .policy = Policy::kSampled,
                     .cost = "O(V) a rejected row"};
      });
}

}  // namespace specula
