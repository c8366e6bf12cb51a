// Drafters that guess several positions at once: the window of lookahead against a naive version of the authors'
// lists, the phrases of ouroboros, and the pool that both have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "drafters/lookahead.h"
#include "drafters/ouroboros.h"
#include "framework/decode/rows.h"
#include "framework/lookup/phrase_pool.h"
#include "framework/model/load.h"
#include "tests/decode/composition.h"
#include "tests/decode/counting_model.h"

namespace specula::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- the pool ----

using Phrases = std::vector<std::vector<Token>>;

TEST(PhrasePool, KeepsTheLastPhrasesOfEachFirstToken) {
  PhrasePool pool(2, 2);
  pool.add(1, std::vector<Token>{5, 6, 7});
  pool.add(1, std::vector<Token>{8, 9});
  pool.add(2, std::vector<Token>{});
  EXPECT_EQ(pool.after(1), (Phrases{{8, 9}, {5, 6}}));
  EXPECT_THAT(pool.after(2), IsEmpty());
  pool.add(1, std::vector<Token>{5, 6});
  EXPECT_EQ(pool.after(1), (Phrases{{5, 6}, {8, 9}})) << "the last added comes first";
  pool.add(1, std::vector<Token>{3});
  EXPECT_EQ(pool.after(1), (Phrases{{3}, {5, 6}})) << "two are kept";
  pool.add(1, std::vector<Token>{5});
  EXPECT_EQ(pool.after(1), (Phrases{{5, 6}, {3}})) << "of two that begin alike the longer stays";
  pool.add(1, std::vector<Token>{3, 4});
  EXPECT_EQ(pool.after(1), (Phrases{{3, 4}, {5, 6}}));
}

TEST(PhrasePool, ReadsEveryPhraseOfAText) {
  PhrasePool pool(2, 4);
  pool.add_text(std::vector<Token>{1, 2, 1, 3, 1});
  EXPECT_EQ(pool.after(1), (Phrases{{3, 1}, {2, 1}}));
  EXPECT_EQ(pool.after(3), (Phrases{{1}}));
  pool.add_text(std::vector<Token>{9, 9, 4}, 1);
  EXPECT_EQ(pool.after(9), (Phrases{{4}})) << "none that begins before `from`";
}

TEST(PhrasePool, PhrasesThatBeginAlikeShareRows) {
  DraftTree tree = DraftTree::chain_of_points(1, {2});
  const Phrases phrases = {{5, 6, 7}, {5, 8}, {9}};
  add_phrases(tree, 1, phrases, {.depth = 2, .rows = 4});
  EXPECT_EQ(tree.token, (std::vector<Token>{1, 2, 5, 6, 8, 9}));
  EXPECT_EQ(tree.parent, (std::vector<int>{-1, 0, 1, 2, 2, 1}));
  check_tree(tree, 1, 10, TreeCheck::kAll);
  DraftTree small = DraftTree::root_only(1);
  add_phrases(small, 0, phrases, {.depth = 9, .rows = 2});
  EXPECT_EQ(small.token, (std::vector<Token>{1, 5, 6})) << "no more rows than there is room for";
  DraftTree none = DraftTree::root_only(1);
  add_phrases(none, 0, phrases, {.depth = 0, .rows = 9});
  EXPECT_EQ(none.size(), 1);
}

// ---- what drafters said, round by round ----

class Watched final : public Drafter {
 public:
  explicit Watched(Drafter& inner) : inner_(inner) {}
  std::vector<DraftTree> trees;
  std::vector<Prefix> prefixes;
  void begin(std::span<const Prefix> texts, std::span<const int64_t> requests, const Pass& prefill) override {
    inner_.begin(texts, requests, prefill);
  }
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> drafted = inner_.draft(round);
    trees.push_back(drafted[0]);
    prefixes.push_back(round.prefixes[0]);
    return drafted;
  }
  void observe(const Feedback& feedback) override { inner_.observe(feedback); }

 private:
  Drafter& inner_;
};

Watched watched(const Bench& bench, const Prefix& prompt, int64_t tokens, int row_budget = 512) {
  Watched drafter(*bench.drafter);
  Session s = bench.session(tokens);
  const Session session{.target = s.target,
                        .drafter = drafter,
                        .verifier = s.verifier,
                        .policy = s.policy,
                        .q_next = s.q_next,
                        .sampler = s.sampler,
                        .keys = s.keys,
                        .max_new_tokens = tokens,
                        .row_budget = row_budget,
                        .check_trees = true};
  decode(session, {prompt}, std::vector<int64_t>{7});
  return drafter;
}

