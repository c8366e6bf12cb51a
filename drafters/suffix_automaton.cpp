#include "drafters/suffix_automaton.h"

#include <algorithm>
#include <memory>

#include "drafters/nested.h"
#include "framework/lookup/per_sequence.h"
#include "framework/lookup/suffix_automaton.h"
#include "framework/lookup/suffix_index.h"

namespace specula {
namespace {

const std::string kPlace = "suffix_automaton fallback";
constexpr int kLongestInCorpus = 64;  // tokens of a match; each doubling costs a binary search

struct Options {
  int len_threshold = 5;
  int len_bias = 5;
  int length = 40;
  double factor = 4;
  FileName file;
  Call fallback;
  template <class V>
  void visit(V& v) {
    v("len_threshold", len_threshold, 1, 1000, "shortest match that is copied from", "tokens");
    v("len_bias", len_bias, 0, 1000, "tokens that a match in the corpus counts less than one in the text", "tokens");
    v("length", length, 1, 511, "tokens copied, at most", "tokens");
    v("factor", factor, 0.0, 512.0, "tokens copied for each token of the match, and one more");
    v("file", file, "a corpus made by specula train retrieval; none: only the text is searched");
    v("fallback", fallback, "drafter", "who drafts where no match is long enough; none: nobody does");
  }
};

struct Automaton {
  SuffixAutomaton states;
  void append(const Prefix& text, int64_t at) { states.append(text[static_cast<size_t>(at)]); }
};

std::vector<Call> as_list(const Call& call) { return call.is_given() ? std::vector<Call>{call} : std::vector<Call>{}; }

class SuffixAutomatonDrafter final : public Drafter {
 public:
  SuffixAutomatonDrafter(const Options& options, const Parts& parts)
      : options_(options), automata_([] { return Automaton(); }), fallback_(as_list(options.fallback), kPlace, parts) {
    if (!options_.file.path.empty()) corpus_ = std::make_unique<SuffixIndex>(options_.file.path, parts);
  }

  Ask needs() const override { return fallback_.needs(); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    automata_.begin(prefixes, requests);
    fallback_.begin(prefixes, requests, prefill);
  }
  void observe(const Feedback& feedback) override { fallback_.observe(feedback); }
  void finish(int64_t request, const Prefix& text) override { fallback_.finish(request, text); }
  Started started() const override { return started_; }

  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees(round.prefixes.size());
    std::vector<char> open(trees.size());  // nothing to copy there
    bool has_copied = false, is_any_open = false;
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] != 0) continue;
      const Prefix& text = round.prefixes[b];
      trees[b] = DraftTree::chain_of_points(text.back(), copied(round, b));
      open[b] = trees[b].size() == 1 ? 1 : 0;
      has_copied |= open[b] == 0;
      is_any_open |= open[b] != 0;
    }
    started_ = {};
    if (fallback_.size() == 0 || !is_any_open) return trees;
    std::vector<DraftTree> others = fallback_.draft(0, round, open, round.row_budget);
    for (size_t b = 0; b < trees.size(); ++b) {
      if (open[b] != 0) trees[b] = std::move(others[b]);
    }
    if (has_copied) {
      fallback_.drop_started(0, round);  // what it began is of its own rows alone
    } else {
      started_ = fallback_.started(0);
    }
    return trees;
  }

 private:
  std::vector<Token> copied(const Round& round, size_t b) {
    const Prefix& text = round.prefixes[b];
    const SuffixAutomaton::Repeated own = automata_.at(b, round.requests[b], text).states.repeated();
    const SuffixIndex::Match other =
        corpus_ == nullptr ? SuffixIndex::Match{} : corpus_->longest(text, kLongestInCorpus);
    const int64_t other_length = int64_t{other.length} - options_.len_bias;
    if (std::max(own.length, other_length) < options_.len_threshold) return {};
    if (own.length >= other_length) {
      const auto from = text.begin() + own.after;
      return {from, from + std::min<int64_t>(most(round, b, own.length), text.end() - from)};
    }
    // The middle one: if more than half of the continuations agree, it is one of them.
    const size_t rank = other.range.low + other.range.count() / 2;
    const auto following =
        corpus_->following(rank, static_cast<size_t>(other.length), static_cast<size_t>(most(round, b, other.length)));
    return {following.begin(), following.end()};
  }

  int most(const Round& round, size_t b, int64_t match) const {
    const double wanted = 1 + options_.factor * static_cast<double>(match);
    return round.depth_limit(b, static_cast<int>(std::min<double>(options_.length, wanted)));
  }

  Options options_;
  PerSequence<Automaton> automata_;
  std::unique_ptr<SuffixIndex> corpus_;
  NestedDrafters fallback_;  // none or one
  Started started_;
};

Facts facts_of(const Options& options, Policy policy) {
  Facts facts{.laws = {Draw::kPoint}, .memory = "190 B a token of the text"};
  if (!options.file.path.empty()) {
    read_corpus_head(options.file.path, kRetrievalKind);
    facts.files = {options.file.path};
    facts.scope = Scope::kFile;
    facts.memory += ", 8 B a token of the corpus (mapped)";
  }
  if (!options.fallback.is_given()) return facts;
  const Facts inner = nested_facts(options.fallback, kPlace, policy);
  for (const Draw law : inner.laws) {
    if (law != Draw::kPoint) facts.laws.push_back(law);
  }
  facts.trees = inner.trees;
  add_needs(facts, inner);
  return facts;
}

}  // namespace

Registry<Drafter>::Entry suffix_automaton() {
  return with_nested(drafter_entry<SuffixAutomatonDrafter, Options>(
      "suffix_automaton", "Copies what followed the longest earlier occurrence of the text's end, in text or corpus.",
      "Hu et al. 2024", facts_of));
}

}  // namespace specula
