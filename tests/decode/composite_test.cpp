// Drafters made of drafters, and the instruments: what each promises beyond conformance, and the lies that it must not
// tell, planted in decode() itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drafters/nested.h"
#include "drafters/register.h"
#include "framework/certify/decode_law.h"
#include "framework/decode/rows.h"
#include "tests/decode/composition.h"
#include "tests/decode/counting_model.h"
#include "tests/decode/toy_trace.h"

namespace specula::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kExact = 5e-6;    // float32 rows, 2^-31 of each bisection
constexpr double kRefuted = 1e-3;  // what a lie must exceed
const std::string kWarm = "temperature(0.8)";

// A bench whose drafter may have two models: "draft", and "tiny", which is near it.
struct Scene : Bench {
  HashModel tiny;
  explicit Scene(const Pair& pair, int64_t vocab = 3, const std::string& samplers = kWarm, bool tiny_is_draft = false)
      : Bench({"none", pair.verifier}, samplers, {.vocab = vocab}),
        tiny({.seed = 9, .vocab = vocab, .near = &draft, .nearness = tiny_is_draft ? 1.0 : 0.6}) {
    drafter = made(pair.drafter);
  }
  std::unique_ptr<Drafter> made(const std::string& call) const {
    const Parts parts{
        .model = [this](const std::string& name) -> const LanguageModel& { return name == "tiny" ? tiny : draft; },
        .vocab = target.vocab()};
    return all_drafters().at(plugin_name(call_of(call)), "test").make(call_of(call), parts);
  }
  double error(int tokens, int rounds) const {
    return law_error(session(tokens), kRepeating, rounds, [&](const Prefix& text) { return target_law(text); });
  }
  // The draft of one round after the text.
  DraftTree tree(const Prefix& text, int64_t tokens = 12, int64_t request = 7) const {
    return play_round(session(tokens), text, request).tree;
  }
};

Facts facts_of(const std::string& call, Policy policy = Policy::kSampled) {
  return all_drafters().at(plugin_name(call_of(call)), "test").facts(call_of(call), policy);
}

std::string refusal(const std::string& call) {
  try {
    facts_of(call);
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

// What each round noted, by name, of sequence 0.
struct Notes final : RoundLog {
  std::map<std::string, std::vector<double>> of;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    if (record.sequence != 0) return;
    for (const auto& [name, value] : record.notes) of[name].push_back(value);
  }
};

Notes notes_of(const Scene& scene, int64_t tokens, const Prefix& prompt = kRepeating) {
  Notes notes;
  Session s = scene.session(tokens);
  s.log = &notes;
  decode(s, {prompt}, std::vector<int64_t>{7});
  return notes;
}

// A drafter made of a function of the round, for one sequence.
class DrafterOf final : public Drafter {
 public:
  using Draft = std::function<DraftTree(const Round& round, size_t b)>;
  explicit DrafterOf(Draft draft) : draft_(std::move(draft)) {}
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees(round.prefixes.size());
    for (size_t b = 0; b < trees.size(); ++b) {
      if (round.done[b] == 0) trees[b] = draft_(round, b);
    }
    return trees;
  }

 private:
  Draft draft_;
};

// q [1,V] of a model after the text.
Tensor law_after(const HashModel& model, const Round& round, size_t b) {
  const auto cache = model.new_cache(1, 64);
  const std::vector<Prefix> text{round.prefixes[b]};
  prefill(model, *cache, text, {.logits = Logits::kNone});
  const Pass pass =
      model.forward(make_rows({RowList::chain({&round.prefixes[b].back(), 1})}), *cache, {.logits = Logits::kLast});
  const DraftTree tree = DraftTree::root_only(round.prefixes[b].back());
  const int rows[] = {0};
  return round.sampler.distribution(pass.logits.select(0, 0), round.context(b, tree, rows));
}

Token drawn(const Tensor& q, const Round& round, size_t b, uint32_t index) {
  return pick(q.const_data_ptr<float>(), q.size(1),
              round.keys.uniform(Use::kDraft, round.requests[b], round.starts[b], index));
}

DraftTree one_drawn(Token root, Token token, const Tensor& q) {
  DraftTree tree = DraftTree::root_only(root);
  tree.add(token, 0, Draw::kIid, 0);
  tree.q = q;
  return tree;
}

// ---- fallback ----

TEST(Fallback, TheFirstThatDraftsIsTakenForEachSequenceByItself) {
  const Scene scene({"fallback(drafters=[prompt_lookup(min_ngram=2,length=2), echo(length=3)])", "rejection"}, 7);
  EXPECT_EQ(scene.tree({1, 2, 5, 1, 2}).token, (std::vector<Token>{2, 5, 1})) << "lookup finds 1 2";
  EXPECT_EQ(scene.tree({1, 2, 5, 2, 1}).token, (std::vector<Token>{1, 1, 1, 1})) << "lookup finds nothing";
  EXPECT_EQ(scene.tree({1, 2, 5, 1, 2}, 1).size(), 1) << "nothing may be drafted";
  EXPECT_EQ(notes_of(scene, 1, {1, 2, 5, 1, 2}).of.at("fallback_asked"), std::vector<double>{1});
}

