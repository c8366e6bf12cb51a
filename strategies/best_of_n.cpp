#include "strategies/best_of_n.h"

#include <algorithm>
#include <limits>

#include "framework/decode/quality.h"
#include "framework/decode/text_tree.h"

namespace specula {
namespace {

struct Options {
  int n = 4;
  std::string score = "mean";
  template <class V>
  void visit(V& v) {
    v("n", n, 1, 256, "texts that are drawn", "texts");
    v("score", score, {"mean", "sum"}, "of the log-probabilities of a text's tokens, before the sampling policy");
  }
};

struct Sample {
  int64_t request;  // names its random numbers
  int leaf = 0;     // its last row
  bool is_done = false;
  double log_probability = 0;
};

// The first text has the numbers of the request itself; those of the others are of requests that no run has.
int64_t request_of(int64_t request, int i) {
  constexpr uint64_t kStep = 0x9E3779B97F4A7C15;  // odd, so that no two of a request's are equal
  const uint64_t mixed = static_cast<uint64_t>(request) + kStep * static_cast<uint64_t>(i);
  return static_cast<int64_t>(mixed & static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
}

class Draws {
 public:
  Draws(const Options& options, const StrategyTask& task, const Prefix& prompt)
      : options_(options), task_(task), prompt_(prompt), tree_(task, prompt), told_(task, prompt.size()) {
    for (int i = 0; i < options.n; ++i) samples_.push_back({request_of(task.request, i)});
    texts_.resize(samples_.size());
  }

  Decoded run() {
    told_.prefill_done();
    for (int64_t length = 0; !task_.is_interrupted(); ++length) {
      draw(tree_.run(), length);
      if (std::all_of(samples_.begin(), samples_.end(), [](const Sample& s) { return s.is_done; })) return best();
      told_.pass(texts_);
      prune();
    }
    return {told_.text(prompt_), Stop::kInterrupted};
  }

 private:
  // A token for each text that goes on; the rows of the pass are theirs in their order, at first one for all.
  void draw(const Tensor& logits, int64_t length) {
    const PhaseClock::Scope scope(task_.clock, Phase::kVerify);
    const Tensor p = tree_.distribution(logits);
    const int64_t vocab = p.size(1), position = static_cast<int64_t>(prompt_.size()) + length;
    int64_t row = 0;
    for (size_t i = 0; i < samples_.size(); ++i) {
      Sample& sample = samples_[i];
      if (sample.is_done) continue;
      const double u = task_.keys.uniform(Use::kTarget, sample.request, position, 0);
      const Token token = pick(p.const_data_ptr<float>() + row * vocab, vocab, u);
      sample.log_probability -=
          negative_log_likelihood({logits.const_data_ptr<float>() + row * vocab, static_cast<size_t>(vocab)}, token,
                                  static_cast<size_t>(position));
      texts_[i].push_back(token);
      sample.is_done = task_.stops(token) || length + 1 == task_.max_new_tokens;
      if (!sample.is_done) sample.leaf = tree_.add(token, sample.leaf, p.const_data_ptr<float>()[row * vocab + token]);
      row += length > 0 ? 1 : 0;
    }
  }

  void prune() {
    std::vector<int> leaves;
    for (const Sample& sample : samples_) {
      if (!sample.is_done) leaves.push_back(sample.leaf);
    }
    size_t next = 0;
    leaves = tree_.keep(leaves);
    for (Sample& sample : samples_) {
      if (!sample.is_done) sample.leaf = leaves[next++];
    }
  }

  double score(size_t i) const {
    const double length = options_.score == "mean" ? static_cast<double>(texts_[i].size()) : 1;
    return samples_[i].log_probability / length;
  }

  Decoded best() {
    size_t best = 0;
    for (size_t i = 1; i < samples_.size(); ++i) {
      if (score(i) > score(best)) best = i;
    }
    told_.pass({texts_[best]}, {{"score", score(best)}});
    return {told_.text(prompt_), task_.stops(texts_[best].back()) ? Stop::kStopToken : Stop::kLimit};
  }

  const Options& options_;
  const StrategyTask& task_;
  const Prefix& prompt_;
  TextTree tree_;
  FinalText told_;
  std::vector<Sample> samples_;
  std::vector<std::vector<Token>> texts_;
};

class BestOfN final : public Strategy {
 public:
  explicit BestOfN(const Options& options) : options_(options) {}
  std::string finds() const override { return cat("best of ", options_.n, " draws"); }
  bool draws() const override { return true; }
  Decoded decode(const StrategyTask& task, const Prefix& prompt) const override {
    return Draws(options_, task, prompt).run();
  }

 private:
  const Options options_;
};

}  // namespace

Registry<Strategy>::Entry best_of_n() {
  return strategy_entry<BestOfN, Options>(
      "best_of_n", "Draws n texts and takes the one that the target finds likeliest.", "Adiwardana et al. 2020");
}

}  // namespace specula
