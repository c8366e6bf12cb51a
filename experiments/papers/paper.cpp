#include "experiments/papers/paper.h"

#include <algorithm>

#include "experiments/config/config_reader.h"
#include "framework/decode/compose.h"
#include "framework/decode/decode.h"
#include "framework/decode/round_law.h"

namespace specula {
namespace {

const std::string kPlace = "paper";
constexpr double kExact = 5e-6;  // float32 rows

Params params_of(const std::string& call) { return {.place = kPlace, .values = parse_call(call, kPlace)}; }

Prefix greedy_text(const Registries& registries, const LanguageModel& target, const std::string& drafter,
                   int64_t tokens, RoundLog* log) {
  const Params call = params_of(drafter);
  const auto made = registries.drafters.at(plugin_name(call), kPlace).make(call, {.vocab = target.vocab()});
  const auto rule = rule_of(registries, "greedy_match");
  const Sampler sampler = make_sampler(registries, parse_samplers("temperature(0)", kPlace));
  const Session session{.target = target,
                        .drafter = *made,
                        .verifier = *rule,
                        .policy = Policy::kGreedy,
                        .sampler = sampler,
                        .keys = Keyring(1),
                        .max_new_tokens = tokens,
                        .log = log};
  return decode(session, {{1, 2}}, std::vector<int64_t>{1}).front().tokens;
}

struct HeardRounds final : RoundLog {
  std::vector<ToyRound> heard;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    int row = 0;
    for (auto next = record.tree.children(0); !next.empty(); next = record.tree.children(row)) row = next.front();
    heard.push_back({record.start, record.tree.path_tokens(row), static_cast<int>(record.new_tokens.size())});
  }
};

}  // namespace

PaperCheck equals(const Claim& claim, double got, double expected, double tolerance) {
  return {.claim = claim.text,
          .source = claim.source,
          .got = got,
          .low = expected - tolerance,
          .high = expected + tolerance};
}

PaperCheck at_least(const Claim& claim, double got, double least) {
  return {.claim = claim.text, .source = claim.source, .got = got, .low = least};
}

PaperCheck at_most(const Claim& claim, double got, double most) {
  return {.claim = claim.text, .source = claim.source, .got = got, .high = most};
}

PaperCheck not_binding(PaperCheck check) {
  check.binding = false;
  return check;
}

const Estimate& PaperRuns::at(const std::string& config, const std::string& arm, const std::string& metric) const {
  return summaries_.at(config).cell(arm, "").at(metric);
}

double PaperRuns::accepted_at(const std::string& config, const std::string& arm, size_t depth) const {
  const std::vector<DepthCounts>& depths = summaries_.at(config).cell(arm, "").depths;
  if (depths.size() < depth || depths[depth - 1].tested == 0) return kNotMeasured;
  return static_cast<double>(depths[depth - 1].accepted) / static_cast<double>(depths[depth - 1].tested);
}

const std::vector<Paper>& all_papers() {
  static const std::vector<Paper> kPapers = {
      leviathan2023(), chen2023(),    prompt_lookup2023(),   spectr2023(),          specinfer2024(),
      lookahead2024(), sequoia2024(), distillspec2024(),     medusa2024(),          eagle2024(),
      eagle2_2024(),   block2024(),   token_recycling2024(), suffix_decoding2024(), eagle3_2025(),
      traversal2025(), dflash2026()};
  return kPapers;
}

std::unique_ptr<Verifier> rule_of(const Registries& registries, const std::string& call) {
  const Params params = params_of(call);
  return registries.verifiers.at(plugin_name(params), kPlace).make(params, {});
}

PaperCheck keeps_the_law(const Claim& claim, const Registries& registries, const std::string& rule,
                         const std::vector<Shape>& shapes) {
  constexpr int kTokens = 3;
  const Sampler plain;
  const Toy toy(3, 3, plain);
  const auto made = rule_of(registries, rule);
  double worst = 0;
  for (const Shape& shape : shapes) worst = std::max(worst, error_of(toy, *made, shape, kTokens));
  return at_most(claim, worst, kExact);
}

double first_token_variation(const Verifier& rule, const Row& p, const std::vector<Drafted>& drafts) {
  Row first(p.size(), 0);
  for (const Drafted& drafted : drafts) {
    const std::vector<double> law =
        law_of_first_token(*law_of_round(rule, drafted.tree, drafted.p), drafted.tree, static_cast<int64_t>(p.size()));
    for (size_t x = 0; x < first.size(); ++x) first[x] += drafted.mass * law[x];
  }
  return 1 - overlap_of(first, p);
}

ToyText toy_text(const Registries& registries, const std::string& drafter, int order, int64_t tokens) {
  const InferenceScope inference;
  const HashModel target({.seed = 5, .vocab = 20, .order = order});
  HeardRounds rounds;
  Prefix text = greedy_text(registries, target, drafter, tokens, &rounds);
  const bool is_the_targets = text == greedy_text(registries, target, "none", tokens, nullptr);
  return {.text = std::move(text), .rounds = std::move(rounds.heard), .is_the_targets = is_the_targets};
}

int most_kept(const ToyText& text) {
  int most = 0;
  for (const ToyRound& round : text.rounds) most = std::max(most, round.kept);
  return most;
}

PaperCheck keeps_the_text(const Claim& claim, const ToyText& text) {
  return equals(claim, text.is_the_targets ? 1 : 0, 1, 0);
}

}  // namespace specula
