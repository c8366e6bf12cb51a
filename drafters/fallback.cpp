#include "drafters/fallback.h"

#include <algorithm>

#include "drafters/nested.h"
#include "framework/decode/merge_trees.h"

namespace specula {
namespace {

const std::string kPlace = "fallback drafters";

struct Options {
  std::vector<Call> drafters{default_call("prompt_lookup"), default_call("draft_model")};
  template <class V>
  void visit(V& v) {
    v("drafters", drafters, "drafter", "in the order in which they are asked; what draws from a q stands last");
  }
};

class Fallback final : public Drafter {
 public:
  Fallback(const Options& options, const Parts& parts) : drafters_(options.drafters, kPlace, parts) {}

  Ask needs() const override { return drafters_.needs(); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    drafters_.begin(prefixes, requests, prefill);
  }
  void observe(const Feedback& feedback) override { drafters_.observe(feedback); }
  void finish(int64_t request, const Prefix& text) override { drafters_.finish(request, text); }
  Started started() const override { return started_; }
  std::vector<std::pair<std::string, double>> notes(size_t b) const override {
    auto notes = drafters_.notes(asked_[b], b);
    notes.emplace_back("fallback_asked", static_cast<double>(asked_[b]));
    return notes;
  }

  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees(round.prefixes.size());
    std::vector<char> open(round.prefixes.size());  // nobody drafted anything yet
    for (size_t b = 0; b < trees.size(); ++b) open[b] = round.done[b] == 0 ? 1 : 0;
    started_ = {};
    asked_.assign(trees.size(), 0);
    for (size_t i = 0; i < drafters_.size() && std::find(open.begin(), open.end(), 1) != open.end(); ++i) {
      std::vector<DraftTree> drafted = drafters_.draft(i, round, open, round.row_budget);
      for (size_t b = 0; b < trees.size(); ++b) {
        if (open[b] == 0) continue;
        asked_[b] = i;
        open[b] = size_of(drafted[b]).candidates == 0 ? 1 : 0;
        // Those before found nothing, but may have left probes.
        trees[b] =
            trees[b].size() <= 1 ? std::move(drafted[b]) : merge_trees(drafted[b], {&trees[b], 1}, round.row_budget);
      }
      const bool is_last = i + 1 == drafters_.size() || std::find(open.begin(), open.end(), 1) == open.end();
      if (i == 0 && is_last) {  // nobody else drafted
        started_ = drafters_.started(i);
      } else {
        drafters_.drop_started(i, round);
      }
    }
    return trees;
  }

 private:
  NestedDrafters drafters_;
  Started started_;
  std::vector<size_t> asked_;  // the last drafter that was asked
};

Facts facts_of(const Options& options, Policy policy) {
  for (size_t i = 0; i + 1 < options.drafters.size(); ++i) {
    if (is_drawing(nested_facts(options.drafters[i], kPlace, policy))) {
      throw ConfigError(cat(options.drafters[i].values.origin, ": ", kPlace, ": '", nested_name(options.drafters[i]),
                            "' draws its tokens from a q, so it must stand last"));
    }
  }
  return facts_of_any(options.drafters, kPlace, policy);
}

}  // namespace

Registry<Drafter>::Entry fallback() {
  return with_nested(drafter_entry<Fallback, Options>(
      "fallback", "Asks several drafters in turn; the first that drafts anything is taken.", "Hu et al. 2024",
      [](const Options& options, Policy policy) { return facts_of(options, policy); }));
}

}  // namespace specula
