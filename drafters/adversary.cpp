#include "drafters/adversary.h"

#include <algorithm>

#include "drafters/nested.h"

namespace specula {
namespace {

const std::string kPlace = "adversary drafter";

struct Options {
  Call drafter = default_call("prompt_lookup");
  template <class V>
  void visit(V& v) {
    v("drafter", drafter, "drafter", "the drafter whose cost is paid");
  }
};

// The child of `parent` that `token` becomes: a new one, unless every token is a sibling already.  Of i.i.d. siblings
// with one token, which points must not be, the later ones go on to the next free token.
int add_wrong(DraftTree& tree, int parent, Token token, int64_t vocab) {
  const std::vector<int> siblings = tree.children(parent);
  if (static_cast<int64_t>(siblings.size()) == vocab) return siblings.front();
  auto wrong = static_cast<Token>((token + vocab / 2) % vocab);
  while (std::any_of(siblings.begin(), siblings.end(), [&](int row) { return tree.token[row] == wrong; }))
    wrong = static_cast<Token>((wrong + 1) % vocab);
  return tree.add(wrong, parent, Draw::kPoint);
}

DraftTree made_wrong(const DraftTree& tree, int64_t vocab) {
  if (tree.size() == 0) return tree;
  DraftTree wrong = DraftTree::root_only(tree.token[0]);
  std::vector<int> place(static_cast<size_t>(tree.size()), 0);
  for (int row = 1; row < tree.size(); ++row) {
    const int parent = place[tree.parent[row]];
    place[row] = tree.draw[row] == Draw::kProbe ? wrong.add(tree.token[row], parent, Draw::kProbe)
                                                : add_wrong(wrong, parent, tree.token[row], vocab);
  }
  return wrong;
}

class Adversary final : public Drafter {
 public:
  Adversary(const Options& options, const Parts& parts) : drafter_(make_nested(options.drafter, kPlace, parts)) {}

  Ask needs() const override { return drafter_->needs(); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    drafter_->begin(prefixes, requests, prefill);
  }
  void observe(const Feedback& feedback) override { drafter_->observe(feedback); }
  void finish(int64_t request, const Prefix& text) override { drafter_->finish(request, text); }

  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees = drafter_->draft(round);
    // Layers that were run for other tokens are of no use.
    if (drafter_->started().layer > 0) {
      for (size_t b = 0; b < trees.size(); ++b) round.target_cache.rollback(static_cast<int>(b));
    }
    for (DraftTree& tree : trees) tree = made_wrong(tree, round.target.vocab());
    return trees;
  }

 private:
  std::unique_ptr<Drafter> drafter_;
};

}  // namespace

Registry<Drafter>::Entry adversary() {
  return with_nested(drafter_entry<Adversary, Options>(
      "adversary", "Another drafter's work with every token made wrong: the price of drafting.", "",
      [](const Options& options, Policy policy) {
        const Facts inner = nested_facts(options.drafter, kPlace, policy);
        Facts facts{.trees = inner.trees};
        if (!inner.laws.empty()) facts.laws = {Draw::kPoint};
        if (std::find(inner.laws.begin(), inner.laws.end(), Draw::kProbe) != inner.laws.end())
          facts.laws.push_back(Draw::kProbe);
        add_needs(facts, inner);
        return facts;
      }));
}

}  // namespace specula
