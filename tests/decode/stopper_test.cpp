// Stoppers: what each decides on rows and feedback made by hand, the exact law of texts under each, and what a chain
// that drops what it drew does to that law.
#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "drafters/stoppers/nested_stopper.h"
#include "drafters/stoppers/register.h"
#include "framework/certify/decode_law.h"
#include "framework/decode/chain_draft.h"
#include "framework/decode/draft_cache.h"
#include "framework/decode/probability.h"
#include "tests/decode/composition.h"
#include "tests/decode/counting_model.h"

namespace specula::testing {
namespace {

Call call(const std::string& text) { return {.values = parse_call(text, "test")}; }
std::unique_ptr<Stopper> stopper(const std::string& text) { return make_stopper(call(text), "test", {}); }

using Row = std::vector<float>;

// One sequence under a stopper, round by round.
class Asked {
 public:
  explicit Asked(const std::string& text, int length = 16) : stopper_(stopper(text)) { stopper_->begin(1, length); }

  int most(int limit = 16) {
    return stopper_->most({.b = 0, .most = limit, .request = 1, .start = ++start_, .keys = keys_});
  }
  // Tokens drafted when the rows of a round are these; -1: the rows ended before the stopper did.
  int drafted(const std::vector<Row>& rows, int limit = 16) {
    const int most_now = most(limit);
    passes_ = 0;
    for (int depth = 0; depth < most_now; ++depth) {
      if (depth == static_cast<int>(rows.size())) return -1;
      const StopRow row{.b = 0, .depth = depth, .q = rows[static_cast<size_t>(depth)]};
      ++passes_;
      if (stopper_->before(row)) return depth;
      if (stopper_->after(row, 0)) return depth + 1;
    }
    return most_now;
  }
  int passes() const { return passes_; }  // that the last drafted() took
  void learn(int drafted, int accepted, int passes = -1) {
    stopper_->learn(0, {.drafted = drafted, .accepted = accepted, .passes = passes < 0 ? drafted : passes});
  }
  double note(const std::string& name) const {
    for (const auto& [key, value] : stopper_->notes(0)) {
      if (key == name) return value;
    }
    return std::nan("");
  }
  Stopper& operator*() { return *stopper_; }

