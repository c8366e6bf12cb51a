// What every registered plug-in must keep, asserted of each without being named: adding a plug-in adds its tests.
#include <gtest/gtest.h>

#include <ATen/ops/empty.h>

#include <algorithm>
#include <set>

#include "drafters/register.h"
#include "framework/certify/enumerate.h"
#include "framework/certify/hash_model.h"
#include "framework/decode/compose.h"
#include "framework/decode/decode.h"
#include "samplers/register.h"
#include "verifiers/register.h"

namespace specula::testing {
namespace {

Registries all() {
  Registries registries;
  register_drafters(registries.drafters);
  register_verifiers(registries.verifiers);
  register_samplers(registries.samplers);
  return registries;
}

const Registries& registries() {
  static const Registries instance = all();
  return instance;
}

Params named(const std::string& call) { return {.place = "test", .values = parse_call(call, "test")}; }

// A target, a draft model near it, and one composition over them.
struct Bench {
  HashModel target, draft;
  Sampler sampler;
  std::unique_ptr<Drafter> drafter;
  std::unique_ptr<Verifier> verifier;
  Policy policy;

  Bench(const std::string& drafter_call, const std::string& verifier_name, const std::string& samplers,
        int64_t vocab = 7)
      : target({.seed = 5, .vocab = vocab}),
        draft({.seed = 6, .vocab = vocab, .near = &target, .nearness = 0.6}),
        sampler(make_sampler(registries(), parse_samplers(samplers, "test"))) {
    const Params d = named(drafter_call), v = named(verifier_name);
    const Parts parts{.model = [this](const std::string&) -> const LanguageModel& { return draft; }};
    policy = registries().verifiers.at(verifier_name, "test").facts(v, Policy::kSampled).policy;
    drafter = registries().drafters.at(plugin_name(d), "test").make(d, parts);
    verifier = registries().verifiers.at(verifier_name, "test").make(v, parts);
  }

  Session session(int64_t tokens, uint64_t seed = 17) const {
    Session s{.target = target,
              .drafter = *drafter,
              .verifier = *verifier,
              .policy = policy,
              .sampler = sampler,
              .keys = Keyring(seed),
              .max_new_tokens = tokens};
    s.check_trees = true;
    s.keys.audit();
    return s;
  }

  std::vector<Decoded> run(const std::vector<Prefix>& prompts, const std::vector<int64_t>& requests, int64_t tokens,
                           uint64_t seed = 17, std::vector<Token> stop = {}) const {
    Session s = session(tokens, seed);
    s.stop = std::move(stop);
    return decode(s, prompts, requests);
  }
};

const std::vector<Prefix> kPrompts = {{1, 2, 3, 1, 2}, {4}, {0, 0, 6, 5, 0, 0, 6, 5, 0}};
const std::vector<int64_t> kRequests = {101, 102, 103};

std::vector<std::string> drafter_names() { return registries().drafters.order; }

class EveryDrafter : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Registered, EveryDrafter, ::testing::ValuesIn(drafter_names()),
                         [](const auto& p) { return p.param; });

TEST_P(EveryDrafter, GreedyTextIsTheBaselines) {
  for (const char* policy : {"temperature(0)", "repetition_penalty(1.3),temperature(0)"}) {
    const auto baseline = Bench("none", "greedy_match", policy).run(kPrompts, kRequests, 40);
    for (const char* verifier : {"greedy_match", "rejection", "agreement"}) {
      const auto text = Bench(GetParam(), verifier, policy).run(kPrompts, kRequests, 40);
      for (size_t b = 0; b < 3; ++b)
        EXPECT_EQ(text[b].tokens, baseline[b].tokens) << verifier << " " << policy << " sequence " << b;
    }
  }
}

TEST_P(EveryDrafter, AgreementGivesTheBaselinesTextAtEveryTemperature) {
  for (const char* policy :
       {"temperature(1)", "temperature(0.7),top_p(0.8)", "repetition_penalty(1.5),temperature(1.4),top_k(4)"}) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const auto baseline = Bench("none", "rejection", policy).run(kPrompts, kRequests, 40, seed);
      const auto text = Bench(GetParam(), "agreement", policy).run(kPrompts, kRequests, 40, seed);
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << policy << " seed " << seed;
    }
  }
}

