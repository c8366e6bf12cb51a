#include "drafters/stoppers/bandit.h"

#include <algorithm>
#include <cmath>

#include "drafters/stoppers/nested_stopper.h"
#include "drafters/stoppers/round_price.h"
#include "drafters/stoppers/stop_memory.h"

namespace specula {
namespace {

const std::string kPlace = "bandit arms";

struct Options {
  std::vector<Call> arms = {default_call("fixed(1)"), default_call("fixed(2)"), default_call("fixed(4)")};
  std::string rule = "ucb1";
  double exploration = 0.2, share = 0.1;
  RoundPrice price;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    v("arms", arms, "stopper", "the stoppers to choose from, at least two");
    v("rule", rule, {"ucb1", "exp3"}, "ucb1: the arm with the highest upper bound; exp3: drawn by exponential weights");
    v("exploration", exploration, 0, 100, "of ucb1: factor of the bonus sqrt(2 ln t / n)");
    v("share", share, 1e-4, 1, "of exp3: share of rounds played uniformly, which is its learning rate too");
    price.visit(v);
    v("scope", scope, kScopes, kScopeHelp);
  }
};

struct Arm {
  double rounds = 0, tokens = 0, cost = 0;
  double log_weight = 0;  // exp3's
  double rate() const { return tokens / cost; }
};

struct Play {
  size_t arm = 0;
  double probability = 1;  // with which exp3 drew it
};

// exp3's probabilities of the arms: weights, mixed with a uniform share.
std::vector<double> probabilities(const std::vector<Arm>& arms, double share) {
  double most = arms[0].log_weight, sum = 0;
  for (const Arm& arm : arms) most = std::max(most, arm.log_weight);
  std::vector<double> p;
  for (const Arm& arm : arms) sum += p.emplace_back(std::exp(arm.log_weight - most));
  for (double& mass : p) mass = (1 - share) * mass / sum + share / static_cast<double>(arms.size());
  return p;
}

Play draw_exp3(const std::vector<Arm>& arms, double share, double u) {
  const std::vector<double> p = probabilities(arms, share);
  size_t chosen = 0;
  for (double below = p[0]; chosen + 1 < p.size() && u >= below; below += p[++chosen]) {
  }
  return {chosen, p[chosen]};
}

// `best_rate`: the largest reward of a round, which brings rewards to 0..1 as UCB1 wants them.
size_t choose_ucb1(const std::vector<Arm>& arms, double exploration, double best_rate) {
  double rounds = 0;
  for (const Arm& arm : arms) rounds += arm.rounds;
  size_t chosen = 0;
  double highest = -1;
  for (size_t k = 0; k < arms.size(); ++k) {
    if (arms[k].rounds == 0) return k;
    const double bonus = std::sqrt(2 * std::log(rounds) / arms[k].rounds);
    const double bound = arms[k].rate() / best_rate + exploration * bonus;
    if (bound <= highest) continue;
    highest = bound;
    chosen = k;
  }
  return chosen;
}

class Bandit final : public Stopper {
 public:
  Bandit(Options options, const Parts& parts)
      : options_(std::move(options)), arms_(scope_of(options_.scope), std::vector<Arm>(options_.arms.size())) {
    for (const Call& call : options_.arms) stoppers_.push_back(make_stopper(call, kPlace, parts));
  }

  void begin(size_t batch, int length) override {
    best_rate_ = options_.price.best_rate(length);
    arms_.begin(batch);
    plays_.assign(batch, {});
    for (const auto& stopper : stoppers_) stopper->begin(batch, length);
  }

  int most(const StopRound& round) override {
    const std::vector<Arm>& arms = arms_.at(round.b);
    Play& play = plays_[static_cast<size_t>(round.b)];
    if (options_.rule == "ucb1") {
      play = {choose_ucb1(arms, options_.exploration, best_rate_)};
    } else {
      play = draw_exp3(arms, options_.share, round.keys.uniform(Use::kSearch, round.request, round.start, 0));
      round.keys.tell(static_cast<int64_t>(play.arm));
    }
    return stoppers_[play.arm]->most(round);
  }

  bool reads_q() const override {
    return std::any_of(stoppers_.begin(), stoppers_.end(), [](const auto& s) { return s->reads_q(); });
  }
  bool before(const StopRow& row) override { return played(row.b).reads_q() && played(row.b).before(row); }
  bool after(const StopRow& row, Token drawn) override {
    return played(row.b).reads_q() && played(row.b).after(row, drawn);
  }

  void learn(int b, const StopOutcome& outcome) override {
    const Play& play = plays_[static_cast<size_t>(b)];
    std::vector<Arm>& arms = arms_.at(b);
    Arm& arm = arms[play.arm];
    const double tokens = outcome.accepted + 1, cost = options_.price.of(outcome.passes, outcome.drafted);
    arm.rounds += 1;
    arm.tokens += tokens;
    arm.cost += cost;
    const double reward = std::min(tokens / cost / best_rate_, 1.0);
    arm.log_weight += options_.share * reward / play.probability / static_cast<double>(arms.size());
    stoppers_[play.arm]->learn(b, outcome);
  }

  std::vector<std::pair<std::string, double>> notes(int b) const override {
    const size_t chosen = plays_[static_cast<size_t>(b)].arm;
    std::vector<std::pair<std::string, double>> notes = stoppers_[chosen]->notes(b);
    notes.emplace_back("stop_arm", static_cast<double>(chosen));
    notes.emplace_back("stop_regret", regret(arms_.at(b), chosen));
    return notes;
  }

 private:
  Stopper& played(int b) { return *stoppers_[plays_[static_cast<size_t>(b)].arm]; }

  static double regret(const std::vector<Arm>& arms, size_t chosen) {
    if (arms[chosen].rounds == 0) return 0;
    double best = 0;
    for (const Arm& arm : arms) best = std::max(best, arm.rounds > 0 ? arm.rate() : 0);
    return (best - arms[chosen].rate()) * arms[chosen].cost / arms[chosen].rounds;
  }

  Options options_;
  std::vector<std::unique_ptr<Stopper>> stoppers_;
  StopMemory<std::vector<Arm>> arms_;
  std::vector<Play> plays_;  // [B] of the round
  double best_rate_ = 1;
};

Facts facts_of(const Options& options) {
  if (options.arms.size() < 2)
    throw ConfigError(cat(kPlace, ": ", options.arms.size(), " given, at least 2 are needed"));
  Facts facts{.scope = scope_of(options.scope)};
  for (const Call& call : options.arms) {
    const Facts arm = stopper_facts(call, kPlace, kLongestChain);
    facts.length = std::max(facts.length, arm.length);
    facts.scope = std::max(facts.scope, arm.scope);
  }
  return facts;
}

}  // namespace

Registry<Stopper>::Entry bandit() {
  return with_stoppers(
      stopper_entry<Bandit, Options>("bandit", "Chooses one of several stoppers for each round, by what they brought.",
                                     "Hou et al. 2025 (BanditSpec); TapOut 2025", facts_of));
}

}  // namespace specula