 private:
  std::unique_ptr<Stopper> stopper_;
  const Keyring keys_{3};
  int64_t start_ = 0;
  int passes_ = 0;
};

// ---- what each decides ----

TEST(Stoppers, FixedEndsAtItsLength) {
  EXPECT_EQ(Asked("fixed(3)").most(), 3);
  EXPECT_EQ(Asked("fixed(3)").most(2), 2);
  EXPECT_FALSE((*Asked("fixed(3)")).reads_q());
}

TEST(Stoppers, HeuristicGrowsByTwoAndShrinksByOne) {
  Asked asked("heuristic(start=4)", 7);
  EXPECT_EQ(asked.most(), 4);
  asked.learn(4, 4);
  EXPECT_EQ(asked.most(), 6);
  asked.learn(6, 6);
  EXPECT_EQ(asked.most(), 7) << "not above the drafter's length";
  for (const int expected : {6, 5, 4, 3, 2, 1, 1}) {
    asked.learn(asked.most(), 0);
    EXPECT_EQ(asked.most(), expected);
  }
  asked.learn(1, 1);
  EXPECT_EQ(asked.most(), 3);
}

TEST(Stoppers, StateLivesForARequestOrForARun) {
  for (const bool is_run : {false, true}) {
    Asked asked(is_run ? "heuristic(start=4,scope=run)" : "heuristic(start=4)");
    asked.learn(4, 4);
    (*asked).begin(2, 16);
    EXPECT_EQ(asked.most(), is_run ? 6 : 4);
    const Facts facts = stopper_facts(call(is_run ? "heuristic(scope=run)" : "heuristic"), "test", 8);
    EXPECT_EQ(facts.scope, is_run ? Scope::kRun : Scope::kRequest);
  }
}

TEST(Stoppers, ConfidenceKeepsTheDoubtfulTokenOrDoesNotDrawIt) {
  const std::vector<Row> rows = {{.6f, .4f}, {.5f, .5f}, {.3f, .3f, .4f}, {.9f, .1f}};
  EXPECT_EQ(Asked("confidence(threshold=0.45)").drafted(rows), 3);
  EXPECT_EQ(Asked("confidence(threshold=0.45,keep=false)").drafted(rows), 2);
  EXPECT_EQ(Asked("confidence(threshold=0.7,keep=false)").drafted(rows), 0);
  EXPECT_EQ(Asked("confidence(threshold=0.5)").drafted({{.5f, .5f}, {.4f, .3f, .3f}}), 2) << "stops below, not at";
  EXPECT_EQ(Asked("confidence(threshold=0)").drafted(rows, 3), 3);
}

// FPR + 3 FNR by hand.  Accepted .9 .8 .7, rejected .6 .5 .75: at .9: 3 * 2/3 = 2; at .8: 1; at .75: 1/3 + 1; at .7:
// 1/3 + 0, the least; at .6: 2/3.
TEST(Stoppers, ConfidenceFitsItsThresholdOnceThereIsEnough) {
  Asked asked("confidence(threshold=0.2,fitted=true)");
  const auto round = [&](const std::vector<float>& confidences, int accepted) {
    std::vector<Row> rows;
    for (const float c : confidences) rows.push_back({c, 1 - c});
    const int drafted = asked.drafted(rows, static_cast<int>(rows.size()));
    asked.learn(drafted, accepted);
  };
  round({.9f, .8f, .6f}, 2);
  EXPECT_EQ(asked.note("stop_threshold"), 0.2);
  round({.7f, .5f}, 1);
  EXPECT_EQ(asked.note("stop_threshold"), 0.2) << "five tested tokens are too few";
  round({.75f}, 0);
  EXPECT_FLOAT_EQ(static_cast<float>(asked.note("stop_threshold")), .7f);
  EXPECT_EQ(asked.drafted({{.72f, .28f}, {.69f, .31f}}), 2);
}

TEST(Stoppers, ConfidenceLearnsOnlyFromTokensThatWereTested) {
  Asked asked("confidence(threshold=0,fitted=true)");
  asked.drafted({Row{.9f, .1f}, Row{.8f, .2f}, Row{.7f, .3f}, Row{.6f, .4f}, Row{.9f, .1f}, Row{.95f, .05f}}, 6);
  asked.learn(6, 1);  // .9 accepted, .8 rejected, the others nobody tested
  EXPECT_EQ(asked.note("stop_threshold"), 0);
}

TEST(Stoppers, EntropyFollowsBothPapers) {
  const double half = std::log(2.0);  // of {.5, .5}
  const std::vector<Row> rows = {{1.f, 0.f}, {.5f, .5f}, {1.f, 0.f}};
  EXPECT_NEAR(entropy_of(rows[1].data(), 2), half, 1e-7);
  const double bound = 1 - std::sqrt(0.2 * half);
  EXPECT_EQ(Asked(cat("entropy(gamma=0.2,lambda=", bound + 0.001, ")")).drafted(rows), 1);
  EXPECT_EQ(Asked(cat("entropy(gamma=0.2,lambda=", bound - 0.001, ")")).drafted(rows, 3), 3);
  EXPECT_EQ(Asked(cat("entropy(rule=svip,h=", std::sqrt(half) - 0.001, ")")).drafted(rows), 1);
  EXPECT_EQ(Asked(cat("entropy(rule=svip,h=", std::sqrt(half) + 0.001, ")")).drafted(rows, 3), 3);
  EXPECT_EQ(Asked("entropy(rule=svip,h=0.5,keep=true)").drafted(rows), 2);
}

TEST(Stoppers, EntropyOfWideRows) {
  for (const size_t n : {1, 7, 64, 1001}) {
    Row row(n);
    double sum = 0, slow = 0;
    for (size_t i = 0; i < n; ++i) sum += row[i] = static_cast<float>(i % 5 == 3 ? 0 : 1 + (i * 37) % 11);
    for (float& mass : row) {
      mass = static_cast<float>(mass / sum);
      if (mass > 0) slow -= mass * std::log(static_cast<double>(mass));
    }
    EXPECT_NEAR(entropy_of(row.data(), static_cast<int64_t>(n)), slow, 1e-6) << n;
  }
}

// ---- those that learn, in worlds whose best answer is known ----

struct Price {
  double c, v;
  double of(int n) const { return 1 + n * (c + v); }
  std::string text() const { return cat("c=", c, ",v=", v); }
};

double expected_tokens(double alpha, int n) { return (1 - std::pow(alpha, n + 1)) / (1 - alpha); }
double rate(double alpha, int n, const Price& price) { return expected_tokens(alpha, n) / price.of(n); }
int best_length(double alpha, const Price& price) {
  int best = 0;
  for (int n = 1; n <= 16; ++n) {
    if (rate(alpha, n, price) > rate(alpha, best, price)) best = n;
  }
  return best;
}

// Rounds in which each token is accepted with the same probability.
class World {
 public:
  explicit World(double alpha) : alpha_(alpha) {}
  int accepted(int drafted) {
    int n = 0;
    while (n < drafted && keys_.uniform(Use::kAccept, 0, round_, static_cast<uint32_t>(n)) < alpha_) ++n;
    ++round_;
    return n;
  }