TEST_P(EveryDrafter, SameRequestSameTextAloneInABatchAndAgain) {
  for (const char* verifier : {"rejection", "agreement"}) {
    const Bench bench(GetParam(), verifier, "temperature(0.9)");
    const auto together = bench.run(kPrompts, kRequests, 30);
    const auto again = bench.run(kPrompts, kRequests, 30);
    for (size_t b = 0; b < 3; ++b) {
      EXPECT_EQ(bench.run({kPrompts[b]}, {kRequests[b]}, 30)[0].tokens, together[b].tokens) << verifier;
      EXPECT_EQ(again[b].tokens, together[b].tokens) << verifier;
    }
    EXPECT_NE(bench.run(kPrompts, kRequests, 30, 18)[0].tokens, together[0].tokens) << "another seed, another text";
  }
}

TEST_P(EveryDrafter, StopsAtTheFirstStopTokenAndAtTheLimit) {
  const auto whole = Bench("none", "greedy_match", "temperature(0)").run({kPrompts[0]}, {101}, 40)[0].tokens;
  const Bench bench(GetParam(), "greedy_match", "temperature(0)");
  for (const int64_t limit : {0, 1, 2, 3, 5}) {
    const auto text = bench.run({kPrompts[0]}, {101}, limit)[0];
    EXPECT_EQ(text.tokens, Prefix(whole.begin(), whole.begin() + 5 + limit));
    EXPECT_EQ(text.stop, Stop::kLimit);
  }
  const std::set<Token> seen(whole.begin() + 5, whole.end());
  for (const Token stop : seen) {
    const auto first = std::find(whole.begin() + 5, whole.end(), stop);
    const auto text = bench.run({kPrompts[0]}, {101}, 40, 17, {stop})[0];
    EXPECT_EQ(text.tokens, Prefix(whole.begin(), first + 1)) << "stop token " << stop;
    EXPECT_EQ(text.stop, Stop::kStopToken);
  }
}

// Every option at both ends of its range still gives the baseline's text.
TEST_P(EveryDrafter, OptionsAtBothEndsOfTheirRanges) {
  const auto baseline = Bench("none", "rejection", "temperature(1)").run(kPrompts, kRequests, 20);
  for (const Option& option : registries().drafters.at(GetParam(), "test").options) {
    const size_t dots = option.range.find("..");
    if (dots == std::string::npos) continue;
    for (const std::string& value : {option.range.substr(0, dots), option.range.substr(dots + 2)}) {
      const std::string call = cat(GetParam(), "(", option.name, "=", value, ")");
      try {
        registries().drafters.at(GetParam(), "test").facts(named(call), Policy::kSampled);
      } catch (const ConfigError&) {
        continue;  // options that exclude each other
      }
      const auto text = Bench(call, "agreement", "temperature(1)").run(kPrompts, kRequests, 20);
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << call << ", sequence " << b;
    }
  }
}

// The target's own law after `history`, policy included, as the enumeration needs it.
std::vector<double> target_law(const Bench& bench, const Prefix& history) {
  const std::vector<float> logits = bench.target.logits(history);
  Tensor row = at::empty({1, bench.target.vocab()});
  std::copy(logits.begin(), logits.end(), row.mutable_data_ptr<float>());
  const int rows[] = {0};
  const Keyring keys(0);
  const Tensor p = bench.sampler.distribution(
      row, {.prefix = history, .tree = DraftTree::root_only(history.back()), .rows = rows, .keys = keys, .request = 0});
  return {p.const_data_ptr<float>(), p.const_data_ptr<float>() + p.numel()};
}

// Hears a run: every drafted token and every path, and stops it after so many rounds.
struct Listener final : RoundLog {
  explicit Listener(int rounds) : left(rounds) {}
  int left, drafted = 0;
  std::atomic<bool> over{false};
  std::string trace;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    drafted += record.drafted;
    for (const Token t : record.tree.token) trace += cat(" t", t);
    for (const int row : record.verdict.path) trace += cat("/", row);
    if (--left == 0) over = true;
  }
};