TEST(Fallback, WhatDrawsMustStandLast) {
  EXPECT_THAT(refusal("fallback(drafters=[draft_model, prompt_lookup])"),
              HasSubstr("'draft_model' draws its tokens from a q, so it must stand last"));
  EXPECT_EQ(refusal("fallback(drafters=[prompt_lookup, draft_model])"), "");
  EXPECT_THAT(refusal("fallback(drafters=[])"), HasSubstr("fallback drafters is empty"));
  EXPECT_THAT(refusal("fallback(drafters=[prompt_lookup, dratf_model])"), HasSubstr("did you mean 'draft_model'"));
  EXPECT_THAT(facts_of("fallback").laws, ElementsAre(Draw::kPoint, Draw::kIid));
  EXPECT_THAT(facts_of("fallback", Policy::kGreedy).laws, ElementsAre(Draw::kPoint));
  EXPECT_THAT(facts_of("fallback").models, ElementsAre("draft"));
}

// The planted fault: a draft is empty where it drew a certain token, and another one is asked then.
TEST(Fallback, EmptinessByADrawnTokenIsRefuted) {
  const auto error = [](Draw declared) {
    Scene scene({"none", "rejection"});
    scene.drafter = std::make_unique<DrafterOf>([&scene, declared](const Round& round, size_t b) {
      const Token root = round.prefixes[b].back();
      if (round.depth_limit(b, 1) == 0) return DraftTree::root_only(root);
      const Tensor q = law_after(scene.draft, round, b), other = law_after(scene.tiny, round, b);
      const Token first = drawn(q, round, b, 1);
      DraftTree tree = first != 2 ? one_drawn(root, first, q) : one_drawn(root, drawn(other, round, b, 2), other);
      round.keys.tell(first);
      if (declared == Draw::kPoint) {
        tree.draw[1] = Draw::kPoint;
        tree.q_row[1] = -1;
      }
      return tree;
    });
    return scene.error(2, 2);
  };
  EXPECT_GT(error(Draw::kIid), kRefuted);
  EXPECT_LT(error(Draw::kPoint), kExact);
}

// ---- switch ----

TEST(Switch, TriesEachOnceAndThenTakesTheBest) {
  // The target repeats nothing, so echo gains 1 a round; the draft model gains more.
  const auto chosen = [](const std::string& options) {
    const Scene scene({cat("switch(drafters=[\"echo\", draft_model(length=4)], ", options, ")"), "rejection"}, 7);
    return notes_of(scene, 40).of.at("switch_chosen");
  };
  const std::vector<double> best = chosen("policy=best");
  EXPECT_THAT(std::vector<double>(best.begin(), best.begin() + 2), ElementsAre(0, 1));
  EXPECT_GT(std::count(best.begin() + 2, best.end(), 1), std::count(best.begin() + 2, best.end(), 0));
  const std::vector<double> dear = chosen("policy=best, costs=[0, 1000.0]");
  EXPECT_EQ(std::count(dear.begin() + 2, dear.end(), 1), 0) << "what costs a thousand passes is not worth it";
  const std::vector<double> any = chosen("policy=epsilon, epsilon=1");
  EXPECT_GT(std::count(any.begin() + 2, any.end(), 0), 0);
  EXPECT_GT(std::count(any.begin() + 2, any.end(), 1), 0);
}

TEST(Switch, RegretIsWhatTheBestSoFarWouldHaveGained) {
  const Scene scene({"switch(drafters=[none, none], costs=[0, 1], policy=best)", "rejection"}, 7);
  // Rounds emit one token: gains of 1 and 1/2.
  EXPECT_THAT(notes_of(scene, 4).of.at("switch_regret"), ElementsAre(0, 0, 0.5, 0.5));
  EXPECT_THAT(notes_of(scene, 4).of.at("switch_chosen"), ElementsAre(0, 1, 0, 0));
}

