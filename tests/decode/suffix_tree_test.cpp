// The suffix tree against the texts themselves, and what lookup drafters are built of.
#include "framework/lookup/suffix_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "framework/core/keyring.h"
#include "framework/decode/top_tokens.h"
#include "framework/lookup/rolling_hash.h"
#include "framework/lookup/suffix_draft.h"

namespace specula::testing {
namespace {

using Place = SuffixTree::Place;

// Random numbers of a test: below n.
struct Dice {
  explicit Dice(uint64_t seed) : keys(seed) {}
  Keyring keys;
  int64_t thrown = 0;
  int operator()(int n) { return static_cast<int>(keys.uniform(Use::kDraft, 0, thrown++, 0) * n); }
};

// The same by definition: all suffixes, each to the end of its text (kEnd included) or to the depth.
struct Naive {
  int depth;
  std::deque<Prefix> suffixes{};  // of the text being written: as far as it is written
  std::vector<size_t> open{};     // ages of those that still grow
  size_t forgotten = 0;

  void append(Token token) {
    open.push_back(forgotten + suffixes.size());
    suffixes.emplace_back();
    std::vector<size_t> growing;
    for (const size_t age : open) {
      Prefix& suffix = suffixes[age - forgotten];
      suffix.push_back(token);
      if (static_cast<int>(suffix.size()) < depth) growing.push_back(age);
    }
    open = growing;
  }
  void end_text() {
    append(SuffixTree::kEnd);
    open.clear();
  }
  void forget() {
    suffixes.pop_front();
    ++forgotten;
  }
  // What followed the string, with how often.
  std::map<Token, int> followers(const Prefix& string) const {
    std::map<Token, int> found;
    for (const Prefix& suffix : suffixes) {
      if (suffix.size() > string.size() && std::equal(string.begin(), string.end(), suffix.begin()))
        ++found[suffix[string.size()]];
    }
    return found;
  }
};

// What the tree says that followed at a place, as parts of one.
std::map<Token, double> shares(const SuffixTree& tree, const Place& place) {
  const auto run = tree.run(place);
  if (!run.empty()) return {{run.front(), 1.0}};
  std::vector<SuffixTree::Child> children;
  tree.latest(place.node, 1 << 20, children);
  std::map<Token, double> found;
  for (const auto& child : children) found[child.token] = child.share;
  return found;
}

// Every string that occurs, by depth first descent over the tokens below `vocab`.
int64_t compare(const SuffixTree& tree, const Naive& naive, const Place& place, Prefix& string, int vocab) {
  const std::map<Token, int> expected = naive.followers(string);
  std::map<Token, double> found = shares(tree, place);
  double all = 0;
  for (const auto& [token, count] : expected) all += count;
  if (found.empty() || expected.empty()) {
    // At the end of an edge that is only the end of a text the run stops before kEnd.
    for (const auto& [token, count] : expected) EXPECT_EQ(token, SuffixTree::kEnd);
    EXPECT_TRUE(found.empty());
  } else {
    EXPECT_EQ(found.size(), expected.size()) << "after " << string.size() << " tokens";
    for (const auto& [token, count] : expected) EXPECT_NEAR(found[token], count / all, 1e-12) << "token " << token;
  }
  int64_t strings = 1;
  for (Token token = 0; token < vocab; ++token) {
    Place next = place;
    const bool goes_on = tree.step(next, token);
    EXPECT_EQ(goes_on, expected.count(token) > 0) << "token " << token << " after " << string.size();
    if (!goes_on || ::testing::Test::HasFailure()) continue;
    string.push_back(token);
    strings += compare(tree, naive, next, string, vocab);
    string.pop_back();
  }
  return strings;
}

void expect_same(const SuffixTree& tree, const Naive& naive, int vocab) {
  Prefix string;
  EXPECT_GT(compare(tree, naive, {}, string, vocab), 0);
  EXPECT_EQ(tree.suffixes(), static_cast<int64_t>(naive.suffixes.size()));
}

struct Case {
  int depth, vocab, keep;  // keep: suffixes, by forgetting the oldest
};
class SuffixTreeCases : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Shapes, SuffixTreeCases,
                         ::testing::Values(Case{4, 2, 1000}, Case{6, 3, 1000}, Case{4, 2, 9}, Case{5, 1, 12},
                                           Case{8, 2, 20}, Case{6, 4, 30}, Case{2, 2, 5}));

// Texts of random tokens with stretches of one token and copies of what came before, ended here and there.
TEST_P(SuffixTreeCases, CountsWhatTheTextsHold) {
  const Case c = GetParam();
  Dice dice(static_cast<uint64_t>(c.depth * 100 + c.keep));
  for (int text = 0; text < 12; ++text) {
    SuffixTree tree(c.depth);
    Naive naive{c.depth};
    Prefix written;
    const auto write = [&](Token token) {
      tree.append(token);
      naive.append(token);
      written.push_back(token);
      while (tree.suffixes() > c.keep) {
        tree.forget_suffix();
        naive.forget();
      }
    };
    for (int step = 0; step < 14; ++step) {
      const int kind = dice(5), length = 1 + dice(9);
      const Token token = dice(c.vocab);
      for (int i = 0; i < length; ++i) {
        const auto back = static_cast<size_t>(length + 2);
        write(kind == 0 ? token : kind < 3 && written.size() > back ? written[written.size() - back] : dice(c.vocab));
        expect_same(tree, naive, c.vocab);
        if (HasFailure()) return;
      }
      if (kind == 4 && c.keep > 2 * c.depth) {
        tree.end_text();
        naive.end_text();
        while (tree.suffixes() > c.keep) {
          tree.forget_suffix();
          naive.forget();
        }
        expect_same(tree, naive, c.vocab);
      }
    }
    EXPECT_LE(tree.nodes(), 2 * tree.suffixes() + 1);
  }
}

TEST(SuffixTree, CursorsAreTheSuffixesThatOccurredBefore) {
  SuffixTree tree(8);
  for (const Token token : {1, 2, 3, 4, 1, 2, 3}) tree.append(token);
  ASSERT_EQ(tree.cursors().size(), 3U);
  for (const Place& cursor : tree.cursors()) EXPECT_EQ(shares(tree, cursor), (std::map<Token, double>{{4, 1.0}}));
  tree.append(9);
  EXPECT_TRUE(tree.cursors().empty());
}

TEST(SuffixTree, ForgetsTextsInTheOrderTheyCame) {
  SuffixTree tree(4);
  for (const Prefix& text : {Prefix{1, 2, 3}, Prefix{1, 2, 4}}) {
    for (const Token token : text) tree.append(token);
    tree.end_text();
  }
  Place place;
  ASSERT_TRUE(tree.step(place, 1) && tree.step(place, 2));
  EXPECT_EQ(shares(tree, place), (std::map<Token, double>{{3, 0.5}, {4, 0.5}}));
  int forgotten = 1;
  while (!tree.forget_suffix()) ++forgotten;
  EXPECT_EQ(forgotten, 4) << "three tokens and the end";
  place = {};
  ASSERT_TRUE(tree.step(place, 1) && tree.step(place, 2));
  EXPECT_EQ(shares(tree, place), (std::map<Token, double>{{4, 1.0}}));
  while (tree.suffixes() > 0) tree.forget_suffix();
  EXPECT_EQ(tree.nodes(), 1) << "the root";
  EXPECT_THROW(tree.forget_suffix(), std::logic_error);
}

// Nodes and cursors bound what a token costs; time is not measured here.
TEST(SuffixTree, LongTextsStayLinear) {
  Dice dice(3);
  const int64_t tokens = 50000;
  for (const int period : {1, 2, 700, 0}) {  // 0: random
    SuffixTree tree(64);
    int64_t steps = 0;
    for (int64_t i = 0; i < tokens; ++i) {
      tree.append(period > 0 ? static_cast<Token>(i % period) : dice(1000));
      steps += static_cast<int64_t>(tree.cursors().size()) + 1;
    }
    EXPECT_LE(tree.nodes(), 2 * tokens) << "period " << period;
    EXPECT_LE(steps, period > 0 ? 64 * tokens : 4 * tokens) << "period " << period;
    while (tree.suffixes() > 1000) tree.forget_suffix();
    EXPECT_LE(tree.nodes(), 2001) << "period " << period;
  }
}

TEST(Grow, TakesTheLikeliestFirst) {
  SuffixTree tree(8);  // after 1: 2 3 (twice), 4 5 (once)
  for (const Token token : {1, 2, 3, 9, 1, 2, 3, 8, 1, 4, 5, 7, 1}) tree.append(token);
  const Place place = tree.cursors().back();
  Growth growth;
  grow(tree, place, {.tokens = 4, .depth = 10, .least = 0, .chain = false}, growth);
  EXPECT_EQ(growth.token, (std::vector<Token>{2, 3, 4, 5}));
  EXPECT_EQ(growth.parent, (std::vector<int>{-1, 0, -1, 2}));
  EXPECT_NEAR(growth.score, 2. / 3 + 2. / 3 + 1. / 3 + 1. / 3, 1e-12);
  grow(tree, place, {.tokens = 9, .depth = 10, .least = 0.5, .chain = true}, growth);
  EXPECT_EQ(growth.token, (std::vector<Token>{2, 3})) << "what follows has half of two thirds";
  grow(tree, place, {.tokens = 9, .depth = 1, .least = 0, .chain = false}, growth);
  EXPECT_EQ(growth.token, (std::vector<Token>{2, 4}));
  grow(tree, place, {.tokens = 0, .depth = 10, .least = 0, .chain = false}, growth);
  EXPECT_TRUE(growth.token.empty());
}

// A match in a tree of other texts is the same when it is followed token by token and when it is looked up at once,
// also after the tree has changed.
TEST(SuffixMatch, FollowsTextAndTree) {
  Dice dice(11);
  SuffixTree tree(5);
  SuffixMatch followed;
  Prefix text;
  size_t longest = 0;
  for (int step = 0; step < 300; ++step) {
    text.push_back(dice(3));
    if (dice(10) == 0) {
      for (int i = 0; i < 6; ++i) tree.append(dice(3));
      tree.end_text();
      while (tree.suffixes() > 40) tree.forget_suffix();
    }
    const auto& places = followed.places(tree, text);
    SuffixMatch at_once;
    const auto& expected = at_once.places(tree, text);
    ASSERT_EQ(places.size(), expected.size());
    for (size_t i = 0; i < places.size(); ++i) {
      EXPECT_EQ(places[i].node, expected[i].node);
      EXPECT_EQ(places[i].offset, expected[i].offset);
      Place walked;
      for (size_t at = text.size() - (places.size() - i); at < text.size(); ++at)
        ASSERT_TRUE(tree.step(walked, text[at]));
      EXPECT_EQ(walked.node, places[i].node);
    }
    longest = std::max(longest, places.size());
  }
  EXPECT_EQ(longest, 4U) << "less than the depth";
}

TEST(PointTree, MergesEqualSiblingsWithinItsLimits) {
  PointTree tree(7, 4, 2);
  EXPECT_EQ(tree.add(1, 0), 1);
  EXPECT_EQ(tree.add(2, 0), 2);
  EXPECT_EQ(tree.add(1, 0), 1);
  EXPECT_EQ(tree.add(1, 2), 3) << "the same token below another row";
  EXPECT_EQ(tree.add(5, 3), -1) << "too deep";
  EXPECT_EQ(tree.add(5, 0), -1) << "full";
  EXPECT_EQ(tree.add(2, 0), 2);
  const DraftTree taken = tree.take();
  EXPECT_EQ(taken.token, (std::vector<Token>{7, 1, 2, 1}));
  EXPECT_EQ(taken.parent, (std::vector<int>{-1, 0, 0, 2}));
}

TEST(FlatMap, IsAMap) {
  Dice dice(2);
  FlatMap<int> map;
  std::map<uint64_t, int> expected;
  for (int step = 0; step < 20000; ++step) {
    const auto key = static_cast<uint64_t>(dice(300));
    if (dice(3) == 0) {
      map.erase(key);
      expected.erase(key);
    } else {
      map[key] += step;
      expected[key] += step;
    }
    ASSERT_EQ(map.size(), expected.size());
  }
  for (uint64_t key = 0; key < 300; ++key) {
    const int* found = map.find(key);
    ASSERT_EQ(found != nullptr, expected.count(key) > 0);
    EXPECT_EQ(found != nullptr ? *found : 0, expected.count(key) > 0 ? expected[key] : 0);
  }
}

TEST(RollingHash, DependsOnTheLastTokensAlone) {
  Dice dice(4);
  Prefix text;
  RollingHash hash(3);
  std::map<Prefix, uint64_t> keys;
  for (int64_t at = 0; at < 3000; ++at) {
    text.push_back(dice(5));
    hash.roll(text, at);
    if (at < 2) continue;
    const auto [known, is_new] = keys.emplace(Prefix(text.end() - 3, text.end()), hash.key());
    EXPECT_EQ(known->second, hash.key());
  }
  std::map<uint64_t, int> different;
  for (const auto& [ngram, key] : keys) ++different[key];
  EXPECT_EQ(different.size(), keys.size());
  EXPECT_EQ(keys.size(), 125U);
}

TEST(TopTokens, AreThoseOfASort) {
  Dice dice(5);
  for (const int vocab : {1, 7, 64, 65, 512, 1000, 5000}) {
    std::vector<float> logits(static_cast<size_t>(vocab));
    for (float& x : logits) x = static_cast<float>(dice(200)) - 100;  // with ties
    std::vector<Token> order(logits.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Token>(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](Token a, Token b) { return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)]; });
    order.resize(std::max<size_t>(order.size(), 8), -1);
    order.resize(8);
    std::vector<Token> top(8);
    top_tokens(logits, top);
    EXPECT_EQ(top, order) << vocab;
  }
  std::vector<Token> top(2);
  top_tokens(std::vector<float>{-INFINITY, 3, -INFINITY}, top);
  EXPECT_EQ(top, (std::vector<Token>{1, -1})) << "masked tokens are no successors";
}

}  // namespace
}  // namespace specula::testing