// A text that repeats itself, so that drafters which copy have something to copy.
const Prefix kRepeating = {0, 1, 0, 1};

// Total variation between the law of `tokens` tokens, decoded for `rounds` rounds and then continued by the target
// itself, and the target's law; every draw of drafter and verifier is enumerated.
double law_error(const Bench& bench, int tokens, int rounds) {
  const Prefix& prompt = kRepeating;
  const Law blocks = enumerate([&](const Keyring& keys) {
    Listener listener(rounds);
    Session s = bench.session(tokens);
    s.keys = keys;
    s.log = &listener;
    s.interrupt = &listener.over;
    const Prefix text = decode(s, {prompt}, std::vector<int64_t>{7})[0].tokens;
    return Shown{{text.begin() + static_cast<int64_t>(prompt.size()), text.end()}, listener.trace};
  });
  const auto next = [&](const std::vector<Token>& string) {
    Prefix history = prompt;
    history.insert(history.end(), string.begin(), string.end());
    return target_law(bench, history);
  };
  return total_variation(extend(blocks, tokens, next), own_law(tokens, next));
}

std::string with_length(const std::string& drafter, int length) {
  for (const Option& option : registries().drafters.at(drafter, "test").options) {
    if (option.name == "length") return cat(drafter, "(length=", length, ")");
  }
  return drafter;
}

constexpr double kExact = 5e-6;  // float32 rows, 2^-31 of each bisection

// What the tests of laws rest on: a drafter that never drafts would pass them all.
TEST_P(EveryDrafter, DraftsSomethingUnlessItSaysThatItDraftsNothing) {
  const Bench bench(GetParam(), "rejection", "temperature(0.8)", 3);
  Listener listener(1);
  Session s = bench.session(8);
  s.log = &listener;
  s.interrupt = &listener.over;
  decode(s, {kRepeating}, std::vector<int64_t>{7});
  const bool may_draft =
      !registries().drafters.at(GetParam(), "test").facts(named(GetParam()), Policy::kSampled).laws.empty();
  EXPECT_EQ(listener.drafted > 0, may_draft) << "its first round after the text 0 1 0 1";
}

TEST_P(EveryDrafter, OneRoundUnderRejectionFollowsTheTargetExactly) {
  for (const char* policy : {"temperature(0.8)", "repetition_penalty(1.5),temperature(1.2),top_k(2)"}) {
    EXPECT_LT(law_error(Bench(with_length(GetParam(), 2), "rejection", policy, 3), 3, 1), kExact) << policy;
  }
}

TEST_P(EveryDrafter, WholeTextsUnderRejectionFollowTheTargetExactly) {
  EXPECT_LT(law_error(Bench(with_length(GetParam(), 1), "rejection", "temperature(0.8)", 2), 3, 3), kExact);
}

// ---- planted faults of drafters: the same enumeration must refute each ----

// Drafts one token from the target's own p at temperature 1, whatever the policy says, and declares what `lie` says.
enum class Lie { kNone, kBeforeThePolicy, kDropsUnlikely };
class LyingDrafter final : public Drafter {
 public:
  LyingDrafter(const HashModel& model, Lie lie) : model_(model), lie_(lie) {}
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees{DraftTree::root_only(round.prefixes[0].back())};
    if (round.done[0] != 0) return {DraftTree{}};
    if (round.depth_limit(0, 1) == 0) return trees;
    const std::vector<float> logits = model_.logits(round.prefixes[0]);
    Tensor row = at::empty({1, model_.vocab()});
    std::copy(logits.begin(), logits.end(), row.mutable_data_ptr<float>());
    const int rows[] = {0};
    const RowContext context{
        .prefix = round.prefixes[0], .tree = trees[0], .rows = rows, .keys = round.keys, .request = round.requests[0]};
    const Tensor q = round.sampler.distribution(row, context);
    const Token d = pick(q.const_data_ptr<float>(), q.size(1),
                         round.keys.uniform(Use::kDraft, round.requests[0], round.starts[0], 1));
    if (lie_ == Lie::kDropsUnlikely && q.const_data_ptr<float>()[d] < 0.4F) return trees;
    trees[0].add(d, 0, Draw::kIid, 0);
    trees[0].q = lie_ == Lie::kBeforeThePolicy ? Sampler{}.distribution(row, context) : q;
    return trees;
  }

 private:
  const HashModel& model_;
  Lie lie_;
};

