// L1: one round after a fixed text, again and again with fresh keys, on models that remember their rows.  Drafts of one
// level need few rows, so nearly all draws are of these; whole drafts, whose rows are mostly new, are drawn beside
// them.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "experiments/report/statistics.h"
#include "experiments/verify/ladder.h"
#include "framework/certify/chi_square.h"
#include "framework/certify/decode_law.h"
#include "framework/certify/memo_model.h"
#include "framework/decode/round_law.h"

namespace specula {
namespace {

constexpr double kExact = 1e-5;        // of a law summed from float32 rows
constexpr double kConfidence = 0.99;   // of the bound on the total variation, over all contexts together
constexpr int kAveragedRounds = 1000;  // whose exact laws are averaged
constexpr int kSummedTokens = 4096;    // the drafted tokens over which a law is summed
constexpr int64_t kRoom = 64;          // tokens that a whole draft may have
constexpr int64_t kOneLevel = 2;       // tokens of a round whose draft may have one level
constexpr int64_t kWholeShare = 50;    // of so many draws one is of a whole draft
constexpr int64_t kFirstShare = 10;    // the first context has so many times the draws of another: power needs one
constexpr double kMostCells = 150;
constexpr uint32_t kStepStream = 0x4c31;  // "L1"

using LawRow = std::vector<double>;  // [V]

LawRow row_of(const Tensor& rows, int row) {
  const float* from = rows.const_data_ptr<float>() + row * rows.size(1);
  return {from, from + rows.size(1)};
}

void add_to(LawRow& sum, const LawRow& law, double weight = 1) {
  sum.resize(law.size());
  for (size_t x = 0; x < law.size(); ++x) sum[x] += weight * law[x];
}

// Given the tree: the law [V] of the first token that the round emits.  No value for races.
std::optional<LawRow> first_token_law(const Verifier& rule, const DraftTree& tree, const Tensor& p) {
  const auto round = law_of_round(rule, tree, p);
  if (!round) return std::nullopt;
  return law_of_first_token(*round, tree, p.size(1));
}

bool is_drawn(const DraftTree& tree) {
  return std::any_of(tree.q_row.begin(), tree.q_row.end(), [](int row) { return row >= 0; });
}

// Everything that was seen after one text.
struct Seen {
  std::vector<int64_t> counts;
  LawRow halves[2];             // of the counts
  LawRow averaged[2];           // exact laws of rounds, summed
  int rounds = 0;               // how many
  LawRow follow, p;             // the law that the first token must follow, and the target's
  std::optional<double> exact;  // TV of the law summed over the draft, from what it must follow
  double unsummed = 0;          // its mass that was left out
  LawRow one_level;             // of a lossy rule: the law summed over a draft of one token, else empty
};

// L1 draws after one text under many requests; the policy's coins stay those of one, so that there is one law.
class OneRequestsCoins final : public KeyTap {
 public:
  explicit OneRequestsCoins(const Keyring& keys) : keys_(keys) {}
  double uniform(uint64_t, Use use, int64_t, int64_t position, uint32_t index, double value) override {
    return use == Use::kProcessor ? keys_.uniform(use, 0, position, index) : value;
  }

 private:
  Keyring keys_;
};

class Context {
 public:
  Context(const Workbench& bench, const ArmConfig& arm, const Prefix& text)
      : arm_(arm), text_(text), base_(text.begin(), text.end() - 1), target_(*bench.models.at(arm.target), base_) {
    for (const auto* names : {&arm.composed.drafter.models, &arm.composed.drafter.foreign_models}) {
      for (const std::string& name : *names) drafts_.try_emplace(name, *bench.models.at(name), base_);
    }
    player_.emplace(
        bench, arm, target_, [this](const std::string& name) -> const LanguageModel& { return drafts_.at(name); },
        bench.config.samplers);
    keys_ = Keyring(bench.config.seed).fork(kStepStream);
    if (arm.composed.coins) keys_.tap(std::make_shared<OneRequestsCoins>(keys_));
  }
  const Player& player() const { return *player_; }

  // `tokens`: that the round may emit.
  Seen look(int64_t draws, int64_t tokens, int64_t first_request) {
    Seen seen;
    const Session session = player_->session(tokens, keys_);
    for (int64_t i = 0; i < draws; ++i) {
      const SeenRound round = play_round(session, text_, first_request + i);
      if (i == 0) begin(seen, round);
      ++seen.counts[static_cast<size_t>(round.first)];
      seen.halves[i % 2][static_cast<size_t>(round.first)] += 1;
      // Without a draw, equal trees have equal laws; with one, what a lossless rule is summed over says more.
      const bool is_new = i < 2 || (is_drawn(round.tree) ? !is_lossless(arm_) : round.tree.token != first_draft_);
      if (i < kAveragedRounds && is_new) average(seen, round, i % 2);
    }
    return seen;
  }