TEST(Switch, OnlyRunScopeRemembersAnotherRequest) {
  const auto first_choice = [](const std::string& scope) {
    const Scene scene(
        {cat("switch(drafters=[none, none], costs=[0, 1], policy=best, scope=", scope, ")"), "rejection"});
    notes_of(scene, 6);
    return notes_of(scene, 6).of.at("switch_chosen");
  };
  EXPECT_EQ(first_choice("request")[1], 1) << "tries the second";
  EXPECT_EQ(first_choice("run")[1], 0) << "knows both";
  EXPECT_EQ(facts_of("switch").scope, Scope::kRequest);
  EXPECT_EQ(facts_of("switch(scope=run)").scope, Scope::kRun);
  EXPECT_THAT(refusal("switch(costs=[0.5])"), HasSubstr("switch costs has 1 numbers for 2 drafters"));
  EXPECT_THAT(refusal("switch(costs=[0.5, \"x\"])"), HasSubstr("expected a number"));
  EXPECT_THAT(refusal("switch(costs=[0.5, -1])"), HasSubstr("out of range"));
}

TEST(Switch, ByPastRoundsIsExactAlsoWhereItGambles) {
  for (const char* policy : {"best", "ucb", "epsilon, epsilon=0.5"}) {
    const Scene scene(
        {cat("switch(drafters=[draft_model(length=1), draft_model(model=tiny,length=1)], policy=", policy, ")"),
         "rejection"},
        2);
    EXPECT_LT(scene.error(3, 3), kExact) << policy;
  }
}

// The planted fault: this round's drawn token decides whose draft it is.
TEST(Switch, ByTheTokensOfThisRoundIsRefuted) {
  const auto error = [](bool is_by_draw) {
    Scene scene({"none", "rejection"});
    scene.drafter = std::make_unique<DrafterOf>([&scene, is_by_draw](const Round& round, size_t b) {
      const Token root = round.prefixes[b].back();
      if (round.depth_limit(b, 1) == 0) return DraftTree::root_only(root);
      const Tensor q = law_after(scene.draft, round, b), other = law_after(scene.tiny, round, b);
      const Token first = drawn(q, round, b, 1), second = drawn(other, round, b, 2);
      round.keys.tell(first);
      round.keys.tell(second);
      const float* mass = q.const_data_ptr<float>();
      const bool is_sure = is_by_draw ? mass[first] >= 0.4 : mass[0] >= 0.4;
      return is_sure ? one_drawn(root, first, q) : one_drawn(root, second, other);
    });
    return scene.error(2, 2);
  };
  EXPECT_GT(error(true), kRefuted);
  EXPECT_LT(error(false), kExact) << "q itself may decide";
}

// ---- cascade ----

TEST(CascadeDrafter, IsExactForBothRulesInsideAndOutside) {
  for (const char* inner : {"rejection", "block"}) {
    for (const char* outer : {"rejection", "block"}) {
      const std::string rest = cat("drafter=draft_model(model=tiny,length=2), verifier=", inner);
      EXPECT_LT(Scene({cat("cascade_drafter(length=2, ", rest, ")"), outer}).error(3, 1), kExact) << inner << outer;
      EXPECT_LT(Scene({cat("cascade_drafter(length=2, ", rest, ")"), outer}, 2).error(3, 2), kExact) << inner << outer;
    }
  }
}

TEST(CascadeDrafter, GivesQAfterEveryRow) {
  for (const char* rule : {"ensemble", "cascade"}) {
    const Scene scene({"cascade_drafter(length=2, drafter=draft_model(model=tiny,length=1))", rule}, 2);
    Session plain = scene.session(3);
    plain.keys = Keyring(17);
    EXPECT_LT(law_error(scene.session(3), kRepeating, 2,
                        [&](const Prefix& text) { return law_to_follow(plain, text, kRepeating.size()); }),
              kExact)
        << rule;
  }
}

// Keys that forget who draws: the inner loop gets the outer numbers.
class OneSeed final : public KeyTap {
 public:
  explicit OneSeed(Keyring keys) : keys_(std::move(keys)) {}
  double uniform(uint64_t /*seed*/, Use use, int64_t request, int64_t position, uint32_t index,
                 double /*value*/) override {
    return keys_.uniform(use, request, position, index);
  }
  void told(int64_t decided) override { keys_.tell(decided); }

 private:
  Keyring keys_;
};

TEST(CascadeDrafter, TheOuterKeysInTheInnerLoopAreRefuted) {
  Scene scene({"none", "rejection"});
  const auto inner = scene.made("cascade_drafter(length=2, drafter=draft_model(model=tiny,length=2))");
  class Faulty final : public Drafter {
   public:
    explicit Faulty(Drafter& drafter) : drafter_(drafter) {}
    void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override {
      drafter_.begin(prefixes, requests, prefill);
    }
    std::vector<DraftTree> draft(const Round& round) override {
      Keyring one = round.keys;
      one.tap(std::make_shared<OneSeed>(round.keys));
      return drafter_.draft(round.with_keys(one));
    }

   private:
    Drafter& drafter_;
  };
  scene.drafter = std::make_unique<Faulty>(*inner);
  EXPECT_GT(scene.error(3, 1), kRefuted);
}

