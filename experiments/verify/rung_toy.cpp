// L2: nothing of the real models, all of the drafter, the rule and the sampler.
#include <algorithm>
#include <cmath>

#include "experiments/verify/ladder.h"
#include "framework/certify/decode_law.h"
#include "framework/certify/toy.h"
#include "framework/decode/round_law.h"
#include "framework/model/load.h"

namespace specula {
namespace {

constexpr double kExact = 5e-6;  // float32 rows, 2^-31 for each uniform that is cut
constexpr int kSeeds = 50;

const Prefix kRepeating = {0, 1, 0, 1};  // drafters that copy have something to copy

ArmConfig with_length(const ArmConfig& arm, int64_t most) {
  ArmConfig capped = arm;
  if (Value* length = capped.drafter.values.find("length")) {
    if (auto* value = std::get_if<int64_t>(&length->data)) *value = std::min(*value, most);
  }
  return capped;
}

// As many layers as the real target has, since an arm may name them; all of them together change half the logits.
HashOptions toy_target(const Workbench& bench, const ArmConfig& arm, int64_t vocab) {
  const auto layers = static_cast<size_t>(read_model_info(bench.config.model(arm.target).folder).layers);
  return {.seed = 5, .vocab = vocab, .layer_weight = std::vector<double>(layers, 0.5 / static_cast<double>(layers))};
}

// Two models that agree somewhat, and the arm over them: every model that its drafter names is the draft.
struct ToyArm {
  HashModel target, draft;
  Player player;
  ToyArm(const Workbench& bench, const ArmConfig& arm, int64_t vocab)
      : target(toy_target(bench, arm, vocab)),
        draft({.seed = 6, .vocab = vocab, .near = &target, .nearness = 0.6}),
        player(
            bench, arm, target, [this](const std::string&) -> const LanguageModel& { return draft; },
            bench.config.samplers) {
    player.renew_drafter();
  }
};

double error_of_texts(const Workbench& bench, const ArmConfig& arm, int64_t vocab, int rounds) {
  const ToyArm toy(bench, arm, vocab);
  constexpr int kTokens = 3;
  const Session session = toy.player.session(kTokens, Keyring(0));
  return law_error(session, kRepeating, rounds,
                   [&](const Prefix& text) { return law_to_follow(session, text, kRepeating.size()); });
}

// The rule alone, over every shape of tree that the drafter may declare.
double error_of_shapes(const Workbench& bench, const ArmConfig& arm, int64_t& count) {
  const ToyArm parts(bench, arm, 3);
  const Sampler sampler = make_sampler(bench.registries, bench.config.samplers, parts_of_samplers(bench, arm));
  const Toy toy(3, 3, sampler);
  std::vector<Draw> laws = arm.composed.drafter.laws;
  std::erase(laws, Draw::kProbe);
  double worst = 0;
  for (const Shape& shape : shapes_of(laws, arm.composed.drafter.trees)) {
    worst = std::max(worst, error_of(toy, parts.player.rule(), shape, 3));
    ++count;
  }
  return worst;
}

bool races(const Workbench& bench, const ArmConfig& arm) {
  const ToyArm parts(bench, arm, 3);
  const SeenRound round = play_round(parts.player.session(2, Keyring(0)), kRepeating, 0);
  return !law_of_round(parts.player.rule(), round.tree, round.p);
}

// Seeds under which the text is not the one that the same rule writes without a draft.
int other_texts(const Workbench& bench, const ArmConfig& arm) {
  constexpr int64_t kVocab = 7, kTokens = 30;
  const ToyArm toy(bench, arm, kVocab);
  const Player plain = Player::without_draft(bench, arm, toy.target, bench.config.samplers);
  int differ = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const std::vector<int64_t> request = {7};
    const auto text = decode(toy.player.session(kTokens, Keyring(seed)), {kRepeating}, request);
    differ += text[0].tokens != decode(plain.session(kTokens, Keyring(seed)), {kRepeating}, request)[0].tokens ? 1 : 0;
  }
  return differ;
}

}  // namespace

RungResult toy_rung(const Workbench& bench, const ArmConfig& arm) {
  RungResult result{.rung = "L2"};
  if (arm.composed.constrained) {
    result.what = "the constraint is on the text of tokens, and those of toy models have none";
    return result;
  }
  if (!arm.composed.drafter.heads.empty()) {
    result.what = "its head reads the states of the real target, which toy models do not have";
    return result;
  }
  const double start = seconds_now();
  if (arm.composed.guarantee == Guarantee::kCoupled) {
    const int differ = other_texts(bench, arm);
    result.n = kSeeds;
    result.verdict = differ == 0 ? "holds" : "violated";
    result.what = cat(kSeeds - differ, " of ", kSeeds, " texts equal those without a draft");
    result.numbers = {{"texts_that_differ", differ}};
  }
  if (!races(bench, arm)) {
    double worst = error_of_texts(bench, with_length(arm, 2), 3, 1);
    worst = std::max(worst, error_of_texts(bench, with_length(arm, 1), 2, 3));
    int64_t enumerated = 2;
    worst = std::max(worst, error_of_shapes(bench, arm, enumerated));
    const bool has_law = arm.composed.guarantee != Guarantee::kLossy;
    const bool holds = worst < kExact && result.verdict != "violated";
    result.verdict = !has_law ? "measured" : holds ? "holds" : "violated";
    result.what += cat(result.what.empty() ? "" : "; ", "TV of whole texts ", formatted("%.1e", worst));
    result.n += enumerated;
    result.numbers.emplace_back("tv", worst);
  }
  result.seconds = seconds_now() - start;
  return result;
}

}  // namespace specula