  // The law of the first token without any sampling, where it can be had.
  void sum_up(Seen& seen, int64_t request) const {
    if (!drew_) {
      if (seen.rounds > 0) seen.exact = total_variation(std::span<const double>(seen.averaged[0]), seen.follow);
    } else {
      sum_over_draft(seen, request);
    }
  }

 private:
  void begin(Seen& seen, const SeenRound& round) {
    const auto vocab = static_cast<size_t>(round.p.size(1));
    seen.counts.resize(vocab);
    for (LawRow& half : seen.halves) half.resize(vocab);
    seen.follow = row_of(player_->rule().law(round.tree, round.p), 0);
    seen.p = row_of(round.p, 0);
    first_draft_ = round.tree.token;
  }

  void average(Seen& seen, const SeenRound& round, int64_t half) {
    drew_ |= is_drawn(round.tree);
    const auto law = first_token_law(player_->rule(), round.tree, round.p);
    if (!law) return;
    add_to(seen.averaged[half], *law);
    ++seen.rounds;
  }

  // A draft of one token, which has the law q: sum over q(d) law(x | d).  No sampling is left.
  void sum_over_draft(Seen& seen, int64_t request) const {
    SeenRound round = play_round(player_->session(kOneLevel, keys_), text_, request);
    if (round.tree.size() != 2 || !is_drawn(round.tree)) return;
    const LawRow q = row_of(round.tree.q, round.tree.q_row[1]);
    std::vector<Token> order(q.size());
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](Token a, Token b) { return q[a] > q[b]; });
    LawRow sum;
    double summed = 0;
    for (size_t i = 0; i < order.size() && i < kSummedTokens && summed < 1 - 1e-7; ++i) {
      const Token d = order[i];
      if (!(q[static_cast<size_t>(d)] > 0)) break;
      round.tree.token[1] = d;  // what p says after d does not decide the first token
      const auto law = first_token_law(player_->rule(), round.tree, round.p);
      if (!law) return;
      add_to(sum, *law, q[static_cast<size_t>(d)]);
      summed += q[static_cast<size_t>(d)];
    }
    seen.unsummed = std::max(0.0, 1 - summed);
    if (arm_.composed.guarantee == Guarantee::kLossy) {
      seen.one_level = std::move(sum);
    } else {
      seen.exact = total_variation(std::span<const double>(sum), seen.follow);
    }
  }

  const ArmConfig& arm_;
  const Prefix text_, base_;
  MemoModel target_;
  std::map<std::string, MemoModel> drafts_;
  std::optional<Player> player_;
  Keyring keys_{0};
  std::vector<Token> first_draft_;
  bool drew_ = false;
};

// What the contexts say together.
class Report {
 public:
  // `seen` of so many draws; `tests`: how many are added in all.
  void test(const Seen& seen, int64_t draws, size_t tests) {
    const LawRow counts(seen.counts.begin(), seen.counts.end());
    // No more cells than that: each one takes power from a fault that moves only some of them.
    const ChiSquare test =
        chi_square(seen.counts, seen.follow, std::max(10.0, static_cast<double>(draws) / kMostCells));
    chances_.push_back(test.p);
    degrees_ = std::max(degrees_, test.degrees);
    const double detectable = detectable_tv(draws, test.degrees, kStepLevel / static_cast<double>(tests));
    const double bound = tv_upper_bound(total_variation(std::span<const double>(counts), seen.follow), draws,
                                        (1 - kConfidence) / static_cast<double>(tests));
    if (draws < most_draws_) return;
    if (draws > most_draws_) detectable_ = bound_ = 0;  // what most draws say is the figure
    most_draws_ = draws;
    detectable_ = std::max(detectable_, detectable);
    bound_ = std::max(bound_, bound);
  }

  void keep_exact(const Seen& seen) {
    if (!seen.exact) return;
    exact_ = std::max(exact_.value_or(0), *seen.exact);
    unsummed_ = std::max(unsummed_, seen.unsummed);
  }

  // The distance from p itself: of a stated mixture exactly, else of laws of rounds where the rule has coins, else of
  // counts.  Few rounds show less than there is: what a draft of one token has, known without sampling, bounds it from
  // below.
  void measure(const Seen& seen, const ArmConfig& arm) {
    const bool has_laws = !seen.averaged[1].empty();
    const LawRow &first = has_laws ? seen.averaged[0] : seen.halves[0],
                 &second = has_laws ? seen.averaged[1] : seen.halves[1];
    LawRow all = first;
    add_to(all, second);
    const bool is_stated = arm.composed.guarantee == Guarantee::kMixture;
    if (is_stated) all = seen.follow;
    double tv = is_stated ? total_variation(std::span<const double>(all), seen.p) : held_out_tv(first, second, seen.p);
    if (!seen.one_level.empty()) {
      const double exact = total_variation(std::span<const double>(seen.one_level), seen.p) - seen.unsummed;
      if (exact > tv) {
        tv = exact;
        all = seen.one_level;
      }
    }
    ++contexts_;
    tv_ += tv;
    most_tv_ = std::max(most_tv_, tv);
    kl_ += kl_divergence(all, seen.p);
  }

