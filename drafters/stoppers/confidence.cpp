#include "drafters/stoppers/confidence.h"

#include <algorithm>
#include <deque>
#include <optional>

#include "drafters/stoppers/stop_memory.h"
#include "framework/decode/probability.h"

namespace specula {
namespace {

constexpr size_t kMostSeen = 1024;
constexpr size_t kFewest = 6;        // "more than five": Hugging Face's AssistedCandidateGenerator
constexpr double kMissedWeight = 3;  // of a false negative, against 1 for a false positive: the same

struct Options {
  double threshold = 0.4;
  bool fitted = false;
  bool keep = true;
  std::string scope = "request";
  template <class V>
  void visit(V& v) {
    v("threshold", threshold, 0, 1, "a chain ends where the largest probability in q is below this");
    v("fitted", fitted, "the threshold is only the first one, and is fitted to what was accepted and rejected");
    v("keep", keep, "draft the doubtful token as the last of the chain; false: do not draw it");
    v("scope", scope, kScopes,
      "of a fitted threshold; request: forgotten with each request; run: kept, so that texts may depend on their "
      "order");
  }
};

struct Seen {
  double confidence;
  bool accepted;
};

// The threshold that best tells accepted tokens (confidence >= threshold) from rejected ones: the least
// FPR + 3 FNR, the highest of several.  No value while there is too little to fit.
std::optional<double> fit(const std::deque<Seen>& seen) {
  const auto accepted =
      static_cast<double>(std::count_if(seen.begin(), seen.end(), [](const Seen& s) { return s.accepted; }));
  const double rejected = static_cast<double>(seen.size()) - accepted;
  if (seen.size() < kFewest || accepted == 0 || rejected == 0) return std::nullopt;
  std::vector<Seen> sorted(seen.begin(), seen.end());
  std::sort(sorted.begin(), sorted.end(), [](const Seen& a, const Seen& b) { return a.confidence > b.confidence; });
  double best = 0, least = kMissedWeight, hits = 0, alarms = 0;  // above every confidence all accepted ones are missed
  for (size_t i = 0; i < sorted.size(); ++i) {
    (sorted[i].accepted ? hits : alarms) += 1;
    if (i + 1 < sorted.size() && sorted[i + 1].confidence == sorted[i].confidence) continue;
    const double cost = alarms / rejected + kMissedWeight * (1 - hits / accepted);
    if (cost >= least) continue;
    least = cost;
    best = sorted[i].confidence;
  }
  return best;
}

class Confidence final : public Stopper {
 public:
  explicit Confidence(Options options)
      : options_(std::move(options)),
        states_(scope_of(options_.scope), {.threshold = options_.threshold, .seen = {}}) {}

  void begin(size_t batch, int /*length*/) override {
    states_.begin(batch);
    drafted_.assign(batch, {});
  }
  int most(const StopRound& round) override {
    drafted_[static_cast<size_t>(round.b)].clear();
    return round.most;
  }
  bool reads_q() const override { return true; }
  bool before(const StopRow& row) override {
    confidence_ = max_logit(row.q.data(), static_cast<int64_t>(row.q.size()));
    return !options_.keep && confidence_ < states_.at(row.b).threshold;
  }
  bool after(const StopRow& row, Token /*drawn*/) override {
    if (options_.fitted) drafted_[static_cast<size_t>(row.b)].push_back(confidence_);
    return options_.keep && confidence_ < states_.at(row.b).threshold;
  }

  void learn(int b, const StopOutcome& outcome) override {
    if (!options_.fitted) return;
    State& state = states_.at(b);
    const std::vector<double>& drafted = drafted_[static_cast<size_t>(b)];
    for (int i = 0; i < outcome.drafted && i <= outcome.accepted; ++i) {
      state.seen.push_back({drafted[static_cast<size_t>(i)], i < outcome.accepted});
      if (state.seen.size() > kMostSeen) state.seen.pop_front();
    }
    state.threshold = fit(state.seen).value_or(state.threshold);
  }

  std::vector<std::pair<std::string, double>> notes(int b) const override {
    if (!options_.fitted) return {};
    return {{"stop_threshold", states_.at(b).threshold}};
  }

 private:
  struct State {
    double threshold;
    std::deque<Seen> seen;
  };

  Options options_;
  StopMemory<State> states_;
  std::vector<std::vector<double>> drafted_;  // [B] confidence of each token of the round
  double confidence_ = 0;                     // of the row that was asked about last
};

}  // namespace

Registry<Stopper>::Entry confidence() {
  return stopper_entry<Confidence, Options>(
      "confidence", "Ends a chain where the draft model's likeliest token is below a threshold, fixed or fitted.",
      "Hugging Face's assisted generation; Liu et al. 2024 (Kangaroo)", [](const Options& options) {
        if (options.fitted && !options.keep) {
          throw ConfigError(
              "confidence fitted = true needs keep = true: a threshold is fitted to what became of doubtful tokens");
        }
        return Facts{.scope = options.fitted ? scope_of(options.scope) : Scope::kRequest};
      });
}

}  // namespace specula