 private:
  double alpha_;
  const Keyring keys_{11};
  int64_t round_ = 0;
};

TEST(CostAware, FindsTheBestLength) {
  for (const double alpha : {0.3, 0.6, 0.8, 0.93}) {
    for (const Price& price : {Price{0.05, 0.01}, Price{0.2, 0.05}}) {
      Asked asked(cat("cost_aware(", price.text(), ")"));
      World world(alpha);
      const int best = std::max(best_length(alpha, price), 1);
      double expected = 0, lengths = 0;  // after 1000 rounds
      for (int round = 0; round < 4000; ++round) {
        const int n = asked.most();
        asked.learn(n, world.accepted(n));
        if (round < 1000) continue;
        expected += rate(alpha, n, price) / 3000;
        lengths += n / 3000.0;
      }
      EXPECT_GT(expected, 0.98 * rate(alpha, best, price)) << "alpha " << alpha << ", " << price.text();
      EXPECT_NEAR(lengths, best, 0.25 * best + 0.2) << "alpha " << alpha << ", " << price.text();
    }
  }
}

TEST(CostAware, TheFirstLengthIsThePriorsAndDearTokensAreNotDrafted) {
  for (const double prior : {0.5, 0.8, 0.9}) {
    const Price price{0.1, 0.02};
    EXPECT_EQ(Asked(cat("cost_aware(", price.text(), ",prior=", prior, ")")).most(), best_length(prior, price));
  }
  EXPECT_EQ(Asked("cost_aware(c=2,prior=0.9)").most(), 1);
  EXPECT_EQ(Asked("cost_aware(c=2,prior=0.9,least=0)").most(), 0);
  EXPECT_EQ(Asked("cost_aware(c=2,least=3)").most(2), 2);
}

// A row of confidence .95 is accepted so often and one of .25 so seldom: v decides whether the latter is drawn.
TEST(CostAware, ByConfidenceDrawsWhatPays) {
  const Row sure = {.95f, .05f}, doubtful = {.25f, .25f, .25f, .25f};
  const std::vector<Row> rows = {sure, doubtful, sure, sure};
  EXPECT_EQ(Asked("cost_aware(by=confidence,c=0.01,v=0.3)").drafted(rows), 1) << "gain .24, price .3";
  EXPECT_EQ(Asked("cost_aware(by=confidence,c=0.01,v=0.2)").drafted(rows), 2) << "the next gain is .24 * .7 < .21";
  EXPECT_EQ(Asked("cost_aware(by=confidence,c=0.01,v=0.01)").drafted(rows, 3), 3);
}

// Half the rows are sure and half doubtful: knowing which beats every fixed length.
TEST(CostAware, ByConfidenceBeatsTheBestFixedLength) {
  const Price price{0.1, 0.05};
  const Keyring keys(5);
  const auto play = [&](const std::string& text) {
    Asked asked(text);
    double tokens = 0, cost = 0;
    for (int round = 0; round < 6000; ++round) {
      std::vector<Row> rows;
      std::vector<bool> accepted;
      for (uint32_t i = 0; i < 16; ++i) {
        const bool is_sure = keys.uniform(Use::kSearch, 1, round, i) < 0.7;
        rows.push_back(is_sure ? Row{.95f, .05f} : Row{.25f, .25f, .25f, .25f});
        accepted.push_back(keys.uniform(Use::kAccept, 1, round, i) < (is_sure ? 0.97 : 0.15));
      }
      const int n = asked.drafted(rows);
      int kept = 0;
      while (kept < n && accepted[static_cast<size_t>(kept)]) ++kept;
      asked.learn(n, kept, asked.passes());
      tokens += kept + 1;
      cost += 1 + asked.passes() * price.c + n * price.v;
    }
    return tokens / cost;
  };
  double best_fixed = 0;
  for (int n = 1; n <= 8; ++n) best_fixed = std::max(best_fixed, play(cat("fixed(", n, ")")));
  EXPECT_GT(play(cat("cost_aware(by=confidence,", price.text(), ")")), best_fixed);
}

struct Played {
  std::vector<int> plays;      // of each arm
  std::vector<double> regret;  // tokens lost by each round's end, by the world's own rates
};

Played play_bandit(const std::string& options, double alpha, int rounds) {
  const std::vector<int> lengths = {1, 4, 12};
  const Price price{0.1, 0.02};
  Asked asked(cat("bandit(arms=[\"fixed(1)\",\"fixed(4)\",\"fixed(12)\"],", price.text(), ",", options, ")"));
  World world(alpha);
  double best = 0, lost = 0;
  for (const int n : lengths) best = std::max(best, rate(alpha, n, price));
  Played played{.plays = std::vector<int>(3, 0), .regret = {}};
  for (int round = 0; round < rounds; ++round) {
    const int n = asked.most();
    asked.learn(n, world.accepted(n));
    ++played.plays[static_cast<size_t>(std::find(lengths.begin(), lengths.end(), n) - lengths.begin())];
    played.regret.push_back(lost += (best - rate(alpha, n, price)) * price.of(n));
  }
  return played;
}

TEST(Bandit, FindsTheBestArm) {
  for (const std::string rule : {"rule=ucb1", "rule=exp3,share=0.05"}) {
    EXPECT_GT(play_bandit(rule, 0.2, 6000).plays[0], 4000) << rule;
    EXPECT_GT(play_bandit(rule, 0.75, 6000).plays[1], 3600) << rule;
    EXPECT_GT(play_bandit(rule, 0.97, 6000).plays[2], 4000) << rule;
  }
}

TEST(Bandit, TheRegretOfUcb1GrowsSlowerThanTheRounds) {
  const Played played = play_bandit("rule=ucb1", 0.5, 128000);
  EXPECT_GT(played.regret[7999], 10);
  EXPECT_LT(played.regret[127999], 4 * played.regret[7999]) << "sixteen times the rounds";
}

TEST(Bandit, PlaysEachArmOnceAndNotesWhatItChose) {
  Asked asked("bandit(arms=[\"fixed(1)\",\"fixed(4)\"],c=0.1,v=0,exploration=0)");
  EXPECT_EQ(asked.most(), 1);
  EXPECT_EQ(asked.note("stop_arm"), 0);
  EXPECT_EQ(asked.note("stop_regret"), 0);
  asked.learn(1, 1);  // 2 tokens for 1.1
  EXPECT_EQ(asked.most(), 4);
  EXPECT_EQ(asked.note("stop_arm"), 1);
  asked.learn(4, 1);  // 2 tokens for 1.4
  EXPECT_EQ(asked.most(), 1);
  EXPECT_EQ(asked.note("stop_regret"), 0) << "the better arm";
  asked.learn(1, 0);  // 3 tokens for 2.2 by now
  EXPECT_EQ(asked.most(), 4);
  EXPECT_NEAR(asked.note("stop_regret"), 0, 1e-12) << "the better arm by now: 1.43 against 1.36";
  asked.learn(4, 0);  // 3 tokens for 2.8
  EXPECT_EQ(asked.most(), 1);
}

TEST(Bandit, OverRulesOnlyTheChosenOneLearns) {
  Asked asked("bandit(arms=[\"heuristic(start=2)\",\"heuristic(start=5)\"],exploration=0,c=0,v=0)");
  EXPECT_EQ(asked.most(), 2);
  asked.learn(2, 2);
  EXPECT_EQ(asked.most(), 5);
  asked.learn(5, 0);
  EXPECT_EQ(asked.most(), 4) << "3 tokens a round beat 1";
}

// ---- in chains ----

// A chain from a draft model under a stopper; faults may meddle with it.
class StoppedChain : public Drafter {
 public:
  StoppedChain(const LanguageModel& model, ChainStop stop, int length)
      : model_(model), stop_(std::move(stop)), length_(length) {}

  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> /*requests*/, const Pass& /*pass*/) override {
    cache_.emplace(model_, prefixes);
    stop_.begin(prefixes.size());
  }
  std::vector<DraftTree> draft(const Round& round) override {
    const size_t batch = round.prefixes.size();
    ChainDraft how{.forward = passes_of(*cache_),
                   .catch_up = std::vector<std::vector<Token>>(batch),
                   .depth = std::vector<int>(batch),
                   .draw = round.policy == Policy::kGreedy ? Draw::kPoint : Draw::kIid,
                   .q_next = round.q_next,
                   .stop = &stop_};
    for (size_t b = 0; b < batch; ++b) {
      if (round.done[b] != 0) continue;
      how.catch_up[b] = cache_->catch_up(static_cast<int>(b), round.prefixes[b]);
      how.depth[b] = round.depth_limit(b, length_);
    }
    return draft_chains(round, how);
  }
  std::vector<std::pair<std::string, double>> notes(size_t b) const override { return stop_.notes(b); }
  void observe(const Feedback& feedback) override { stop_.observe(feedback); }