  void judge(RungResult& result, const ArmConfig& arm, double max_tv) const {
    const std::vector<double> adjusted = holm(chances_);
    const double chance = *std::min_element(adjusted.begin(), adjusted.end());
    const double contexts = contexts_;
    const double tv = tv_ / contexts, kl = kl_ / contexts;
    result.numbers = {{"contexts", contexts},     {"level", kStepLevel},          {"chi_square_p", chance},
                      {"degrees_max", degrees_},  {"detectable_tv", detectable_}, {"tv_upper_bound", bound_},
                      {"confidence", kConfidence}};
    if (!is_lossless(arm)) {
      for (const auto& [name, number] : {std::pair{"tv_to_p", tv}, {"tv_to_p_max", most_tv_}, {"kl_to_p_nats", kl}})
        result.numbers.emplace_back(name, number);
    }
    if (exact_) {
      result.numbers.emplace_back("tv_exact", *exact_);
      result.numbers.emplace_back("tv_exact_left_out", unsummed_);
    }
    const bool is_lossy = arm.composed.guarantee == Guarantee::kLossy;
    const bool breaks_law = chance < kStepLevel || (exact_ && *exact_ > kExact + unsummed_);
    const bool over_budget = !is_lossless(arm) && tv > max_tv;
    result.verdict = over_budget || (!is_lossy && breaks_law) ? "violated" : is_lossy ? "measured" : "holds";
    if (is_lossless(arm)) {
      result.what = cat("p = ", formatted("%.2g", chance), ", TV < ", formatted("%.3f", bound_));
      if (exact_) result.what += cat(", exact TV ", formatted("%.1e", *exact_));
      result.what += cat("; would find ", formatted("%.3f", detectable_));
      return;
    }
    result.what = is_lossy ? "" : cat("p = ", formatted("%.2g", chance), " for its mixture, ");
    result.what += cat("TV to p ", formatted("%.3f", tv), ", KL ", formatted("%.3f", kl), " nats");
    if (over_budget) result.what += cat(": over max_tv = ", formatted("%.3g", max_tv));
  }

 private:
  std::vector<double> chances_;
  int degrees_ = 0, contexts_ = 0;
  int64_t most_draws_ = 0;
  double detectable_ = 0, bound_ = 0, unsummed_ = 0, tv_ = 0, most_tv_ = 0, kl_ = 0;
  std::optional<double> exact_;
};

double budget_of(const Workbench& bench, const ArmConfig& arm) { return bench.options.max_tv.value_or(arm.max_tv); }

}  // namespace

RungResult step_rung(const Workbench& bench, const ArmConfig& arm) {
  RungResult result{.rung = "L1"};
  if (arm.composed.one_hot) {
    result.what = "every row has one token, L0 tests them";
    return result;
  }
  const double start = seconds_now();
  std::vector<Prefix> texts;
  for (const Prefix& prompt : bench.prompts) {
    const auto length = static_cast<int64_t>(prompt.size());
    if (static_cast<int>(texts.size()) < bench.options.contexts &&
        length + kRoom <= bench.models.at(arm.target)->context())
      texts.push_back(prompt);
  }
  if (texts.empty()) {
    result.what = cat("no prompt leaves room for ", kRoom, " tokens in the target's context");
    return result;
  }
  Report report;
  int64_t request = 0;
  for (const Prefix& text : texts) {
    const int64_t draws = std::max<int64_t>(bench.options.draws / (&text == &texts.front() ? 1 : kFirstShare), 2);
    const int64_t whole = std::max<int64_t>(draws / kWholeShare, 2);
    Context context(bench, arm, text);
    if (context.player().reads_hidden()) {
      result.what = "it reads hidden states, which are not remembered";
      return result;
    }
    Seen wholes = context.look(whole, kRoom, request);
    report.test(wholes, whole, 2 * texts.size());
    context.sum_up(wholes, request);
    report.measure(wholes, arm);
    report.keep_exact(wholes);
    report.test(context.look(draws, kOneLevel, request + whole), draws, 2 * texts.size());
    request += whole + draws;
    result.n += whole + draws;
  }
  report.judge(result, arm, budget_of(bench, arm));
  result.seconds = seconds_now() - start;
  return result;
}

}  // namespace specula
