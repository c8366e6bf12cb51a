#include "drafters/union.h"

#include <algorithm>
#include <map>

#include "drafters/nested.h"
#include "framework/decode/merge_trees.h"

namespace specula {
namespace {

const std::string kPlace = "union drafters";
constexpr size_t kNobody = ~size_t{0};

struct Options {
  std::vector<Call> drafters{default_call("prompt_lookup"), default_call("draft_model")};
  int nodes = 32;
  template <class V>
  void visit(V& v) {
    v("drafters", drafters, "drafter", "whose drafts are merged; of points, those of the first come first");
    v("nodes", nodes, 1, 4096, "rows that the merged tree may have below its root", "rows");
  }
};

std::vector<size_t> drawing(const std::vector<Call>& calls, Policy policy) {
  std::vector<size_t> found;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (is_drawing(nested_facts(calls[i], kPlace, policy))) found.push_back(i);
  }
  return found;
}

class Union final : public Drafter {
 public:
  Union(const Options& options, const Parts& parts) : options_(options), drafters_(options.drafters, kPlace, parts) {}

  Ask needs() const override { return drafters_.needs(); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    drafters_.begin(prefixes, requests, prefill);
  }
  void observe(const Feedback& feedback) override { drafters_.observe(feedback); }
  void finish(int64_t request, const Prefix& text) override { drafters_.finish(request, text); }

  std::vector<DraftTree> draft(const Round& round) override {
    const int most_rows = std::min(round.row_budget, options_.nodes + 1);
    std::vector<char> wanted(round.prefixes.size());
    for (size_t b = 0; b < wanted.size(); ++b) wanted[b] = round.done[b] == 0 ? 1 : 0;
    std::vector<std::vector<DraftTree>> drafted;  // by drafter, by sequence
    for (size_t i = 0; i < drafters_.size(); ++i) {
      drafted.push_back(drafters_.draft(i, round, wanted, most_rows));
      drafters_.drop_started(i, round);
    }
    const size_t kept = whose_law_is_kept(round.policy);
    std::vector<DraftTree> trees(wanted.size());
    for (size_t b = 0; b < trees.size(); ++b) {
      if (wanted[b] == 0) continue;
      std::vector<DraftTree> others;
      for (size_t i = 0; i < drafted.size(); ++i) {
        if (i != kept) others.push_back(std::move(drafted[i][b]));
      }
      trees[b] = merge_trees(kept == kNobody ? DraftTree::root_only(round.prefixes[b].back()) : drafted[kept][b],
                             others, most_rows);
    }
    return trees;
  }

 private:
  size_t whose_law_is_kept(Policy policy) {
    const auto known = kept_.find(policy);
    if (known != kept_.end()) return known->second;
    const std::vector<size_t> found = drawing(options_.drafters, policy);
    return kept_[policy] = found.size() == 1 ? found[0] : kNobody;
  }

  Options options_;
  NestedDrafters drafters_;
  std::map<Policy, size_t> kept_;
};

Facts facts_of(const Options& options, Policy policy) {
  Facts facts = facts_of_any(options.drafters, kPlace, policy);
  if (drawing(options.drafters, policy).size() > 1) {
    std::erase_if(facts.laws, [](Draw law) { return law != Draw::kPoint && law != Draw::kProbe; });
    if (facts.laws.empty() || facts.laws[0] != Draw::kPoint) facts.laws.insert(facts.laws.begin(), Draw::kPoint);
  }
  facts.trees |= options.drafters.size() > 1;
  facts.q_next &= options.drafters.size() == 1;
  return facts;
}

}  // namespace

Registry<Drafter>::Entry union_of() {
  return with_nested(
      drafter_entry<Union, Options>("union", "Merges the drafts of several drafters into one tree.", "Miao et al. 2023",
                                    [](const Options& options, Policy policy) { return facts_of(options, policy); }));
}

}  // namespace specula
