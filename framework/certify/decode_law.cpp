#include "framework/certify/decode_law.h"

#include <algorithm>
#include <atomic>
#include <bit>

namespace specula {
namespace {

// Hears a run, every drafted token and every path, and stops it after so many rounds.
struct Listener final : RoundLog {
  explicit Listener(int rounds) : left(rounds) {}
  int left;
  std::atomic<bool> over{false};
  std::string trace;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    for (const Token t : record.tree.token) trace += cat(" t", t);
    for (const int row : record.verdict.path) trace += cat("/", row);
    if (--left == 0) over = true;
  }
};

// Keeps the round after so many as its rule saw it, and ends the run.
struct OneRound final : RoundLog {
  explicit OneRound(size_t rounds_before) : before(rounds_before) {}
  size_t before;
  std::atomic<bool> over{false};
  SeenRound seen;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    if (before-- > 0) return;
    seen = {.tree = record.tree, .p = record.p, .first = record.new_tokens.front()};
    over = true;
  }
};

// Writes given tokens, one a round, whatever was drafted, and then judges as another rule does.
class Dictated final : public Verifier {
 public:
  Dictated(const Verifier& rule, std::span<const Token> tokens) : rule_(rule), tokens_(tokens) {}
  Ask needs() const override { return rule_.needs(); }
  Tensor law(const DraftTree& tree, const Tensor& p) const override { return rule_.law(tree, p); }
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    if (next_ == tokens_.size()) return rule_.verify(tree, evidence);
    return {.path = {}, .next = tokens_[next_++]};
  }

 private:
  const Verifier& rule_;
  const std::span<const Token> tokens_;
  mutable size_t next_ = 0;  // of one decode of one sequence
};

// Takes the coins of the policy from another keyring.
class CoinsOf final : public KeyTap {
 public:
  explicit CoinsOf(const Keyring& coins) : coins_(coins) {}
  double uniform(uint64_t, Use use, int64_t, int64_t position, uint32_t index, double value) override {
    return use == Use::kProcessor ? coins_.uniform(use, 0, position, index) : value;
  }

 private:
  Keyring coins_;
};

}  // namespace

double law_error(const Session& session, const Prefix& prompt, int rounds, const NextLaw& next) {
  const auto tokens = static_cast<int>(session.max_new_tokens);
  const Law blocks = enumerate([&](const Keyring& keys) {
    Listener listener(rounds);
    Session s = session;
    s.keys = keys;
    s.log = &listener;
    s.interrupt = &listener.over;
    const Prefix text = decode(s, {prompt}, std::vector<int64_t>{7})[0].tokens;
    return Shown{{text.begin() + static_cast<int64_t>(prompt.size()), text.end()}, listener.trace};
  });
  const auto after = [&](const std::vector<Token>& string) {
    Prefix text = prompt;
    text.insert(text.end(), string.begin(), string.end());
    return next(text);
  };
  return total_variation(extend(blocks, tokens, after), own_law(tokens, after));
}

SeenRound play_round(const Session& session, const Prefix& prompt, int64_t request, std::span<const Token> generated) {
  OneRound log(generated.size());
  const Dictated rule(session.verifier, generated);
  const Session s{.target = session.target,
                  .drafter = session.drafter,
                  .verifier = rule,
                  .policy = session.policy,
                  .q_next = session.q_next,
                  .sampler = session.sampler,
                  .keys = session.keys,
                  .max_new_tokens = session.max_new_tokens + static_cast<int64_t>(generated.size()),
                  .stop = session.stop,
                  .log = &log,
                  .clock = session.clock,
                  .interrupt = &log.over,
                  .row_budget = session.row_budget,
                  .check_trees = session.check_trees};
  decode(s, {prompt}, {&request, 1});
  return std::move(log.seen);
}

std::vector<double> law_to_follow(const Session& session, const Prefix& text, size_t prompt) {
  const auto first = text.begin() + static_cast<int64_t>(prompt);
  const std::vector<Token> generated(first, text.end());
  std::vector<double> sum(static_cast<size_t>(session.target.vocab()));
  if (std::find_first_of(first, text.end(), session.stop.begin(), session.stop.end()) != text.end()) {
    sum[0] = 1;
    return sum;
  }
  // A law is shown as the bits of its numbers, so that pieces of a coin with one law are found by bisection.
  const Law laws = enumerate([&](const Keyring& coins) {
    Session s = session;
    s.keys.tap(std::make_shared<CoinsOf>(coins));
    const SeenRound round = play_round(s, {text.begin(), first}, 0, generated);
    const Tensor law = session.verifier.law(round.tree, round.p);
    Shown shown;
    for (int64_t x = 0; x < law.size(1); ++x)
      shown.result.push_back(std::bit_cast<Token>(law.const_data_ptr<float>()[x]));
    return shown;
  });
  for (const auto& [bits, mass] : laws) {
    for (size_t x = 0; x < sum.size(); ++x) sum[x] += mass * std::bit_cast<float>(bits[x]);
  }
  return sum;
}

}  // namespace specula
