// What every registered sampler must keep, asserted of each without being named: a law comes out, a row of a tree is
// treated as the same text without a tree, and whole texts decoded with it follow it exactly.  Adding a sampler adds
// its tests.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <set>

#include "framework/certify/decode_law.h"
#include "samplers/register.h"
#include "tests/decode/sampler_support.h"

namespace specula::testing {
namespace {

constexpr double kExact = 5e-6;  // float32 rows, 2^-31 of each bisection
constexpr float kGone = -std::numeric_limits<float>::infinity();

class EverySampler : public ::testing::TestWithParam<SamplerCase> {
 protected:
  Facts facts() const {
    return all_registries().samplers.at(GetParam().name, "test").facts(call_of(GetParam().call), Policy::kSampled);
  }
};
INSTANTIATE_TEST_SUITE_P(Registered, EverySampler, ::testing::ValuesIn(every_sampler()),
                         [](const auto& sampler) { return sampler.param.name; });

// ---- rows ----

// A text that the sampler itself lets be written after a prompt of four tokens, and a tree of random tokens after it.
RowScene random_scene(const SamplerCase& sampler, const Tokenizer& tokenizer, uint64_t seed, int64_t vocab) {
  const Bench bench({"none", "agreement"}, sampler.call, {.vocab = vocab, .tokenizer = &tokenizer});
  const Keyring keys(seed);
  const int64_t tokens = 1 + static_cast<int64_t>(seed % 4);
  RowScene scene{.prefix = bench.run({{0, 1, 0, 1}}, {42}, tokens, seed)[0].tokens,
                 .prompt = 4,
                 .stop = sampler.stop,
                 .seed = seed};
  scene.tree = DraftTree::root_only(scene.prefix.back());
  while (scene.tree.size() < 9) {
    const auto row = static_cast<uint32_t>(scene.tree.size());
    const int parent = static_cast<int>(keys.uniform(Use::kSearch, 1, 0, row) * row);
    const auto token = static_cast<Token>(keys.uniform(Use::kSearch, 2, 0, row) * static_cast<double>(vocab));
    scene.tree.add(token, parent, Draw::kIid);  // of which siblings may be equal
  }
  return scene;
}

std::vector<LogitRow> random_rows(int rows, int64_t vocab, uint64_t seed) {
  std::vector<LogitRow> logits;
  for (int r = 0; r < rows; ++r) logits.push_back(random_row(vocab, seed * 100 + static_cast<uint64_t>(r), 2));
  return logits;
}

// p of a row as if its path had been committed token by token.
LogitRow without_a_tree(const Sampler& sampler, const std::vector<LogitRow>& logits, const RowScene& scene, int row) {
  std::vector<int> path;
  for (int at = row; at >= 0; at = scene.tree.parent[static_cast<size_t>(at)]) path.insert(path.begin(), at);
  Prefix text = scene.prefix;
  std::optional<double> state = sampler.first_state();
  LogitRow law;
  for (const int at : path) {
    const Token token = scene.tree.token[static_cast<size_t>(at)];
    if (at != 0) {
      if (state) state = sampler.next_state(*state, law[static_cast<size_t>(token)]);
      text.push_back(token);
    }
    const int root[] = {0};
    const Keyring keys(scene.seed);
    const DraftTree tree = DraftTree::root_only(text.back());
    law = rows_of(sampler.distribution(matrix({logits[static_cast<size_t>(at)]}), {.prefix = text,
                                                                                   .tree = tree,
                                                                                   .rows = root,
                                                                                   .keys = keys,
                                                                                   .request = scene.request,
                                                                                   .prompt = scene.prompt,
                                                                                   .stop = scene.stop,
                                                                                   .state = state}))[0];
  }
  return law;
}

// Rows of which a text below an illegal token cannot be committed.
bool is_reachable(const std::vector<LogitRow>& p, const DraftTree& tree, int row) {
  for (int at = row; at > 0; at = tree.parent[static_cast<size_t>(at)]) {
    if (p[static_cast<size_t>(tree.parent[static_cast<size_t>(at)])]
         [static_cast<size_t>(tree.token[static_cast<size_t>(at)])] == 0)
      return false;
  }
  return true;
}

// The largest difference of any probability; `reached` counts the rows below a root that were compared.
double tree_error(const Sampler& in_tree, const Sampler& plain, const SamplerCase& sampler, const Tokenizer& tokenizer,
                  int& reached) {
  constexpr int64_t kVocab = 7;
  double worst = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const RowScene scene = random_scene(sampler, tokenizer, seed, kVocab);
    const std::vector<LogitRow> logits = random_rows(scene.tree.size(), kVocab, seed);
    const std::vector<LogitRow> p = policed(in_tree, logits, scene), may = policed(plain, logits, scene);
    for (int row = 0; row < scene.tree.size(); ++row) {
      if (!is_reachable(may, scene.tree, row)) continue;
      const LogitRow own = without_a_tree(plain, logits, scene, row);
      for (size_t x = 0; x < own.size(); ++x)
        worst = std::max(worst, static_cast<double>(std::abs(own[x] - p[static_cast<size_t>(row)][x])));
      reached += row > 0 ? 1 : 0;
    }
  }
  return worst;
}

TEST_P(EverySampler, ARowOfATreeIsTreatedAsItsOwnTextWithoutATree) {
  const auto tokenizer = GetParam().tokenizer(7);
  const Sampler sampler = sampler_of(GetParam(), *tokenizer);
  int reached = 0;
  EXPECT_EQ(tree_error(sampler, sampler, GetParam(), *tokenizer, reached), 0) << "not the same bits";
  EXPECT_GE(reached, 20);
}

// The planted fault: every row is told that it is another one.
class WrongRow final : public LogitsProcessor {
 public:
  WrongRow(std::unique_ptr<LogitsProcessor> step, bool is_root) : step_(std::move(step)), is_root_(is_root) {}
  void apply(Tensor& logits, const RowContext& context) const override {
    std::vector<int> rows(context.rows.size(), is_root_ ? 0 : context.tree.size() - 1);
    RowContext wrong = context;
    wrong.rows = rows;
    step_->apply(logits, wrong);
  }
  std::optional<double> first_state() const override { return step_->first_state(); }
  double next_state(double state, double /*p*/) const override { return state; }  // nor is the state taken along