// What the inner loop finds speculatively is what the middle model says.
TEST(CascadeDrafter, PointsAndRacesAreTheMiddleModelsOwn) {
  for (const char* rule : {"agreement", "gumbel_coupled"}) {
    for (const Prefix& text : kPrompts) {
      const DraftTree tree =
          Scene({"cascade_drafter(length=5, drafter=draft_model(model=tiny,length=2))", rule}, 7).tree(text);
      const DraftTree plain = Scene({"draft_model(length=5)", rule}, 7).tree(text);
      EXPECT_EQ(tree.token, plain.token) << rule;
      EXPECT_EQ(tree.draw, plain.draw) << rule;
      EXPECT_EQ(tree.q_row, plain.q_row) << rule;
      EXPECT_EQ(tree.size(), 6);
    }
  }
}

TEST(CascadeDrafter, AnInnerDrafterThatIsRightSavesPassesOfTheMiddleModel) {
  Scene scene({"none", "rejection"}, 7);
  const CountingModel middle(scene.draft);
  const Parts parts{.model = [&](const std::string& name) -> const LanguageModel& {
                      return name == "tiny" ? static_cast<const LanguageModel&>(scene.draft) : middle;
                    },
                    .vocab = 7};
  const Params call = call_of("cascade_drafter(length=6, drafter=draft_model(model=tiny,length=2))");
  scene.drafter = all_drafters().at("cascade_drafter", "test").make(call, parts);
  EXPECT_EQ(scene.tree(kRepeating, 20).size(), 7);
  EXPECT_EQ(middle.passes, 2) << "each emits three tokens";
}

TEST(CascadeDrafter, SaysWhatItsRuleCannotJudge) {
  EXPECT_THAT(refusal("cascade_drafter(verifier=block, drafter=random_tree)"),
              HasSubstr("take verifier = \"rejection\""));
  EXPECT_EQ(refusal("cascade_drafter(drafter=random_tree)"), "");
  EXPECT_THAT(facts_of("cascade_drafter(model=small, drafter=draft_model(model=tiny))").models,
              ElementsAre("small", "tiny"));
}

// ---- drafters inside others ----

// Every registered drafter inside every composite: the text at temperature 0 is the baseline's, alone and in a batch.
TEST(Composites, TakeEveryDrafter) {
  const auto baseline = Bench({"none", "greedy_match"}, "temperature(0)").run(kPrompts, kRequests, 24);
  for (const std::string& name : all_drafters().order) {
    const std::string inner = call_of_drafter(name);
    for (const std::string& call :
         {cat("fallback(drafters=[", inner, ", echo])"), cat("switch(drafters=[", inner, ", echo])"),
          cat("union(drafters=[", inner, ", echo])"), cat("cascade_drafter(drafter=", inner, ")"),
          cat("adversary(drafter=", inner, ")"), cat("check(drafter=", inner, ", other=", inner, ")")}) {
      const Pair pair{call, "greedy_match"};
      const bool is_head = !Pair{inner, "greedy_match"}.composed("temperature(0)").drafter.heads.empty();
      if (is_head && call.starts_with("cascade_drafter")) {  // whose middle model has not the states that it reads
        EXPECT_FALSE(pair.composed("temperature(0)").problems.empty()) << call;
        continue;
      }
      try {
        const Bench bench(pair, "temperature(0)");
        const auto text = bench.run(kPrompts, kRequests, 24);
        for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << call << " sequence " << b;
      } catch (const std::exception& e) {
        ADD_FAILURE() << call << ": " << e.what();
      }
    }
  }
}

// The same request, the same text: alone, in a batch, and in drafters three deep.
TEST(Composites, TextsDoNotDependOnBatchMates) {
  const std::string tiny = "draft_model(model=tiny,length=2)";
  const std::string inner = "cascade_drafter(model=tiny, length=3, drafter=draft_model(model=tiny,length=2))";
  for (const std::string& call :
       {cat("cascade_drafter(length=5, drafter=", tiny, ")"), cat("cascade_drafter(length=5, drafter=", inner, ")"),
        cat("switch(policy=epsilon, epsilon=0.5, drafters=[", tiny, ", draft_model])"),
        cat("union(drafters=[", tiny, ", random_tree(nodes=5)])"),
        cat("fallback(drafters=[prompt_lookup(min_ngram=2), ", tiny, "])")}) {
    const Scene scene({call, "rejection"}, 7);
    const auto together = scene.run(kPrompts, kRequests, 30);
    for (size_t b = 0; b < 3; ++b)
      EXPECT_EQ(scene.run({kPrompts[b]}, {kRequests[b]}, 30)[0].tokens, together[b].tokens)
          << call << " sequence " << b;
  }
}

}  // namespace
}  // namespace specula::testing