double error_of_lie(Lie lie) {
  Bench bench("none", "rejection", "temperature(0.5)", 3);
  bench.drafter = std::make_unique<LyingDrafter>(bench.draft, lie);
  return law_error(bench, 2, 1);
}

TEST(DrafterFaults, AnHonestLawPassesAndALieIsRefuted) {
  EXPECT_LT(error_of_lie(Lie::kNone), kExact);
  EXPECT_GT(error_of_lie(Lie::kBeforeThePolicy), 5e-3);
  EXPECT_GT(error_of_lie(Lie::kDropsUnlikely), 5e-3);
}

TEST(DrafterFaults, AKeyDrawnTwiceIsCaught) {
  Bench bench("none", "rejection", "temperature(1)");
  struct Twice final : Drafter {
    std::vector<DraftTree> draft(const Round& round) override {
      for (int i = 0; i < 2; ++i) (void)round.keys.uniform(Use::kDraft, round.requests[0], round.starts[0], 1);
      return {DraftTree::root_only(round.prefixes[0].back())};
    }
  };
  bench.drafter = std::make_unique<Twice>();
  EXPECT_THROW(bench.run({{1}}, {1}, 2), std::logic_error);
}

// ---- trees that break a rule are refused by the loop ----

TEST(LoopChecks, BadTreesAreRefused) {
  struct Fixed final : Drafter {
    std::function<DraftTree(Token)> make;
    std::vector<DraftTree> draft(const Round& round) override { return {make(round.prefixes[0].back())}; }
  };
  const auto refused = [](const std::function<DraftTree(Token)>& make) {
    Bench bench("none", "rejection", "temperature(1)");
    auto fixed = std::make_unique<Fixed>();
    fixed->make = make;
    bench.drafter = std::move(fixed);
    EXPECT_THROW(bench.run({{1, 2}}, {1}, 4), std::logic_error);
  };
  refused([](Token) { return DraftTree::root_only(3); });                                 // another root
  refused([](Token) { return DraftTree{}; });                                             // empty, though not done
  refused([](Token last) { return DraftTree::chain_of_points(last, {99}); });             // no such token
  refused([](Token last) { return DraftTree::chain_of_points(last, {1, 1, 1, 1, 1}); });  // deeper than what remains
  refused([](Token last) {                                                                // siblings that repeat
    DraftTree tree = DraftTree::chain_of_points(last, {1});
    tree.add(1, 0, Draw::kPoint);
    return tree;
  });
  refused([](Token last) {  // drawn, but without a law
    DraftTree tree = DraftTree::root_only(last);
    tree.add(1, 0, Draw::kIid);
    return tree;
  });
}

TEST(LoopChecks, PromptsThatCannotBeDecodedAreErrors) {
  const Bench bench("none", "greedy_match", "temperature(0)");
  EXPECT_THROW(bench.run({{}}, {1}, 4), Error);
  EXPECT_THROW(bench.run({{7}}, {1}, 4), Error);
  EXPECT_THROW(bench.run({Prefix(4090, 1)}, {1}, 7), Error);
}

// ---- the registry ----

template <class T>
void expect_documented(const Registry<T>& registry) {
  for (const auto& [name, entry] : registry.entries) {
    EXPECT_FALSE(entry.summary.empty()) << name;
    for (const Option& option : entry.options) {
      EXPECT_FALSE(option.help.empty()) << name << "." << option.name;
      EXPECT_TRUE(option.type == "model" || option.type == "string" || !option.range.empty())
          << name << "." << option.name;
    }
  }
}

TEST(Registered, EveryPluginAndOptionIsDocumented) {
  expect_documented(registries().drafters);
  expect_documented(registries().verifiers);
  expect_documented(registries().samplers);
  EXPECT_GE(registries().drafters.order.size(), 5U);
}

}  // namespace
}  // namespace specula::testing
