#include "framework/certify/decode_law.h"

#include <atomic>

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

// Keeps the first round as its rule saw it, and ends the run.
struct OneRound final : RoundLog {
  std::atomic<bool> over{false};
  SeenRound seen;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    seen = {.tree = record.tree, .p = record.p, .first = record.new_tokens.front()};
    over = true;
  }
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

SeenRound play_round(const Session& session, const Prefix& text, int64_t request) {
  OneRound log;
  Session s = session;
  s.log = &log;
  s.interrupt = &log.over;
  decode(s, {text}, {&request, 1});
  return std::move(log.seen);
}

std::vector<double> law_to_follow(const Session& session, const Prefix& text) {
  const SeenRound round = play_round(session, text, 0);
  const Tensor law = session.verifier.law(round.tree, round.p);
  const float* row = law.const_data_ptr<float>();
  return {row, row + law.size(1)};
}

}  // namespace specula
