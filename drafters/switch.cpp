#include "drafters/switch.h"

#include <algorithm>
#include <cmath>

#include "drafters/nested.h"

namespace specula {
namespace {

const std::string kPlace = "switch drafters";

struct Options {
  std::vector<Call> drafters{default_call("prompt_lookup"), default_call("draft_model")};
  std::vector<double> costs{};
  std::string policy = "ucb";
  double exploration = 1;
  double epsilon = 0.1;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    v("drafters", drafters, "drafter", "to choose from; each is tried once, in this order");
    v("costs", costs, 0.0, 1e6, "what a round of each costs beside the target's pass; empty: nothing", "target passes");
    v("policy", policy, {"ucb", "epsilon", "best"},
      "ucb: the highest mean gain plus what is unsure about it; epsilon: the best mean, at times any; best: the best "
      "mean");
    v("exploration", exploration, 0.0, 1e6, "weight of the unsure part under ucb", "tokens per target pass");
    v("epsilon", epsilon, 0.0, 1.0, "share of rounds in which epsilon takes any drafter");
    v("scope", scope, {"request", "run"}, "how long gains are remembered; run: texts depend on earlier requests");
  }
  double cost(size_t i) const { return 1 + (costs.empty() ? 0 : costs[i]); }
};

// What each drafter gained so far.
class Gains {
 public:
  explicit Gains(size_t drafters) : sum_(drafters, 0), rounds_(drafters, 0) {}

  void add(size_t i, double gain) {
    sum_[i] += gain;
    ++rounds_[i];
  }
  size_t size() const { return sum_.size(); }
  // The first that was never tried; size(): none.
  size_t untried() const { return static_cast<size_t>(std::find(rounds_.begin(), rounds_.end(), 0) - rounds_.begin()); }

  // The highest mean plus `exploration` sqrt(2 ln t / n) (Auer et al. 2002, UCB1); the first of equals.  All were
  // tried.
  size_t best(double exploration) const {
    double all = 0;
    for (const int64_t n : rounds_) all += static_cast<double>(n);
    const auto index = [&](size_t i) {
      return mean(i) + exploration * std::sqrt(2 * std::log(all) / static_cast<double>(rounds_[i]));
    };
    size_t best = 0;
    for (size_t i = 1; i < size(); ++i) {
      if (index(i) > index(best)) best = i;
    }
    return best;
  }

  double regret() const {
    double most = 0, lost = 0;
    for (size_t i = 0; i < size(); ++i) most = std::max(most, mean(i));
    for (size_t i = 0; i < size(); ++i) lost += static_cast<double>(rounds_[i]) * (most - mean(i));
    return lost;
  }

 private:
  double mean(size_t i) const { return rounds_[i] == 0 ? 0 : sum_[i] / static_cast<double>(rounds_[i]); }
  std::vector<double> sum_;
  std::vector<int64_t> rounds_;
};

class Switch final : public Drafter {
 public:
  Switch(const Options& options, const Parts& parts)
      : options_(options), drafters_(options.drafters, kPlace, parts), of_run_(options.drafters.size()) {}

  Ask needs() const override { return drafters_.needs(); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    of_sequence_.assign(prefixes.size(), Gains(drafters_.size()));
    chosen_.assign(prefixes.size(), 0);
    drafters_.begin(prefixes, requests, prefill);
  }
  void finish(int64_t request, const Prefix& text) override { drafters_.finish(request, text); }
  Started started() const override { return started_; }

  std::vector<DraftTree> draft(const Round& round) override {
    const size_t batch = round.prefixes.size();
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] == 0) chosen_[b] = choose(round, b);
    }
    std::vector<DraftTree> trees(batch);
    started_ = {};
    for (size_t i = 0; i < drafters_.size(); ++i) {
      std::vector<char> wanted(batch);
      bool is_any = false, is_all = true;
      for (size_t b = 0; b < batch; ++b) {
        if (round.done[b] != 0) continue;
        wanted[b] = chosen_[b] == i ? 1 : 0;
        is_any |= wanted[b] != 0;
        is_all &= wanted[b] != 0;
      }
      if (!is_any) continue;
      std::vector<DraftTree> drafted = drafters_.draft(i, round, wanted, round.row_budget);
      for (size_t b = 0; b < batch; ++b) {
        if (wanted[b] != 0) trees[b] = std::move(drafted[b]);
      }
      if (is_all) {
        started_ = drafters_.started(i);
      } else {
        drafters_.drop_started(i, round);
      }
    }
    return trees;
  }

  std::vector<std::pair<std::string, double>> notes(size_t b) const override {
    auto notes = drafters_.notes(chosen_[b], b);
    notes.emplace_back("switch_chosen", static_cast<double>(chosen_[b]));
    notes.emplace_back("switch_regret", gains(b).regret());
    return notes;
  }

  void observe(const Feedback& feedback) override {
    for (size_t b = 0; b < feedback.drafts.size(); ++b) {
      if (feedback.drafts[b].size() == 0) continue;
      const auto emitted = static_cast<double>(feedback.verdicts[b].path.size() + 1);
      gains(b).add(chosen_[b], emitted / options_.cost(chosen_[b]));
    }
    drafters_.observe(feedback);
  }

 private:
  const Gains& gains(size_t b) const { return options_.scope == "run" ? of_run_ : of_sequence_[b]; }
  Gains& gains(size_t b) { return options_.scope == "run" ? of_run_ : of_sequence_[b]; }

  size_t choose(const Round& round, size_t b) const {
    const Gains& past = gains(b);
    if (past.untried() < past.size()) return past.untried();
    if (options_.policy != "epsilon") return past.best(options_.policy == "ucb" ? options_.exploration : 0);
    const auto uniform = [&](uint32_t index) {
      return round.keys.uniform(Use::kSearch, round.requests[b], round.starts[b], index);
    };
    size_t chosen = past.best(0);
    if (uniform(0) < options_.epsilon) chosen = static_cast<size_t>(uniform(1) * static_cast<double>(past.size()));
    round.keys.tell(static_cast<int64_t>(chosen));
    return chosen;
  }

  Options options_;
  NestedDrafters drafters_;
  Gains of_run_;
  std::vector<Gains> of_sequence_;
  std::vector<size_t> chosen_;
  Started started_;
};

Facts facts_of(const Options& options, Policy policy) {
  Facts facts = facts_of_any(options.drafters, kPlace, policy);
  if (!options.costs.empty() && options.costs.size() != options.drafters.size()) {
    throw ConfigError(cat("switch costs has ", options.costs.size(), " numbers for ", options.drafters.size(),
                          " drafters; give one for each, or none"));
  }
  if (options.scope == "run") {
    facts.scope = std::max(facts.scope, Scope::kRun);
    add_needs(facts, {.memory = "16 B a drafter for the run"});
  }
  return facts;
}

}  // namespace

Registry<Drafter>::Entry switch_drafter() {
  return with_nested(drafter_entry<Switch, Options>(
      "switch", "Chooses a drafter for each round by what earlier rounds gained.", "Auer et al. 2002; Hou et al. 2025",
      [](const Options& options, Policy policy) { return facts_of(options, policy); }));
}

}  // namespace specula