 private:
  const LanguageModel& model_;
  ChainStop stop_;
  int length_;
  std::optional<DraftCache> cache_;
};

double error_of(const std::string& verifier, std::unique_ptr<Drafter> drafter, Bench& bench, int tokens) {
  bench.drafter = std::move(drafter);
  const Session session = bench.session(tokens);
  EXPECT_TRUE(verifier == "rejection" || verifier == "block");
  return law_error(session, kRepeating, tokens, [&](const Prefix& text) { return bench.target_law(text); });
}

class StopperLaws : public ::testing::TestWithParam<std::string> {};

TEST_P(StopperLaws, TextsFollowTheTargetsLaw) {
  for (const std::string verifier : {"rejection", "block"}) {
    Bench bench({"none", verifier}, "temperature(0.8)", {.vocab = 2});
    auto drafter = std::make_unique<StoppedChain>(bench.draft, ChainStop(stopper(GetParam()), 3), 3);
    EXPECT_LT(error_of(verifier, std::move(drafter), bench, 4), 5e-6) << verifier;
  }
}

INSTANTIATE_TEST_SUITE_P(Registered, StopperLaws,
                         ::testing::Values("fixed(2)", "heuristic(start=1)", "confidence(threshold=0.7)",
                                           "confidence(threshold=0.7,keep=false)", "entropy(rule=svip,h=0.75)",
                                           "entropy(lambda=0.7)", "entropy(rule=svip,h=0.75,keep=true)",
                                           "cost_aware(memory=1,c=0.2,v=0.1)",
                                           "cost_aware(by=confidence,memory=1,c=0.2,v=0.3,least=0)",
                                           "bandit(arms=[\"fixed(1)\",\"heuristic(start=2)\"])",
                                           "bandit(arms=[\"fixed(1)\",\"confidence(threshold=0.7)\"],rule=exp3)"),
                         [](const auto& p) {
                           std::string name = cat(p.index, "_", p.param.substr(0, p.param.find('(')));
                           return name;
                         });

TEST(Stoppers, AllOfThemAreInTheLawTests) {
  const std::vector<std::string> tested = {"fixed", "heuristic", "confidence", "entropy", "cost_aware", "bandit"};
  EXPECT_EQ(all_stoppers().order, tested) << "add a new one to StopperLaws";
}

// Ends a chain at a token: what a criterion on the drawn token's own probability comes to.
class EndsAt final : public Stopper {
 public:
  explicit EndsAt(Token token) : token_(token) {}
  bool reads_q() const override { return true; }
  bool after(const StopRow& /*row*/, Token drawn) override { return drawn == token_; }