 private:
  std::unique_ptr<LogitsProcessor> step_;
  bool is_root_;
};

TEST_P(EverySampler, AHistoryOfAnotherRowIsFoundWhereHistoryMatters) {
  const auto tokenizer = GetParam().tokenizer(7);
  for (const bool is_root : {true, false}) {
    Sampler wrong = sampler_of(GetParam(), *tokenizer);
    wrong.steps[0] = std::make_unique<WrongRow>(std::move(wrong.steps[0]), is_root);
    int reached = 0;
    const double error = tree_error(wrong, sampler_of(GetParam(), *tokenizer), GetParam(), *tokenizer, reached);
    const bool matters = facts().reads != Reads::kLogits || facts().coins;
    if (matters) {
      EXPECT_GT(error, 0.05) << is_root;
    } else {
      EXPECT_EQ(error, 0) << "the facts say that it reads nothing but the logits";
    }
  }
}

TEST_P(EverySampler, ALawComesOutAndWhatWasRemovedStaysRemoved) {
  constexpr int64_t kVocab = 7;
  const auto tokenizer = GetParam().tokenizer(kVocab);
  const Sampler sampler = sampler_of(GetParam(), *tokenizer);
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const RowScene scene = random_scene(GetParam(), *tokenizer, seed, kVocab);
    std::vector<LogitRow> logits = random_rows(scene.tree.size(), kVocab, seed + 1000);
    for (size_t r = 0; r < logits.size(); ++r) logits[r][(r + seed) % kVocab] = kGone;  // as a step before may do
    const std::vector<LogitRow> p = policed(sampler, logits, scene);
    for (size_t r = 0; r < p.size(); ++r) {
      EXPECT_NEAR(std::accumulate(p[r].begin(), p[r].end(), 0.0), 1, 1e-5);
      for (size_t x = 0; x < p[r].size(); ++x) {
        EXPECT_GE(p[r][x], 0);
        // max_length alone brings tokens back: the end comes whatever was cut.
        const bool is_back = p[r][x] > 0 && logits[r][x] == kGone;
        EXPECT_FALSE(is_back && GetParam().name != "max_length") << "row " << r << ", token " << x;
      }
    }
  }
}

