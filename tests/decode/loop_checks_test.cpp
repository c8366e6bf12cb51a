// What the loop refuses - trees that break a rule, keys drawn twice, prompts that cannot be decoded - and what the
// tests of whole compositions can find: drafters that lie are planted there too.  That every plug-in is documented.
#include <gtest/gtest.h>

#include <ATen/ops/empty.h>

#include <algorithm>

#include "framework/certify/decode_law.h"
#include "tests/decode/composition.h"

namespace specula::testing {
namespace {

constexpr double kExact = 5e-6;  // float32 rows, 2^-31 of each bisection

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
    const RowContext context = round.context(0, trees[0], rows);
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
  Bench bench({"none", "rejection"}, "temperature(0.5)", {.vocab = 3});
  bench.drafter = std::make_unique<LyingDrafter>(bench.draft, lie);
  return law_error(bench.session(2), kRepeating, 1, [&](const Prefix& text) { return bench.target_law(text); });
}

TEST(DrafterFaults, AnHonestLawPassesAndALieIsRefuted) {
  EXPECT_LT(error_of_lie(Lie::kNone), kExact);
  EXPECT_GT(error_of_lie(Lie::kBeforeThePolicy), 5e-3);
  EXPECT_GT(error_of_lie(Lie::kDropsUnlikely), 5e-3);
}

TEST(DrafterFaults, AKeyDrawnTwiceIsCaught) {
  Bench bench({"none", "rejection"}, "temperature(1)");
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
    Bench bench({"none", "rejection"}, "temperature(1)");
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
  const Bench bench({"none", "greedy_match"}, "temperature(0)");
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
      EXPECT_TRUE(option.type == "model" || option.type == "string" || option.type == "strings" ||
                  !option.range.empty())
          << name << "." << option.name;
    }
  }
}

TEST(Registered, EveryPluginAndOptionIsDocumented) {
  expect_documented(all_registries().drafters);
  expect_documented(all_registries().verifiers);
  expect_documented(all_registries().samplers);
  EXPECT_GE(all_registries().drafters.order.size(), 5U);
}

}  // namespace
}  // namespace specula::testing