 private:
  Token token_;
};

// The fault: the token that ended the chain is taken away again.
class Dropping final : public StoppedChain {
 public:
  using StoppedChain::StoppedChain;
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees = StoppedChain::draft(round);
    for (DraftTree& tree : trees) {
      if (tree.size() < 2 || tree.token.back() != 1) continue;
      for (auto* of_row : {&tree.parent, &tree.q_row, &tree.q_next}) of_row->pop_back();
      tree.token.pop_back();
      tree.draw.pop_back();
    }
    return trees;
  }
};

// The fault: it computes the draw that is about to be made and does not make it if it would be token 1.
class Peeking final : public Stopper {
 public:
  explicit Peeking(const Keyring*& keys) : keys_(keys) {}
  int most(const StopRound& round) override {
    request_ = round.request;
    start_ = round.start;
    return round.most;
  }
  bool reads_q() const override { return true; }
  bool before(const StopRow& row) override {
    const double u = keys_->uniform(Use::kDraft, request_, start_, static_cast<uint32_t>(row.depth + 1));
    return pick(row.q.data(), static_cast<int64_t>(row.q.size()), u) == 1;
  }

 private:
  const Keyring*& keys_;
  int64_t request_ = 0, start_ = 0;
};

class PeekingChain final : public Drafter {
 public:
  explicit PeekingChain(const LanguageModel& model)
      : chain_(model, ChainStop(std::make_unique<Peeking>(keys_), 3), 3) {}
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& pass) override {
    chain_.begin(prefixes, requests, pass);
  }
  std::vector<DraftTree> draft(const Round& round) override {
    keys_ = &round.keys;
    return chain_.draft(round);
  }

 private:
  const Keyring* keys_ = nullptr;
  StoppedChain chain_;
};

