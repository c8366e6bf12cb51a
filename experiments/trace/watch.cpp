#include "experiments/trace/watch.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "framework/decode/probability.h"
#include "framework/decode/top_tokens.h"

namespace specula {
namespace {

std::string digits(double x) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", x);
  return text;
}

// Sees the uniform behind each coin.
class LastUniform final : public KeyTap {
 public:
  double uniform(uint64_t /*seed*/, Use use, int64_t /*request*/, int64_t /*position*/, uint32_t /*index*/,
                 double value) override {
    if (use == Use::kAccept) accept.store(value);
    return value;
  }
  std::atomic<double> accept{0};
};

}  // namespace

class Watch::Drafting final : public Drafter {
 public:
  Drafting(Watch& watch, Drafter& inner) : watch_(watch), inner_(inner) {}

  Ask needs() const override { return unite(inner_.needs(), {.logits = Logits::kNone, .hidden = watch_.sites_}); }
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
    if (prefill.hidden.defined()) {
      for (int64_t t = 0; t + 1 < static_cast<int64_t>(prefixes[0].size()); ++t)
        watch_.keep_norms(prefill.hidden.select(0, 0), t, t);
    }
    inner_.begin(prefixes, requests, prefill);
  }
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees = inner_.draft(round);
    // A pass that the drafter began has no states below the layer where it stopped; a whole one gives the same bits.
    if (inner_.started().layer > 0) round.target_cache.rollback(0);
    return trees;
  }
  std::vector<std::pair<std::string, double>> notes(size_t b) const override { return inner_.notes(b); }
  void observe(const Feedback& feedback) override {
    watch_.learned(feedback);
    inner_.observe(feedback);
  }
  void finish(int64_t request, const Prefix& text) override { inner_.finish(request, text); }

 private:
  Watch& watch_;
  Drafter& inner_;
};

// What a rule asks of chance, and what it gets.
class Watch::Drawing final : public Chance {
 public:
  Drawing(Watch& watch, Chance& inner, const LastUniform& uniform) : watch_(watch), inner_(inner), uniform_(uniform) {}

  int choose(std::span<const double> h, int row) override {
    const int outcome = inner_.choose(h, row);
    watch_.coins_.push_back({row, {h.begin(), h.end()}, uniform_.accept.load(), outcome});
    return outcome;
  }
  Token draw_target(const float* p, int64_t vocab, int depth) override {
    watch_.last_ = "the target's own draw";
    return inner_.draw_target(p, vocab, depth);
  }
  Token draw_coupled(const float* p, int64_t vocab, int depth) override {
    watch_.last_ = "the target's own race";
    return inner_.draw_coupled(p, vocab, depth);
  }
  Token emit(const Residual& left, int node, int depth) override {
    watch_.last_ = left.untouched() ? "drawn from p" : "drawn from what rejection left of p";
    return inner_.emit(left, node, depth);
  }
  std::unique_ptr<Chance> fork(uint32_t stream) const override { return inner_.fork(stream); }

 private:
  Watch& watch_;
  Chance& inner_;
  const LastUniform& uniform_;
};

class Watch::Judging final : public Verifier {
 public:
  Judging(Watch& watch, const Verifier& inner, const LastUniform& uniform)
      : watch_(watch), inner_(inner), uniform_(uniform) {}

  Ask needs() const override { return inner_.needs(); }
  Tensor law(const DraftTree& tree, const Tensor& p) const override { return inner_.law(tree, p); }
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    watch_.coins_.clear();
    watch_.last_ = "the rule's choice";
    Drawing chance(watch_, evidence.chance, uniform_);
    return inner_.verify(tree, {.p = evidence.p, .chance = chance});
  }
  std::optional<double> expected_accepted(const DraftTree& tree, const Tensor& p) const override {
    return inner_.expected_accepted(tree, p);
  }

 private:
  Watch& watch_;
  const Verifier& inner_;
  const LastUniform& uniform_;
};

class Watch::Log final : public RoundLog {
 public:
  explicit Log(Watch& watch) : watch_(watch) {}
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override { watch_.judged(record); }

 private:
  Watch& watch_;
};

Watch::Watch(const Session& session, WatchOptions options)
    : session_(session), options_(std::move(options)), sites_(static_cast<size_t>(session.target.layers()) + 2) {
  SPECULA_CHECK(options_.stages.size() == options_.samplers.size());
  std::iota(sites_.begin(), sites_.end(), 0);
}
Watch::~Watch() = default;

Decoded Watch::decode(const Prefix& prompt, int64_t request) {
  request_ = request;
  prompt_ = static_cast<int64_t>(prompt.size());
  state_ = session_.sampler.first_state();
  const auto uniform = std::make_shared<LastUniform>();  // shared with the keys
  Drafting drafter(*this, session_.drafter);
  const Judging verifier(*this, session_.verifier, *uniform);
  Log log(*this);
  Keyring keys = session_.keys;
  keys.tap(uniform);
  const Session watched{.target = session_.target,
                        .drafter = drafter,
                        .verifier = verifier,
                        .policy = session_.policy,
                        .q_next = session_.q_next,
                        .sampler = session_.sampler,
                        .keys = keys,
                        .max_new_tokens = session_.max_new_tokens,
                        .stop = session_.stop,
                        .log = &log,
                        .clock = session_.clock};
  return specula::decode(watched, {prompt}, {&request, 1}).front();
}

