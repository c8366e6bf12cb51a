// L0: at temperature 0 a lossless composition writes the baseline's text, token by token, up to ties of the target.
#include <cmath>

#include "experiments/verify/ladder.h"
#include "framework/certify/decode_law.h"

namespace specula {
namespace {

// Two logits this close are a tie: what other shapes of a pass may change in a dtype.
double tie_nats(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFloat32:
      return 1e-4;
    case Dtype::kBfloat16:
      return 0.05;
    default:
      return 0.1;
  }
}

// What decides the most likely token: everything before temperature.
std::vector<Params> before_temperature(const std::vector<Params>& samplers) {
  std::vector<Params> before;
  for (const Params& sampler : samplers) {
    if (plugin_name(sampler) == "temperature") break;
    before.push_back(sampler);
  }
  return before;
}

struct Divergence {
  size_t position = 0;
  double margin = 0;  // log p(baseline's token) - log p(the arm's), in nats
};

class Greedy {
 public:
  Greedy(const Workbench& bench, const ArmConfig& arm)
      : target_(*bench.models.at(arm.target)),
        cold_(at_temperature_0(bench.config.samplers)),
        candidate_(
            bench, arm, target_,
            [&](const std::string& name) -> const LanguageModel& { return *bench.models.at(name); }, cold_),
        reference_(Player::without_draft(bench, arm, target_, cold_)),
        warm_(Player::without_draft(bench, arm, target_, before_temperature(bench.config.samplers))),
        tie_(tie_nats(target_.dtype())),
        stop_(bench.stop) {}

  void compare(const Prefix& prompt, int64_t tokens, int64_t request) {
    const Prefix expected = text(reference_, prompt, tokens, request),
                 found = text(candidate_, prompt, tokens, request);
    ++compared;
    if (expected == found) return;
    const auto [a, b] = std::mismatch(expected.begin(), expected.end(), found.begin(), found.end());
    Divergence here{.position = static_cast<size_t>(a - expected.begin()), .margin = std::nan("")};
    if (a != expected.end() && b != found.end()) {
      const SeenRound round = play_round(warm_.session(1, Keyring(0)), Prefix(expected.begin(), a), request);
      const float* p = round.p.const_data_ptr<float>();
      here.margin = std::log(static_cast<double>(p[*a])) - std::log(static_cast<double>(p[*b]));
    }
    const bool is_tie = std::abs(here.margin) < tie_;
    (is_tie ? ties : divergences) += 1;
    if (!is_tie && divergences == 1) first = here;
  }

  int compared = 0, ties = 0, divergences = 0;
  Divergence first;

 private:
  Prefix text(const Player& player, const Prefix& prompt, int64_t tokens, int64_t request) const {
    Session session = player.session(tokens, Keyring(0));
    session.stop = stop_;
    return decode(session, {prompt}, {&request, 1})[0].tokens;
  }

  const LoadedModel& target_;
  const std::vector<Params> cold_;
  const Player candidate_, reference_, warm_;
  const double tie_;
  const std::vector<Token> stop_;
};

}  // namespace

RungResult greedy_rung(const Workbench& bench, const ArmConfig& arm) {
  RungResult result{.rung = "L0"};
  const double start = seconds_now();
  Greedy greedy(bench, arm);
  for (size_t i = 0; i < bench.prompts.size() && greedy.compared < bench.options.greedy_prompts; ++i) {
    const Prefix& prompt = bench.prompts[i];
    const int64_t room = bench.models.at(arm.target)->context() - static_cast<int64_t>(prompt.size());
    const int64_t tokens = std::min<int64_t>(bench.options.greedy_tokens, room);
    if (tokens > 0) greedy.compare(prompt, tokens, static_cast<int64_t>(i));
  }
  result.n = greedy.compared;
  if (greedy.compared == 0) {
    result.what = "no prompt fits into the target's context";
    return result;
  }
  const int equal = greedy.compared - greedy.ties - greedy.divergences;
  result.what = cat(equal, " of ", greedy.compared, " texts equal");
  if (greedy.ties > 0) result.what += cat(", ", greedy.ties, " differ at a tie");
  if (greedy.divergences > 0) {
    result.what += cat(", ", greedy.divergences, " differ, first at position ", greedy.first.position, " by ",
                       formatted("%.3g nats", greedy.first.margin));
  }
  result.verdict = !is_lossless(arm) ? "measured" : greedy.divergences > 0 ? "violated" : "holds";
  result.numbers = {{"equal", equal}, {"ties", greedy.ties}, {"divergences", greedy.divergences}};
  if (greedy.divergences > 0) result.numbers.emplace_back("margin_nats", greedy.first.margin);
  result.seconds = seconds_now() - start;
  return result;
}

}  // namespace specula