TEST(StopperFaults, DroppingTheTokenThatEndedTheChainIsRefuted) {
  for (const std::string verifier : {"rejection", "block"}) {
    Bench bench({"none", verifier}, "temperature(0.8)", {.vocab = 2});
    auto sound = std::make_unique<StoppedChain>(bench.draft, ChainStop(std::make_unique<EndsAt>(1), 3), 3);
    EXPECT_LT(error_of(verifier, std::move(sound), bench, 3), 5e-6) << verifier;
    auto faulty = std::make_unique<Dropping>(bench.draft, ChainStop(std::make_unique<EndsAt>(1), 3), 3);
    EXPECT_GT(error_of(verifier, std::move(faulty), bench, 3), 0.01) << verifier;
  }
}

TEST(StopperFaults, LookingAtTheTokenBeforeItIsDrawnIsRefuted) {
  for (const std::string verifier : {"rejection", "block"}) {
    Bench bench({"none", verifier}, "temperature(0.8)", {.vocab = 2});
    EXPECT_GT(error_of(verifier, std::make_unique<PeekingChain>(bench.draft), bench, 3), 0.01) << verifier;
  }
}

TEST(ChainStops, SaveThePassesOfTokensThatAreNotDrafted) {
  const Bench bench({"none", "rejection"}, "temperature(0.8)");
  for (const auto& [text, passes, drafted] : {std::tuple{"fixed(2)", 2, 2},
                                              {"confidence(threshold=1)", 1, 1},
                                              {"confidence(threshold=1,keep=false)", 1, 0},
                                              {"cost_aware(c=9,least=0)", 0, 0}}) {
    const CountingModel model(bench.draft);
    StoppedChain chain(model, ChainStop(stopper(text), 6), 6);
    Session s = bench.session(20);
    Counts counts(1);
    const Session one{.target = s.target,
                      .drafter = chain,
                      .verifier = s.verifier,
                      .policy = s.policy,
                      .sampler = s.sampler,
                      .keys = Keyring(4),
                      .max_new_tokens = 20,
                      .log = &counts,
                      .interrupt = &counts.over,
                      .check_trees = true};
    decode(one, {kPrompts[0]}, std::vector<int64_t>{1});
    EXPECT_EQ(model.passes, passes) << text;
    EXPECT_EQ(counts.drafted, drafted) << text;
  }
}

