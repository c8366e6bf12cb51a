#include "drafters/swift.h"

#include <ATen/ops/add.h>

#include <algorithm>

#include "drafters/self_drafter.h"
#include "drafters/skip_search.h"

namespace specula {
namespace {

struct Options {
  double skip_ratio = 0.45;
  int context_window = 32;
  int opt_interval = 1;
  int bayes_interval = 25;
  int max_opt_iter = 1000;
  int max_tolerance_iter = 300;
  double max_score = 0.95;
  std::string scope = "request";
  SelfOptions self;
  template <class V>
  void visit(V& v) {
    v("skip_ratio", skip_ratio, 0.05, 0.95, "share of all attention and MLP blocks that drafts leave out");
    v("context_window", context_window, 1, 1024, "last generated tokens on which a set is scored", "tokens");
    v("opt_interval", opt_interval, 1, 1000, "rounds from one trial of a set to the next", "rounds");
    v("bayes_interval", bayes_interval, 2, 10000, "trials from one proposal of the model to the next", "trials");
    v("max_opt_iter", max_opt_iter, 0, 1000000, "trials after which the search ends; 0: no search", "trials");
    v("max_tolerance_iter", max_tolerance_iter, 1, 1000000, "trials without a better set that end the search",
      "trials");
    v("max_score", max_score, 0.0, 1.0, "score that ends the search, once it was found twice");
    v("scope", scope, {"request", "run"}, "request: each sequence searches for itself; run: all share what was found");
    self.visit(v);
  }
  bool is_shared() const { return scope == "run"; }
  SkipSearchOptions search() const {
    return {.skip_ratio = skip_ratio,
            .model_interval = bayes_interval,
            .most_trials = max_opt_iter,
            .patience = max_tolerance_iter,
            .max_score = max_score};
  }
};

void check_layers(int64_t layers) {
  if (layers >= 3) return;
  throw ConfigError(
      cat("swift keeps the first and the last layer; the target has ", layers, " layers, valid: 3 or more"));
}

Token most_likely(const float* logits, int64_t vocab) {
  return static_cast<Token>(std::max_element(logits, logits + vocab) - logits);
}

class Swift final : public SelfDrafter {
 public:
  Swift(Options options, const Parts& parts) : SelfDrafter(options.self, "swift", parts), options_(std::move(options)) {
    if (parts.layers > 0) check_layers(parts.layers);
  }

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    SelfDrafter::begin(prefixes, requests, prefill);
    if (!options_.is_shared()) searches_.clear();
    texts_.assign(prefixes.size(), {});
    for (size_t b = 0; b < prefixes.size(); ++b) texts_[b].size = prefixes[b].size();
  }

  std::vector<DraftTree> draft(const Round& round) override {
    check_layers(round.target.layers());
    const size_t searches = options_.is_shared() ? 1 : round.prefixes.size();
    while (searches_.size() < searches) searches_.emplace_back(round.target.layers(), options_.search());
    std::vector<char> tried(searches, 0);  // one trial a round for each search
    for (size_t b = 0; b < round.prefixes.size(); ++b) {
      const size_t s = search_of(b);
      if (round.done[b] == 0 && tried[s] == 0 && is_due(b)) {
        try_a_set(round, b);
        tried[s] = 1;
      }
    }
    auto trees = chains(round, [&](const std::vector<RowList>& lists) { return passes_of_groups(round, lists); });
    roll_back(round);
    return trees;
  }

  std::vector<std::pair<std::string, double>> notes(size_t b) const override {
    auto notes = SelfDrafter::notes(b);
    if (searches_.empty()) return notes;
    const SkipSearch& search = searches_[search_of(b)];
    notes.emplace_back("search_score", search.score());
    notes.emplace_back("search_trials", search.trials());
    return notes;
  }