void Watch::keep_norms(const Tensor& states, int64_t row, int64_t position) {
  const std::vector<int> order = unite(session_.drafter.needs(), {.logits = Logits::kNone, .hidden = sites_}).hidden;
  const Tensor of_row = states.select(0, row).contiguous();  // [S,H]
  const int64_t width = of_row.size(1);
  std::vector<double>& lengths = norms[position];
  for (const int site : sites_) {
    const auto at = std::find(order.begin(), order.end(), site) - order.begin();
    const float* state = of_row.const_data_ptr<float>() + at * width;
    double squares = 0;
    for (int64_t i = 0; i < width; ++i) squares += static_cast<double>(state[i]) * static_cast<double>(state[i]);
    lengths.push_back(std::sqrt(squares));
  }
}

std::string Watch::reason(const RoundRecord& record, int row, const std::vector<char>& accepted) const {
  const auto at = static_cast<size_t>(row);
  const auto coin = std::find_if(coins_.begin(), coins_.end(), [&](const Coin& c) { return c.row == row; });
  if (coin != coins_.end() && coin->h.size() == 1)
    return cat("u = ", digits(coin->u), accepted[at] != 0 ? " < " : " >= ", digits(coin->h[0]));
  if (coin != coins_.end()) return cat("u = ", digits(coin->u), " chose among ", coin->h.size() + 1, " outcomes");
  const int parent = record.tree.parent[at];
  if (accepted[static_cast<size_t>(parent)] == 0) return cat("not reached: row ", parent, " was not accepted");
  const int64_t vocab = record.p.size(1);
  const float* p = record.p.const_data_ptr<float>() + parent * vocab;
  if (accepted[at] != 0) return p[record.tree.token[at]] == 1 ? "it is the target's token" : "the rule took it";
  for (const int sibling : record.tree.children(parent)) {
    if (accepted[static_cast<size_t>(sibling)] != 0) return cat("its sibling, row ", sibling, ", was accepted");
  }
  const Token likeliest = argmax(p, vocab);
  if (p[likeliest] == 1) return cat("the target's token is ", likeliest);
  return p[record.tree.token[at]] == 0 ? "the target gives it no mass" : "another token was drawn";
}

void Watch::judged(const RoundRecord& record) {
  WatchedRound round{.rows = {}, .tokens = {}, .last = last_, .is_cut = record.cut, .notes = record.notes};
  round.notes.insert(round.notes.end(), record.verdict.notes.begin(), record.verdict.notes.end());
  const DraftTree& tree = record.tree;
  std::vector<char> accepted(static_cast<size_t>(tree.size()), 0);
  accepted[0] = 1;
  for (const int row : record.verdict.path) accepted[static_cast<size_t>(row)] = 1;
  const int64_t vocab = record.p.size(1);
  for (int row = 1; row < tree.size(); ++row) {
    const auto at = static_cast<size_t>(row);
    WatchedRow seen{.parent = tree.parent[at], .id = tree.token[at], .draw = tree.draw[at]};
    if (tree.q_row[at] >= 0) seen.q = tree.q.const_data_ptr<float>()[tree.q_row[at] * tree.q.size(1) + seen.id];
    seen.p = record.p.const_data_ptr<float>()[seen.parent * vocab + seen.id];
    seen.is_accepted = accepted[at] != 0;
    seen.why = reason(record, row, accepted);
    round.rows.push_back(std::move(seen));
  }
  for (size_t i = 0; i < record.new_tokens.size(); ++i) {
    round.tokens.push_back({.id = record.new_tokens[i],
                            .position = record.start + static_cast<int64_t>(i),
                            .is_drafted = i < record.verdict.path.size()});
  }
  rounds.push_back(std::move(round));
}

std::vector<Stage> Watch::stages_of(const Tensor& logits, const RowContext& context) const {
  std::vector<Stage> stages;
  for (size_t i = 0; i < options_.stages.size(); ++i) {
    const Tensor p = options_.samplers[i]->distribution(logits, context);
    const auto vocab = static_cast<size_t>(p.size(1));
    const std::span<const float> row{p.const_data_ptr<float>(), vocab};
    Stage stage{.name = options_.stages[i]};
    std::vector<Token> top(std::min(static_cast<size_t>(options_.top), vocab));
    top_tokens(row, top);
    for (const Token id : top) {
      if (id >= 0 && row[static_cast<size_t>(id)] > 0) stage.top.push_back({id, row[static_cast<size_t>(id)]});
    }
    stage.alive = std::count_if(row.begin(), row.end(), [](float x) { return x > 0; });
    stage.entropy = entropy_of(row.data(), static_cast<int64_t>(vocab));
    stages.push_back(std::move(stage));
  }
  return stages;
}

void Watch::learned(const Feedback& feedback) {
  WatchedRound& round = rounds.back();
  const DraftTree& tree = feedback.drafts[0];
  std::vector<int> rows{0};  // after which the round's tokens stand
  rows.insert(rows.end(), feedback.verdicts[0].path.begin(), feedback.verdicts[0].path.end());
  const Prefix before(feedback.prefixes[0].begin(),
                      feedback.prefixes[0].end() - static_cast<int64_t>(round.tokens.size()));
  const Tensor logits = feedback.target.logits.select(0, 0);
  for (size_t i = 0; i < round.tokens.size(); ++i) {
    const RowContext context{.prefix = before,
                             .tree = tree,
                             .rows = {&rows[i], 1},
                             .keys = session_.keys,
                             .request = request_,
                             .prompt = prompt_,
                             .stop = session_.stop,
                             .state = state_};
    round.tokens[i].stages = stages_of(logits.narrow(0, rows[i], 1), context);
    if (state_) {
      const Tensor p = session_.sampler.distribution(logits.narrow(0, rows[i], 1), context);
      state_ = session_.sampler.next_state(*state_, p.const_data_ptr<float>()[round.tokens[i].id]);
    }
    keep_norms(feedback.target.hidden.select(0, 0), rows[i], round.tokens[i].position - 1);
  }
}

}  // namespace specula