// At temperature 0 rows are one-hot: the stopper is shown the plain softmax instead, and chains still end.
TEST(ChainStops, AtTemperatureZeroTheModelsOwnDoubtDecides) {
  for (const char* verifier : {"greedy_match", "rejection"}) {
    Bench bench({"none", verifier}, "temperature(0)");
    const auto drafted = [&](const std::string& text) {
      StoppedChain chain(bench.draft, ChainStop(stopper(text), 8), 8);
      Counts counts;
      const Session s = bench.session(40);
      const Session session{.target = s.target,
                            .drafter = chain,
                            .verifier = s.verifier,
                            .policy = s.policy,
                            .sampler = s.sampler,
                            .keys = Keyring(4),
                            .max_new_tokens = 40,
                            .log = &counts};
      decode(session, kPrompts, kRequests);
      return counts.drafted;
    };
    EXPECT_LT(drafted("confidence(threshold=0.45)"), drafted("confidence(threshold=0)")) << verifier;
    EXPECT_GT(drafted("confidence(threshold=0.45)"), drafted("confidence(threshold=1)")) << verifier;
  }
}

// Hears what it is taught.
class Pupil final : public Stopper {
 public:
  explicit Pupil(std::vector<StopOutcome>& heard) : heard_(heard) {}
  void learn(int /*b*/, const StopOutcome& outcome) override { heard_.push_back(outcome); }

 private:
  std::vector<StopOutcome>& heard_;
};

// Drafts with a chain, and shows the verifier something else.
class Swapping final : public Drafter {
 public:
  Swapping(Drafter& inner, bool swaps) : inner_(inner), swaps_(swaps) {}
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& pass) override {
    inner_.begin(prefixes, requests, pass);
  }
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees = inner_.draft(round);
    if (swaps_) trees[0] = DraftTree::chain_of_points(round.prefixes[0].back(), {trees[0].token[1]});
    return trees;
  }
  void observe(const Feedback& feedback) override { inner_.observe(feedback); }

 private:
  Drafter& inner_;
  bool swaps_;
};

