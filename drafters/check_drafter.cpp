#include "drafters/check_drafter.h"

#include "drafters/nested.h"

namespace specula {
namespace {

struct Options {
  Call drafter = default_call("prompt_lookup");
  Call other = default_call("prompt_lookup(match = \"first\")");
  template <class V>
  void visit(V& v) {
    v("drafter", drafter, "drafter", "the drafter that drafts");
    v("other", other, "drafter", "the drafter that is compared with it");
  }
};

const std::string kPlace = "check drafter", kOtherPlace = "check other";

// The row of `tree` whose path of tokens is that of `row` in `of`; -1: none.
int same_path(const DraftTree& of, int row, const DraftTree& tree) {
  int at = 0;
  for (const Token token : of.path_tokens(row)) {
    int next = -1;
    for (const int child : tree.children(at)) {
      if (next < 0 && tree.token[child] == token) next = child;
    }
    if (next < 0) return -1;
    at = next;
  }
  return at;
}

double share_of_rows(const DraftTree& of, const DraftTree& tree) {
  int found = 0;
  for (int row = 1; row < of.size(); ++row) found += same_path(of, row, tree) >= 0 ? 1 : 0;
  return of.size() == 1 ? 1 : static_cast<double>(found) / (of.size() - 1);
}

bool is_same(const DraftTree& a, const DraftTree& b) {
  return a.token == b.token && a.parent == b.parent && a.draw == b.draw;
}

class Check final : public Drafter {
 public:
  Check(const Options& options, const Parts& parts)
      : drafter_(make_nested(options.drafter, kPlace, parts)), other_(make_nested(options.other, kOtherPlace, parts)) {}

  Ask needs() const override { return unite(drafter_->needs(), other_->needs()); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    drafter_->begin(prefixes, requests, prefill);
    other_->begin(prefixes, requests, prefill);
  }
  void observe(const Feedback& feedback) override {
    drafter_->observe(feedback);
    other_->observe(feedback);
  }
  void finish(int64_t request, const Prefix& text) override {
    drafter_->finish(request, text);
    other_->finish(request, text);
  }
  Started started() const override { return drafter_->started(); }

  std::vector<DraftTree> draft(const Round& round) override {
    Keyring unseen = round.keys;  // the same numbers a second time, which an audit would not forgive
    unseen.tap(nullptr);
    const std::vector<DraftTree> others = other_->draft(round.with_keys(unseen));
    if (other_->started().layer > 0) {
      for (size_t b = 0; b < others.size(); ++b) round.target_cache.rollback(static_cast<int>(b));
    }
    std::vector<DraftTree> trees = drafter_->draft(round);
    notes_.assign(trees.size(), {});
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] != 0) continue;
      notes_[b] = {{"check_equal", is_same(trees[b], others[b]) ? 1 : 0},
                   {"check_rows", share_of_rows(trees[b], others[b])}};
    }
    return trees;
  }

  std::vector<std::pair<std::string, double>> notes(size_t b) const override {
    auto notes = drafter_->notes(b);
    notes.insert(notes.end(), notes_[b].begin(), notes_[b].end());
    return notes;
  }

 private:
  std::unique_ptr<Drafter> drafter_, other_;
  std::vector<std::vector<std::pair<std::string, double>>> notes_;
};

}  // namespace

Registry<Drafter>::Entry check_drafter() {
  return with_nested(drafter_entry<Check, Options>("check",
                                                   "Drafts with one drafter and notes how far another one agrees.", "",
                                                   [](const Options& options, Policy policy) {
                                                     Facts facts = nested_facts(options.drafter, kPlace, policy);
                                                     add_needs(facts, nested_facts(options.other, kOtherPlace, policy));
                                                     return facts;
                                                   }));
}

}  // namespace specula
