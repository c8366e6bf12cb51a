#include "strategies/beam.h"

#include <algorithm>
#include <cmath>

#include "framework/decode/text_tree.h"
#include "framework/decode/top_tokens.h"

namespace specula {
namespace {

struct Options {
  int width = 4;
  double length_penalty = 1.0;
  std::string early_stopping = "heuristic";
  template <class V>
  void visit(V& v) {
    v("width", width, 1, 256, "texts that are kept after each token; 1 is greedy decoding", "texts");
    v("length_penalty", length_penalty, -10.0, 10.0,
      "the score is the sum of log-probabilities over length to this power: above 0 favours long texts, 0 none");
    v("early_stopping", early_stopping, {"heuristic", "full", "never"},
      "when `width` texts are finished, goes on: full: not at all; heuristic: while the best running text beats the "
      "worst finished one at its present length; never: while it might still beat it (transformers' True, False and "
      "\"never\")");
  }
};

struct Text {
  std::vector<Token> tokens;
  double score;  // running: the sum of log-probabilities; finished: over its length to the power of length_penalty
};

// Another token after a running text.
struct Candidate {
  size_t beam;
  Token token;
  double p;                // of the token
  double log_probability;  // of the whole text
};

class Search {
 public:
  Search(const Options& options, const StrategyTask& task, const Prefix& prompt)
      : options_(options),
        task_(task),
        prompt_(prompt),
        tree_(task, prompt),
        told_(task, prompt.size()),
        width_(static_cast<size_t>(options.width)) {}

  Decoded run() {
    told_.prefill_done();
    while (!task_.is_interrupted()) {
      settle(candidates(tree_.run()));
      if (is_over()) {
        const Text& best = finished_.front();
        told_.pass({best.tokens}, {{"score", best.score}});
        return {told_.text(prompt_), task_.stops(best.tokens.back()) ? Stop::kStopToken : Stop::kLimit};
      }
      told_.pass(possible());
      leaves_ = tree_.keep(leaves_);
    }
    return {told_.text(prompt_), Stop::kInterrupted};
  }

 private:
  // The best continuations, the most likely first: enough that `width` of them do not end.
  std::vector<Candidate> candidates(const Tensor& logits) const {
    const PhaseClock::Scope scope(task_.clock, Phase::kVerify);
    const Tensor p = tree_.ranking(logits);
    const int64_t vocab = p.size(1);
    const size_t wanted = std::max<size_t>(2, 1 + task_.stop.size()) * width_;
    std::vector<Candidate> all;
    std::vector<Token> top(std::min(wanted, static_cast<size_t>(vocab)));
    for (size_t b = 0; b < running_.size(); ++b) {
      const float* row = p.const_data_ptr<float>() + static_cast<int64_t>(b) * vocab;
      top_tokens({row, static_cast<size_t>(vocab)}, top);
      for (const Token token : top) {
        if (token < 0 || row[token] <= 0) continue;
        const double share = row[token];
        all.push_back({b, token, share, running_[b].score + std::log(share)});
      }
    }
    // Of equals the earlier text, of its tokens the lower id, as they stand.
    std::stable_sort(all.begin(), all.end(),
                     [](const Candidate& a, const Candidate& b) { return a.log_probability > b.log_probability; });
    all.resize(std::min(all.size(), wanted));
    return all;
  }

  // What ends among the first joins the finished, what does not runs on.
  void settle(const std::vector<Candidate>& candidates) {
    ++length_;
    const bool is_limit = length_ == task_.max_new_tokens, was_full = finished_.size() == width_;
    std::vector<Text> running;
    std::vector<int> leaves;
    for (size_t i = 0; i < candidates.size(); ++i) {
      const auto& [beam, token, p, log_probability] = candidates[i];
      Text text{running_[beam].tokens, log_probability};
      text.tokens.push_back(token);
      if (is_limit || task_.stops(token)) {
        if (i < width_ && !(was_full && options_.early_stopping == "full")) finish(std::move(text));
      } else if (running.size() < width_) {
        running.push_back(std::move(text));
        leaves.push_back(tree_.add(token, leaves_[beam], p));
      }
    }
    running_ = std::move(running);
    leaves_ = std::move(leaves);
  }

  double scored(double log_probability, int64_t length) const {
    return log_probability / std::pow(static_cast<double>(length), options_.length_penalty);
  }

  void finish(Text text) {
    text.score = scored(text.score, length_);
    const auto at =
        std::find_if(finished_.begin(), finished_.end(), [&](const Text& other) { return other.score < text.score; });
    finished_.insert(at, std::move(text));
    if (finished_.size() > width_) finished_.pop_back();
  }

  bool is_over() const {
    if (running_.empty()) return true;
    if (finished_.size() < width_) return false;
    if (options_.early_stopping == "full") return true;
    const bool is_bound = options_.early_stopping == "never" && options_.length_penalty > 0;
    return scored(running_.front().score, is_bound ? task_.max_new_tokens : length_) <= finished_.back().score;
  }

  std::vector<std::vector<Token>> possible() const {
    std::vector<std::vector<Token>> texts;
    for (const auto* list : {&running_, &finished_}) {
      for (const Text& text : *list) texts.push_back(text.tokens);
    }
    return texts;
  }

  const Options& options_;
  const StrategyTask& task_;
  const Prefix& prompt_;
  TextTree tree_;
  FinalText told_;
  const size_t width_;
  int64_t length_ = 0;                 // tokens of a running text
  std::vector<Text> running_{Text{}};  // the most likely first
  std::vector<int> leaves_{0};         // their rows
  std::vector<Text> finished_;         // at most `width`, the best first
};

class Beam final : public Strategy {
 public:
  explicit Beam(const Options& options) : options_(options) {}
  std::string finds() const override { return "deterministic search"; }
  Decoded decode(const StrategyTask& task, const Prefix& prompt) const override {
    return Search(options_, task, prompt).run();
  }

 private:
  const Options options_;
};

}  // namespace

Registry<Strategy>::Entry beam() {
  return strategy_entry<Beam, Options>("beam", "Keeps the likeliest texts side by side and takes the best of them.",
                                       "Graves 2012");
}

}  // namespace specula