TEST(ChainStops, LearnOnlyFromTheirOwnChains) {
  for (const bool swaps : {false, true}) {
    const Bench bench({"none", "rejection"}, "temperature(0.8)");
    std::vector<StopOutcome> heard;
    StoppedChain chain(bench.draft, ChainStop(std::make_unique<Pupil>(heard), 3), 3);
    Swapping drafter(chain, swaps);
    Counts counts(1);
    const Session s = bench.session(20);
    const Session session{.target = s.target,
                          .drafter = drafter,
                          .verifier = s.verifier,
                          .policy = s.policy,
                          .sampler = s.sampler,
                          .keys = Keyring(4),
                          .max_new_tokens = 20,
                          .log = &counts,
                          .interrupt = &counts.over};
    decode(session, {kPrompts[0]}, std::vector<int64_t>{1});
    ASSERT_EQ(heard.size(), swaps ? 0U : 1U);
    if (swaps) continue;
    EXPECT_EQ(heard[0].drafted, 3);
    EXPECT_EQ(heard[0].passes, 3);
    EXPECT_EQ(heard[0].accepted, counts.accepted);
  }
}

// ---- options ----

std::string error_in(const std::string& text, int length) {
  try {
    stopper_facts(call(text), "draft_model stop", length);
    return "";
  } catch (const ConfigError& e) {
    return e.what();
  }
}

TEST(Stoppers, WrongCallsAreRefusedByName) {
  EXPECT_EQ(error_in("fixed(6)", 4),
            "test: draft_model stop: fixed(6) wants 6 tokens, but the drafter's length is 4; set length = 6");
  EXPECT_NE(error_in("bandit(arms=[\"fixed(2)\",\"fixed(9)\"])", 8).find("length = 9"), std::string::npos);
  EXPECT_NE(error_in("bandit(arms=[\"fixed(2)\"])", 8).find("at least 2"), std::string::npos);
  EXPECT_NE(error_in("confidance", 8).find("did you mean"), std::string::npos) << error_in("confidance", 8);
  EXPECT_NE(error_in("confidence(threshold=1.5)", 8).find("0..1"), std::string::npos);
  EXPECT_NE(error_in("confidence(fitted=true,keep=false)", 8).find("keep = true"), std::string::npos);
  EXPECT_EQ(error_in("bandit(arms=[\"fixed(2)\",\"fixed(8)\"])", 8), "");
}

// The composition is refused before anything is loaded, and a drafter is what its stopper is.
TEST(Stoppers, AreAnOptionOfDraftModel) {
  const auto composed = [](const std::string& drafter) {
    return Pair{drafter, "rejection"}.composed("temperature(1)");
  };
  EXPECT_EQ(composed("draft_model(stop=heuristic)").drafter.scope, Scope::kRequest);
  EXPECT_EQ(composed("draft_model(stop=\"bandit(scope=run)\")").drafter.scope, Scope::kRun);
  const auto problems = [&](const std::string& drafter) { return join(composed(drafter).problems); };
  EXPECT_NE(problems("draft_model(length=3,stop=\"fixed(4)\")").find("set length = 4"), std::string::npos);
  EXPECT_NE(problems("draft_model(tree=best_first,stop=confidence)").find("ends chains"), std::string::npos);
  const Value resolved =
      all_registries().drafters.at("draft_model", "test").resolve(call_of("draft_model(stop=confidence)"));
  EXPECT_EQ(to_text(*resolved.find("stop")->find("threshold")), "0.4");
}

TEST(Stoppers, OfDraftModelFollowTheTargetsLaw) {
  for (const char* stop : {"confidence(threshold=0.7)", "heuristic(start=1)"}) {
    const Bench bench({cat("draft_model(length=2,stop=\"", stop, "\")"), "block"}, "temperature(0.8)", {.vocab = 2});
    EXPECT_LT(law_error(bench.session(4), kRepeating, 4, [&](const Prefix& text) { return bench.target_law(text); }),
              5e-6)
        << stop;
  }
}

TEST(Stoppers, OptionsOfArmsAreResolved) {
  const Value resolved =
      all_stoppers().at("bandit", "test").resolve(call_of("bandit(arms=[\"confidence\",\"fixed(2)\"])"));
  const Value& arms = *resolved.find("arms");
  EXPECT_EQ(to_text(*arms.array().at(0).find("threshold")), "0.4");
  EXPECT_EQ(to_text(*arms.array().at(1).find("length")), "2");
}

}  // namespace
}  // namespace specula::testing