TEST_P(EverySampler, OneTokenThatIsLeftStays) {
  constexpr int64_t kVocab = 7;
  const auto tokenizer = GetParam().tokenizer(kVocab);
  const Sampler sampler = sampler_of(GetParam(), *tokenizer);
  const RowScene scene = random_scene(GetParam(), *tokenizer, 1, kVocab);
  for (size_t only = 0; only < kVocab; ++only) {
    std::vector<LogitRow> logits(static_cast<size_t>(scene.tree.size()), LogitRow(kVocab, kGone));
    for (LogitRow& row : logits) row[only] = -3;
    for (const LogitRow& p : policed(sampler, logits, scene))
      EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-6);
  }
}

// ---- texts ----

// A chain, a tree with siblings, several rounds, and copies that know nothing of the policy.
struct Play {
  std::string drafter;
  int rounds;
};
const std::vector<Play> kPlays = {{"draft_model(length=2)", 1},
                                  {"draft_model(tree=iid(widths=\"2x1\"))", 1},
                                  {"draft_model(length=1)", 2},
                                  {"prompt_lookup(length=2,min_ngram=1)", 2}};

TEST_P(EverySampler, WholeTextsFollowItExactlyUnderRejection) {
  const auto tokenizer = GetParam().tokenizer(3);
  const int64_t tokens = facts().coins ? 2 : 3;  // coins multiply what is enumerated
  for (const auto& [drafter, rounds] : kPlays) {
    const Pair pair{drafter, "rejection"};
    ASSERT_TRUE(pair.composed(GetParam().call).problems.empty());
    const Bench bench(pair, GetParam().call, {.vocab = 3, .tokenizer = tokenizer.get()});
    Session session = bench.session(tokens), plain = bench.session(tokens);
    session.stop = plain.stop = GetParam().stop;
    plain.keys = Keyring(17);  // laws after many texts: the audit remembers keys
    const auto next = [&](const Prefix& text) { return law_to_follow(plain, text, kRepeating.size()); };
    EXPECT_LT(law_error(session, kRepeating, rounds, next), kExact) << drafter;
  }
}

TEST_P(EverySampler, TheTextUnderAgreementIsTheBaselinesSeedBySeed) {
  constexpr int64_t kVocab = 7;
  const auto tokenizer = GetParam().tokenizer(kVocab);
  const BenchOptions options{.vocab = kVocab, .tokenizer = tokenizer.get()};
  for (const auto& [drafter, rounds] : kPlays) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      const auto baseline =
          Bench({"none", "agreement"}, GetParam().call, options).run(kPrompts, kRequests, 30, seed, GetParam().stop);
      const auto text =
          Bench({drafter, "agreement"}, GetParam().call, options).run(kPrompts, kRequests, 30, seed, GetParam().stop);
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << drafter << ", seed " << seed;
    }
  }
}

TEST_P(EverySampler, ComesInEveryPreset) {
  for (const std::string& preset : sampler_presets()) {
    const std::vector<std::string> order = sampler_order(preset);
    EXPECT_EQ(std::count(order.begin(), order.end(), GetParam().name), 1) << preset;
    EXPECT_EQ(order.size(), all_registries().samplers.order.size()) << preset;
  }
}

TEST_P(EverySampler, SaysWhoseDefinitionItIs) {
  EXPECT_FALSE(all_registries().samplers.at(GetParam().name, "test").definition.empty());
}

}  // namespace
}  // namespace specula::testing