  // Remembers what the whole model found most likely at each place of the text.
  void observe(const Feedback& feedback) override {
    SelfDrafter::observe(feedback);
    for (size_t b = 0; b < texts_.size(); ++b) {
      Text& text = texts_[b];
      if (feedback.drafts[b].size() == 0) continue;
      const std::vector<int>& path = feedback.verdicts[b].path;
      const size_t size = feedback.prefixes[b].size(), fresh = std::min(path.size() + 1, size);
      // Inside another drafter a text may have lost tokens since.
      const size_t lost = text.size - std::min(text.size, size - fresh);
      text.likely.resize(text.likely.size() - std::min(text.likely.size(), lost));
      text.size = size;
      ++text.rounds;
      const Tensor rows = feedback.target.logits.select(0, static_cast<int64_t>(b));
      const int64_t vocab = rows.size(1);
      for (size_t i = 0; i < fresh; ++i) {
        const int row = i == 0 ? 0 : path[i - 1];
        text.likely.push_back(most_likely(rows.const_data_ptr<float>() + row * vocab, vocab));
      }
      const auto window = static_cast<size_t>(options_.context_window);
      if (text.likely.size() > window)
        text.likely.erase(text.likely.begin(), text.likely.end() - options_.context_window);
    }
  }

 private:
  struct Text {
    size_t size = 0;  // tokens
    int rounds = 0;
    std::vector<Token> likely;  // of the whole model, for the last tokens of the text
  };

  size_t search_of(size_t b) const { return options_.is_shared() ? 0 : b; }

  bool is_due(size_t b) const {
    return !searches_[search_of(b)].is_over() && texts_[b].rounds % options_.opt_interval == 0 &&
           texts_[b].likely.size() == static_cast<size_t>(options_.context_window);
  }

  void try_a_set(const Round& round, size_t b) {
    SkipSearch& search = searches_[search_of(b)];
    uint32_t draws = 0;
    const SkipSearch::Set set =
        search.propose([&] { return round.keys.uniform(Use::kSearch, round.requests[b], round.starts[b], draws++); });
    Ask ask = search.ask(set, Logits::kAll);
    const int64_t window = options_.context_window;
    ask.view.rewind = window;
    const Prefix& text = round.prefixes[b];
    std::vector<RowList> lists(round.prefixes.size());
    lists[b] = RowList::chain({text.end() - window - 1, text.end() - 1});
    const Pass pass = round.target.forward(make_rows(lists), round.target_cache, ask);
    round.target_cache.rollback(static_cast<int>(b));
    const int64_t vocab = round.target.vocab();
    const float* logits = pass.logits.const_data_ptr<float>() + static_cast<int64_t>(b) * window * vocab;
    int found = 0;
    for (int64_t i = 0; i < window; ++i)
      found += most_likely(logits + i * vocab, vocab) == texts_[b].likely[static_cast<size_t>(i)] ? 1 : 0;
    search.learn(set, static_cast<double>(found) / static_cast<double>(window));
  }

  // One pass for all sequences whose sets are equal.
  Pass passes_of_groups(const Round& round, const std::vector<RowList>& lists) const {
    Pass all;
    std::vector<char> served(lists.size(), 0);
    for (size_t first = 0; first < lists.size(); ++first) {
      if (served[first] != 0 || lists[first].token.empty()) continue;
      const SkipSearch& search = searches_[search_of(first)];
      std::vector<RowList> group(lists.size());
      for (size_t b = first; b < lists.size(); ++b) {
        if (searches_[search_of(b)].best() != search.best()) continue;
        group[b] = lists[b];
        served[b] = 1;
      }
      const Pass pass =
          round.target.forward(make_rows(group), round.target_cache, search.ask(search.best(), Logits::kLast));
      all.logits =
          all.logits.defined() ? at::add(all.logits, pass.logits) : pass.logits;  // rows of other groups are zero
    }
    return all;
  }

  Options options_;
  std::vector<SkipSearch> searches_;  // [B], or one for all
  std::vector<Text> texts_;           // [B]
};

}  // namespace

Registry<Drafter>::Entry swift() {
  return with_stoppers(drafter_entry<Swift, Options>(
      "swift", "The target drafts for itself with blocks left out, and searches the best ones while it decodes.",
      "Xia et al. 2024", [](const Options& options, Policy policy) {
        Facts facts = self_facts(options.self, "swift", policy);
        if (options.is_shared()) facts.scope = Scope::kRun;
        facts.memory = cat("4 B for each of ", options.context_window, " tokens of a sequence");
        return facts;
      }));
}

}  // namespace specula