// ---- lookahead ----

// The authors' lists (lade/decoding.py, greedy search that always forwards one), for a prompt's own last tokens: list 0
// lacks the column of the root.
class NaiveLists {
 public:
  NaiveLists(const HashModel& model, int window, int ngram, const Prefix& prompt)
      : model_(model), window_(window), level_(ngram), lists_(static_cast<size_t>(ngram - 1)) {
    const int count = window + ngram - 3;
    for (int i = 0; i < count; ++i)
      lists_[0].push_back(
          prompt[(prompt.size() * 1000 + prompt.size() - static_cast<size_t>(count - i)) % prompt.size()]);
  }

  // Probes as paths below the root.
  std::vector<Prefix> probes() const {
    std::vector<Prefix> paths;
    for (size_t l = 0; l <= fill_; ++l) {
      for (size_t i = 0; i < lists_[l].size(); ++i) paths.push_back(path(l, l == 0 ? i + 1 : i));
    }
    return paths;
  }

  void step(const Prefix& text) {
    std::vector<Token> answers;
    for (size_t i = 0; i < lists_[fill_].size(); ++i)
      answers.push_back(answer(text, path(fill_, fill_ == 0 ? i + 1 : i)));
    if (level_ == 2) {  // one list only: the root's own answer is its column 0
      answers.insert(answers.begin(), answer(text, {}));
      keep(text.back(), {answers[0]});
      for (size_t i = 1; i < answers.size(); ++i) keep(lists_[0][i - 1], {answers[i]});
      lists_[0].assign(answers.begin() + 1, answers.end());
      return;
    }
    if (fill_ + 2 < static_cast<size_t>(level_)) {
      for (size_t l = 0; l <= fill_; ++l) lists_[l].erase(lists_[l].begin());
      lists_[fill_ + 1].assign(answers.begin() + (fill_ == 0 ? 0 : 1), answers.end());
      ++fill_;
      return;
    }
    for (int i = 0; i < window_; ++i) {
      std::vector<Token> gram;
      for (size_t l = 1; l < lists_.size(); ++l) gram.push_back(lists_[l][static_cast<size_t>(i)]);
      gram.push_back(answers[static_cast<size_t>(i)]);
      keep(i == 0 ? text.back() : lists_[0][static_cast<size_t>(i) - 1], gram);
    }
    lists_[0].assign(lists_[1].begin() + 1, lists_[1].end());
    for (size_t l = 1; l + 1 < lists_.size(); ++l) lists_[l] = lists_[l + 1];
    lists_.back() = answers;
  }

  std::map<Token, std::vector<std::vector<Token>>> grams;  // the last kept first

