#include "strategies/contrastive.h"

#include <ATen/ops/amax.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/mm.h>

#include "framework/decode/rows.h"
#include "framework/decode/top_tokens.h"

namespace specula {
namespace {

struct Options {
  int k = 4;
  double alpha = 0.6;
  template <class V>
  void visit(V& v) {
    v("k", k, 1, 1024, "tokens that are tried at each position, the likeliest ones", "tokens");
    v("alpha", alpha, 0.0, 1.0, "weight of the likeness to what the text has said, against probability");
  }
};

// The directions of the states of a text, one after another.
class States {
 public:
  void add(const Tensor& states) {  // [N,H] float32
    const int64_t more = states.size(0);
    if (!all_.defined() || size_ + more > all_.size(0)) {
      Tensor wider = at::empty({2 * (size_ + more), states.size(1)}, states.options());
      if (size_ > 0) wider.narrow(0, 0, size_).copy_(all_.narrow(0, 0, size_));
      all_ = wider;
    }
    all_.narrow(0, size_, more).copy_(directions(states));
    size_ += more;
  }
  // [N] the largest cosine of each state with those of the text.
  Tensor likeness(const Tensor& states) const {
    return at::amax(at::mm(directions(states), all_.narrow(0, 0, size_).t()), 1).contiguous();
  }

 private:
  static Tensor directions(const Tensor& states) {
    // A state of zeros is like nothing.
    return states.div(at::linalg_vector_norm(states, 2, at::IntArrayRef{1}, true).clamp_min(1e-30));
  }
  Tensor all_;  // [capacity,H]
  int64_t size_ = 0;
};

class Contrast {
 public:
  Contrast(const Options& options, const StrategyTask& task, const Prefix& prompt)
      : options_(options),
        task_(task),
        text_(prompt),
        prompt_(static_cast<int64_t>(prompt.size())),
        told_(task, prompt.size()),
        continuation_(1),
        state_(task.sampler.first_state()) {
    const PhaseClock::Scope scope(task.clock, Phase::kPrefill);
    cache_ = task.target.new_cache(1, static_cast<int64_t>(prompt.size()) + task.max_new_tokens + options.k);
    const Pass pass = prefill(task.target, *cache_, {&text_, 1}, ask());
    if (pass.hidden.defined()) states_.add(states_of(pass));
  }

  Decoded run() {
    told_.prefill_done();
    Pass pass = forward({text_.back()});
    int row = 0;  // of the last token in the pass
    for (;;) {
      cache_->commit(0, std::vector<int>{row});
      states_.add(states_of(pass).narrow(0, row, 1));
      told_.pass(continuation_);
      if (task_.is_interrupted()) return {std::move(text_), Stop::kInterrupted};
      const Tensor logits = pass.logits.select(0, 0).narrow(0, row, 1);
      const auto [tokens, p] = candidates(logits);
      pass = forward(tokens);
      row = choose(p, states_of(pass));
      const Token token = tokens[static_cast<size_t>(row)];
      if (state_) state_ = task_.sampler.next_state(*state_, p[static_cast<size_t>(row)]);
      text_.push_back(token);
      continuation_.front().push_back(token);
      const bool is_stop = task_.stops(token);
      if (is_stop || static_cast<int64_t>(continuation_.front().size()) == task_.max_new_tokens) {
        told_.pass(continuation_);
        return {std::move(text_), is_stop ? Stop::kStopToken : Stop::kLimit};
      }
    }
  }

 private:
  struct Candidates {
    std::vector<Token> tokens;
    std::vector<double> p;
  };

  Ask ask() const { return {.logits = Logits::kAll, .hidden = {static_cast<int>(task_.target.layers()) + 1}}; }
  static Tensor states_of(const Pass& pass) { return pass.hidden.select(0, 0).select(1, 0); }  // [R,H]

  // The tokens side by side after the text.
  Pass forward(const std::vector<Token>& tokens) {
    const PhaseClock::Scope scope(task_.clock, Phase::kTarget);
    return task_.target.forward(make_rows({{.token = tokens, .parent = std::vector<int>(tokens.size(), -1)}}), *cache_,
                                ask());
  }

  Candidates candidates(const Tensor& logits) const {
    const PhaseClock::Scope scope(task_.clock, Phase::kVerify);
    static constexpr int kRoot = 0;
    const DraftTree tree = DraftTree::root_only(text_.back());
    const Tensor p = task_.sampler.ranking(logits, {.prefix = text_,
                                                    .tree = tree,
                                                    .rows = {&kRoot, 1},
                                                    .keys = task_.keys,
                                                    .request = task_.request,
                                                    .prompt = prompt_,
                                                    .stop = task_.stop,
                                                    .state = state_});
    const std::span<const float> row{p.const_data_ptr<float>(), static_cast<size_t>(p.size(1))};
    std::vector<Token> top(std::min(static_cast<size_t>(options_.k), row.size()));
    top_tokens(row, top);
    Candidates found;
    for (const Token token : top) {
      if (token < 0 || row[static_cast<size_t>(token)] <= 0) continue;
      found.tokens.push_back(token);
      found.p.push_back(row[static_cast<size_t>(token)]);
    }
    return found;
  }

  // The first of the best; the candidates stand in the order of their probability.
  int choose(const std::vector<double>& p, const Tensor& states) const {
    const PhaseClock::Scope scope(task_.clock, Phase::kVerify);
    const Tensor likeness = states_.likeness(states);
    size_t best = 0;
    const auto score = [&](size_t i) {
      return (1 - options_.alpha) * p[i] - options_.alpha * static_cast<double>(likeness.const_data_ptr<float>()[i]);
    };
    for (size_t i = 1; i < p.size(); ++i) {
      if (score(i) > score(best)) best = i;
    }
    return static_cast<int>(best);
  }

  const Options& options_;
  const StrategyTask& task_;
  Prefix text_;
  const int64_t prompt_;  // its tokens
  FinalText told_;
  std::vector<std::vector<Token>> continuation_;  // one
  std::optional<double> state_;                   // of the policy's step that carries one
  std::unique_ptr<KvCache> cache_;
  States states_;
};

class Contrastive final : public Strategy {
 public:
  explicit Contrastive(const Options& options) : options_(options) {}
  std::string finds() const override { return "deterministic search"; }
  Decoded decode(const StrategyTask& task, const Prefix& prompt) const override {
    return Contrast(options_, task, prompt).run();
  }

 private:
  const Options options_;
};

}  // namespace

Registry<Strategy>::Entry contrastive() {
  return strategy_entry<Contrastive, Options>(
      "contrastive", "Takes a likely token that is unlike what the text has said.", "Su et al. 2022");
}

}  // namespace specula
