#include "drafters/stoppers/cost_aware.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "drafters/stoppers/round_price.h"
#include "drafters/stoppers/stop_memory.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

constexpr int kBuckets = 10;                        // of confidence
constexpr double kPriorTests = 4, kMeanTests = 16;  // that a prior, and the mean of all depths, count as
constexpr double kPlainRounds = 4;  // of one token each, with which the rate begins: a first guess, soon outweighed

struct Options {
  RoundPrice price;
  std::string by = "depth";
  double prior = 0.7;
  int memory = 256;
  int least = 1;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    price.visit(v);
    v("by", by, {"depth", "confidence"}, "what acceptance is estimated by: the depth, or the largest probability in q");
    v("prior", prior, 0, 1, "acceptance rate before anything was seen");
    v("memory", memory, 1, 1 << 30, "after so many rounds what was seen counts 1/e as much", "rounds");
    v("least", least, 0, kLongestChain,
      "tokens drafted at least; with 0 it may stop drafting for the rest of a request, since it learns from drafts "
      "only",
      "tokens");
    v("scope", scope, kScopes, kScopeHelp);
  }
};

struct Tests {
  double tested = 0, accepted = 0;
  void fade(double factor) {
    tested *= factor;
    accepted *= factor;
  }
  void add(bool is_accepted) {
    tested += 1;
    accepted += is_accepted ? 1 : 0;
  }
  double rate(double prior, double weight) const { return (accepted + prior * weight) / (tested + weight); }
};

struct Estimates {
  Tests all;
  std::array<Tests, kLongestChain> by_depth{};
  std::array<Tests, kBuckets> by_confidence{};
  double tokens = 0, cost = 0;  // of all rounds

  void fade(double factor) {
    all.fade(factor);
    for (Tests& tests : by_depth) tests.fade(factor);
    for (Tests& tests : by_confidence) tests.fade(factor);
    tokens *= factor;
    cost *= factor;
  }
};

int bucket_of(double confidence) { return std::clamp(static_cast<int>(confidence * kBuckets), 0, kBuckets - 1); }

class CostAware final : public Stopper {
 public:
  explicit CostAware(Options options)
      : options_(std::move(options)),
        fading_(std::exp(-1.0 / options_.memory)),
        estimates_(scope_of(options_.scope), {}) {}

  void begin(size_t batch, int /*length*/) override {
    estimates_.begin(batch);
    chains_.assign(batch, {});
  }

  int most(const StopRound& round) override {
    chains_[static_cast<size_t>(round.b)] = {};
    const Estimates& known = estimates_.at(round.b);
    if (!reads_q()) return best_length(known, round.most);
    const bool pays = next_gain(known, 1) >= rate(known) * price_of_next();
    return pays ? round.most : std::min(options_.least, round.most);
  }

  bool reads_q() const override { return options_.by == "confidence"; }

  bool before(const StopRow& row) override {
    const Estimates& known = estimates_.at(row.b);
    const int bucket = bucket_of(max_logit(row.q.data(), static_cast<int64_t>(row.q.size())));
    Chain& chain = chains_[static_cast<size_t>(row.b)];
    const double reached = chain.reach * known.by_confidence[bucket].rate((bucket + 0.5) / kBuckets, kPriorTests);
    if (row.depth >= options_.least && reached < rate(known) * options_.price.v) return true;
    chain.reach = reached;
    chain.buckets.push_back(bucket);
    return false;
  }

  bool after(const StopRow& row, Token /*drawn*/) override {
    const Estimates& known = estimates_.at(row.b);
    if (row.depth + 1 < options_.least) return false;
    return next_gain(known, chains_[static_cast<size_t>(row.b)].reach) < rate(known) * price_of_next();
  }

  void learn(int b, const StopOutcome& outcome) override {
    Estimates& known = estimates_.at(b);
    known.fade(fading_);
    const std::vector<int>& buckets = chains_[static_cast<size_t>(b)].buckets;
    for (int i = 0; i < outcome.drafted && i <= outcome.accepted; ++i) {
      const bool is_accepted = i < outcome.accepted;
      known.all.add(is_accepted);
      known.by_depth[std::min(i, kLongestChain - 1)].add(is_accepted);
      if (reads_q()) known.by_confidence[buckets[i]].add(is_accepted);
    }
    known.tokens += outcome.accepted + 1;
    known.cost += options_.price.of(outcome.passes, outcome.drafted);
  }

 private:
  struct Chain {
    double reach = 1;          // probability that everything drafted so far is accepted
    std::vector<int> buckets;  // of the drafted tokens
  };

  double mean(const Estimates& known) const { return known.all.rate(options_.prior, kPriorTests); }
  double next_gain(const Estimates& known, double reach) const { return reach * mean(known); }
  double price_of_next() const { return options_.price.c + options_.price.v; }

  // Tokens per cost of all rounds.
  double rate(const Estimates& known) const {
    return (known.tokens + kPlainRounds) / (known.cost + kPlainRounds * options_.price.of(0, 0));
  }

  // The length of the largest expected T / C, the shortest of several.
  int best_length(const Estimates& known, int most) const {
    const double prior = mean(known);
    const int least = std::min(options_.least, most);
    double reach = 1, tokens = 1, best = 0;
    int length = least;
    for (int n = 0; n <= most; ++n) {
      const double value = tokens / options_.price.of(n, n);
      if (n >= least && value > best) {
        best = value;
        length = n;
      }
      reach *= known.by_depth[std::min(n, kLongestChain - 1)].rate(prior, kMeanTests);
      tokens += reach;
    }
    return length;
  }

  Options options_;
  double fading_;  // of what is known, each round
  StopMemory<Estimates> estimates_;
  std::vector<Chain> chains_;
};

}  // namespace

Registry<Stopper>::Entry cost_aware() {
  return stopper_entry<CostAware, Options>(
      "cost_aware", "Ends a chain where a token more is expected to bring less than it costs.", "",
      [](const Options& options) { return Facts{.scope = scope_of(options.scope), .length = options.least}; });
}

}  // namespace specula