 private:
  Prefix path(size_t level, size_t column) const {
    Prefix tokens(lists_[0].begin(), lists_[0].begin() + static_cast<int64_t>(column));
    for (size_t l = 1; l <= level; ++l) tokens.push_back(lists_[l][column]);
    return tokens;
  }
  Token answer(Prefix text, const Prefix& path) const {
    text.insert(text.end(), path.begin(), path.end());
    const std::vector<float> logits = model_.logits(text);
    return static_cast<Token>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  void keep(Token first, const std::vector<Token>& gram) {
    auto& kept = grams[first];
    std::erase(kept, gram);
    kept.insert(kept.begin(), gram);
  }

  const HashModel& model_;
  int window_, level_;
  size_t fill_ = 0;
  std::vector<std::vector<Token>> lists_;
};

std::vector<Prefix> probes_of(const DraftTree& tree) {
  std::vector<Prefix> paths;
  for (int row = 1; row < tree.size(); ++row) {
    if (tree.draw[row] == Draw::kProbe) paths.push_back(tree.path_tokens(row));
  }
  return paths;
}

struct Shape {
  int window, ngram;
};
class LookaheadWindow : public ::testing::TestWithParam<Shape> {};
INSTANTIATE_TEST_SUITE_P(Shapes, LookaheadWindow, ::testing::Values(Shape{7, 5}, Shape{3, 3}, Shape{4, 2}, Shape{1, 4}),
                         [](const auto& p) { return cat("W", p.param.window, "N", p.param.ngram); });

TEST_P(LookaheadWindow, MovesAsTheAuthorsListsDo) {
  const auto [window, ngram] = GetParam();
  const Bench bench(
      {cat("lookahead(window=", window, ",ngram=", ngram, ",guesses=128,pool_from_prompt=false)"), "greedy_match"},
      "temperature(0)", {.vocab = 5});
  const Prefix prompt = {1, 2, 3, 1, 2};
  const Watched seen = watched(bench, prompt, 60);
  NaiveLists naive(bench.target, window, ngram, prompt);
  size_t rounds = 0, candidates = 0;
  for (size_t i = 0; i < seen.trees.size() && seen.prefixes[i].size() < 50; ++i, ++rounds) {
    EXPECT_EQ(probes_of(seen.trees[i]), naive.probes()) << "round " << i;
    const DraftTree tree = without_probes(seen.trees[i]);
    DraftTree expected = DraftTree::root_only(tree.token[0]);
    add_phrases(expected, 0, naive.grams[tree.token[0]], {.depth = ngram - 1, .rows = 512});
    EXPECT_EQ(tree.token, expected.token) << "round " << i;
    EXPECT_EQ(tree.parent, expected.parent) << "round " << i;
    candidates += static_cast<size_t>(tree.size()) - 1;
    naive.step(seen.prefixes[i]);
  }
  EXPECT_GT(rounds, 10U);
  EXPECT_GT(candidates, 10U);
}

TEST(Lookahead, ItsOwnNgramsAreAccepted) {
  const Bench bench({"lookahead(pool_from_prompt=false)", "greedy_match"}, "temperature(0)");
  Counts counts;
  Session s = bench.session(60);
  s.log = &counts;
  decode(s, {{3}}, std::vector<int64_t>{1});
  EXPECT_GT(counts.accepted, 5);
}

TEST(Lookahead, KeepsToASmallRowBudget) {
  for (const int budget : {1, 2, 3, 8, 20}) {
    const Bench bench({"lookahead", "agreement"}, "temperature(0.5)");
    const Watched seen = watched(bench, {1, 2, 1, 2, 1}, 30, budget);  // decode() checks the rows
    int most = 0;
    for (const DraftTree& tree : seen.trees) most = std::max(most, tree.size());
    EXPECT_LE(most, budget);
    EXPECT_GT(most, budget / 2) << budget;
  }
}

// The window must not move a bit of the rows that are verified: real kernels, real weights.
TEST(Lookahead, TheDemoTargetWritesWhatItWritesAlone) {
  const auto folder = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/target";
  for (const Dtype dtype : {Dtype::kBfloat16, Dtype::kFloat32}) {
    const auto target = load_model(folder, {.dtype = dtype});
    const std::vector<Prefix> prompts = {{1, 345, 812, 90, 345, 812}, {1, 2000}};
    const auto texts = [&](const std::string& drafter, int& probes) {
      const Bench bench({drafter, "greedy_match"}, "temperature(0)", {.target = target.get()});
      struct Probes final : RoundLog {
        int count = 0;
        void round(const RoundRecord& record, const PhaseClock& /*clock*/) override { count += record.probes; }
      } log;
      Session s = bench.session(24);
      s.log = &log;
      const auto decoded = decode(s, prompts, std::vector<int64_t>{1, 2});
      probes = log.count;
      return std::vector<Prefix>{decoded[0].tokens, decoded[1].tokens};
    };
    int probes = 0, none = 0;
    EXPECT_EQ(texts("lookahead", probes), texts("none", none));
    EXPECT_GT(probes, 100);
    EXPECT_EQ(none, 0);
  }
}

// ---- ouroboros ----

// Phrases carried along save passes and change nothing of what is drafted, sampled or not.
TEST(Ouroboros, PhrasesCarriedAlongSavePassesAndChangeNothing) {
  const HashModel target({.seed = 5, .vocab = 7, .order = 2});
  const HashModel near({.seed = 6, .vocab = 7, .order = 2, .near = &target, .nearness = 0.7});
  for (const char* rule : {"greedy_match", "rejection", "gumbel_coupled"}) {
    const std::string policy = rule == std::string("greedy_match") ? "temperature(0)" : "temperature(0.6)";
    std::vector<DraftTree> trees[2];
    int passes[2] = {0, 0};
    for (const int ahead : {0, 8}) {
      const CountingModel draft(near);
      const Bench bench({cat("ouroboros(length=6,ahead=", ahead, ")"), rule}, policy,
                        {.target = &target, .draft = &draft});
      const Watched seen = watched(bench, {1, 2, 3, 1, 2}, 60);
      trees[ahead > 0] = seen.trees;
      passes[ahead > 0] = draft.passes;
    }
    ASSERT_EQ(trees[0].size(), trees[1].size()) << rule;
    for (size_t i = 0; i < trees[0].size(); ++i) {
      EXPECT_EQ(trees[0][i].token, trees[1][i].token) << rule << " round " << i;
      EXPECT_EQ(trees[0][i].parent, trees[1][i].parent) << rule << " round " << i;
      EXPECT_EQ(trees[0][i].q.defined(), trees[1][i].q.defined()) << rule << " round " << i;
      EXPECT_TRUE(!trees[0][i].q.defined() || trees[0][i].q.equal(trees[1][i].q)) << rule << " round " << i;
    }
    EXPECT_LT(passes[1], 0.95 * passes[0]) << rule;
  }
}

// Sequences of a batch ask for passes at different times.
TEST(Ouroboros, DraftsInABatchWhatItDraftsAlone) {
  const Bench bench({"ouroboros(length=5)", "rejection"}, "temperature(0.7)");
  const auto together = bench.run(kPrompts, kRequests, 50);
  for (size_t b = 0; b < 3; ++b) EXPECT_EQ(bench.run({kPrompts[b]}, {kRequests[b]}, 50)[0].tokens, together[b].tokens);
}

TEST(Ouroboros, PhrasesHangBehindTheLastDraftedToken) {
  const Bench bench({"ouroboros(length=2,phrase=3,candidates=2)", "rejection"}, "temperature(0.7)");
  const Watched seen = watched(bench, {1, 2, 3, 1, 2, 4, 1, 2}, 60);
  int with_phrases = 0;
  for (const DraftTree& tree : seen.trees) {
    for (int row = 1; row < tree.size(); ++row) {
      EXPECT_EQ(tree.draw[row], row <= 2 ? Draw::kIid : Draw::kPoint);
      EXPECT_TRUE(row > 2 || tree.parent[row] == row - 1);
      EXPECT_LE(tree.depth(row), 5);
    }
    if (tree.size() <= 3) continue;
    ++with_phrases;
    EXPECT_EQ(tree.parent[3], 2);
    EXPECT_LE(tree.children(2).size(), 2U);
  }
  EXPECT_GT(with_phrases, 5);
}

// What the target answers below a rejected token is a phrase: 4 was rejected, behind it the target says 2, 0.
TEST(Ouroboros, LearnsFromWhatTheTargetSaysOfRejectedDrafts) {
  const Bench bench({"ouroboros(length=1,phrase=2,candidates=1)", "greedy_match"}, "temperature(0)");
  const Prefix prompt = {6};
  bench.drafter->begin(std::vector<Prefix>{prompt}, std::vector<int64_t>{1}, {});
  const std::vector<DraftTree> drafts = {DraftTree::chain_of_points(6, {4, 2})};
  const auto answers = [](const std::vector<Token>& tokens) {
    const HashModel model({.vocab = 7});
    const auto cache = model.new_cache(1, 0);
    Pass pass = model.forward(make_rows({RowList::chain(tokens)}), *cache, {});
    float* logits = pass.logits.mutable_data_ptr<float>();
    for (size_t i = 0; i < tokens.size(); ++i) logits[i * 7 + static_cast<size_t>(tokens[i])] = 100;
    return pass;
  };
  const Pass pass = answers({1, 2, 0});  // after 6, after 4, after 2
  const std::vector<Verdict> verdicts = {{.path = {}, .next = 4}};
  const std::vector<Prefix> after = {{6, 4}};
  bench.drafter->observe(
      {.prefixes = after, .requests = kRequests, .drafts = drafts, .verdicts = verdicts, .target = pass});

  const std::vector<int64_t> one{1}, starts{2}, remaining{100};
  const std::vector<char> done{0};
  PhaseClock clock;
  const auto cache = bench.target.new_cache(1, 0);
  const Keyring keys(1);
  const DraftTree tree = bench.drafter->draft({.prefixes = after,
                                               .requests = one,
                                               .starts = starts,
                                               .remaining = remaining,
                                               .done = done,
                                               .row_budget = 64,
                                               .policy = Policy::kGreedy,
                                               .q_next = false,
                                               .sampler = bench.sampler,
                                               .keys = keys,
                                               .target = bench.target,
                                               .target_cache = *cache,
                                               .clock = clock})[0];
  EXPECT_EQ(tree.token, (std::vector<Token>{4, 2, 0})) << "the model drafts 2, behind which 0 was the target's answer";
  EXPECT_EQ(tree.draw[2], Draw::kPoint);
}

}  // namespace
}  // namespace specula::testing
