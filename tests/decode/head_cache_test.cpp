// What a head drafts with after any rounds is what it would draft with if it began with the text as it stands: the
// states of the target stand where they belong, and none of its own is left.
#include "framework/decode/head_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "framework/certify/decode_law.h"
#include "framework/certify/hash_model.h"
#include "tests/decode/composition.h"
#include "tests/decode/toy_heads.h"

namespace specula::testing {
namespace {

constexpr int64_t kVocab = 7;

std::vector<float> numbers(const Tensor& tensor) {
  const Tensor flat = tensor.contiguous();
  return {flat.const_data_ptr<float>(), flat.const_data_ptr<float>() + flat.numel()};
}

class HeadCaches : public ::testing::TestWithParam<std::string> {
 protected:
  const HashModel target{{.seed = 5, .vocab = kVocab}};
  const LanguageModel& head = toy_head(GetParam(), kVocab);
  const Ask ask{.logits = Logits::kNone, .hidden = head.head_traits()->sites};

  // The sites as the loop asks for them: each once.
  Ask asked() const { return unite({.logits = Logits::kNone}, ask); }

  Pass states_of(const std::vector<Prefix>& texts) const {
    const auto cache = target.new_cache(static_cast<int>(texts.size()), 64);
    Pass pass = prefill(target, *cache, texts, asked());
    pass.sites = asked().hidden;
    return pass;
  }

  // Logits at the root of each text and below it, along two drafted tokens.
  std::vector<float> drafted(HeadCache& cache, const std::vector<Prefix>& texts) const {
    const auto own = target.new_cache(static_cast<int>(texts.size()), 64);
    prefill(target, *own, texts, {.logits = Logits::kNone});
    // The states of rows from the root on, where heads do not make them themselves.
    const auto below = [&](const std::vector<RowList>& rows) {
      return head.head_traits()->lag > 0 ? Tensor() : target.forward(make_rows(rows), *own, ask).hidden.select(2, 0);
    };
    std::vector<RowList> lists, roots;
    std::vector<int> fed;
    for (size_t b = 0; b < texts.size(); ++b) {
      lists.push_back(RowList::chain(cache.catch_up(static_cast<int>(b), texts[b])));
      roots.push_back({{texts[b].back()}, {-1}});
      fed.push_back(static_cast<int>(lists.back().token.size()));
    }
    std::vector<float> all = numbers(cache.forward(lists, {.logits = Logits::kLast}, below(roots)).logits);
    for (const int depth : {1, 2}) {
      const Token token = depth == 1 ? 3 : 1;
      for (size_t b = 0; b < texts.size(); ++b) lists[b] = {{token}, {fed[b]++ - 1}};
      const std::vector<RowList> rows(texts.size(), {{token}, {depth - 1}});
      const std::vector<float> more = numbers(cache.forward(lists, {.logits = Logits::kAll}, below(rows)).logits);
      all.insert(all.end(), more.begin(), more.end());
    }
    return all;
  }

  std::vector<float> from_scratch(const std::vector<Prefix>& texts) const {
    HeadCache fresh(head, texts, states_of(texts));
    return drafted(fresh, texts);
  }

  // A round in which `tree` was verified and `path` of it accepted, `next` added.
  void play(HeadCache& cache, std::vector<Prefix>& texts, const std::vector<std::vector<Token>>& accepted,
            Token next) const {
    std::vector<DraftTree> trees;
    std::vector<Verdict> verdicts;
    const auto own = target.new_cache(static_cast<int>(texts.size()), 64);
    prefill(target, *own, texts, {.logits = Logits::kNone});
    std::vector<RowList> lists;
    for (size_t b = 0; b < texts.size(); ++b) {
      DraftTree tree = DraftTree::root_only(texts[b].back());
      Verdict verdict{.next = next};
      tree.add(6, 0, Draw::kPoint);  // rejected
      int above = 0;
      for (const Token token : accepted[b]) verdict.path.push_back(above = tree.add(token, above, Draw::kPoint));
      lists.push_back({tree.token, tree.parent});
      trees.push_back(tree);
      verdicts.push_back(verdict);
    }
    Pass pass = target.forward(make_rows(lists), *own, asked());
    pass.sites = asked().hidden;
    for (size_t b = 0; b < texts.size(); ++b) {
      texts[b].insert(texts[b].end(), accepted[b].begin(), accepted[b].end());
      texts[b].push_back(next);
    }
    cache.observe({.prefixes = texts, .requests = kRequests, .drafts = trees, .verdicts = verdicts, .target = pass});
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, HeadCaches, ::testing::ValuesIn(toy_head_kinds()),
                         [](const auto& kind) { return kind.param; });

TEST_P(HeadCaches, AfterRoundsTheyAreAsIfBegunWithTheText) {
  std::vector<Prefix> texts = kPrompts;  // one of them a single token
  HeadCache cache(head, texts, states_of(texts));
  EXPECT_EQ(drafted(cache, texts), from_scratch(texts));
  const std::vector<std::vector<std::vector<Token>>> rounds = {
      {{3, 1}, {}, {2}}, {{}, {}, {}}, {{0}, {3, 1, 4, 2}, {3}}, {{5, 5, 5}, {1}, {}}};
  for (const auto& accepted : rounds) {
    play(cache, texts, accepted, 2);
    EXPECT_EQ(drafted(cache, texts), from_scratch(texts));
  }
}

TEST_P(HeadCaches, RoundsWithoutADraftLeaveNothingBehind) {
  std::vector<Prefix> texts = kPrompts;
  HeadCache cache(head, texts, states_of(texts));
  for (int round = 0; round < 3; ++round) {
    for (size_t b = 0; b < texts.size(); ++b) cache.catch_up(static_cast<int>(b), texts[b]);  // and no pass
    play(cache, texts, {{1}, {}, {4, 4}}, 3);
  }
  EXPECT_EQ(drafted(cache, texts), from_scratch(texts));
}

// Others may write text without telling states, or take it back: what is not known carries zeros, so that q is worse
// and still a law.  Once the target scored the end again, heads that read no more than that are right again.
TEST_P(HeadCaches, FollowATextThatOthersChange) {
  std::vector<Prefix> texts = {{1, 2, 3, 1, 2}};
  HeadCache cache(head, texts, states_of(texts));
  drafted(cache, texts);
  for (std::vector<Prefix> changed :
       {std::vector<Prefix>{{1, 2, 5, 0, 4, 1}}, {{1, 2, 0, 2}}, {{4, 4, 4, 4, 4, 4, 4, 4}}}) {
    const std::vector<float> unknown = drafted(cache, changed);
    EXPECT_EQ(unknown.size(), 3 * static_cast<size_t>(kVocab));
    EXPECT_TRUE(std::all_of(unknown.begin(), unknown.end(), [](float x) { return std::isfinite(x); }));
    EXPECT_NE(unknown, from_scratch(changed)) << "the states behind the change were never told";
    play(cache, changed, {{4, 0}}, 3);
    if (!head.head_traits()->attends) {
      EXPECT_EQ(drafted(cache, changed), from_scratch(changed));
    }
  }
}

// The instrument: states that stand one token off are noticed.
TEST_P(HeadCaches, StatesOfTheWrongTokenAreNoticed) {
  const std::vector<Prefix> texts = {{1, 2, 3, 1, 2}};
  Pass moved = states_of(texts);
  moved.hidden = moved.hidden.roll(1, 1).contiguous();
  HeadCache cache(head, texts, moved);
  EXPECT_NE(drafted(cache, texts), from_scratch(texts));
}

// Hydra++: text rows attend and drafted rows do not, so it is its own way through passes; `hydra` alone stands in the
// conformance tests.
TEST(PrefixHeads, KeepTheLawOfWholeTexts) {
  for (const std::string verifier : {"rejection", "block", "traversal"}) {
    for (const char* shape : {"length=2", "tree=without_replacement(widths=\"2x1\")"}) {
      const Pair pair{cat("hydra(head=\"hydra_prefix\",", shape, ")"), verifier};
      if (!pair.composed("temperature(0.8)").problems.empty()) continue;  // a chain's rule
      const Bench bench(pair, "temperature(0.8)", {.vocab = 3});
      const auto law = [&](const Prefix& text) { return bench.target_law(text); };
      EXPECT_LT(law_error(bench.session(3), kRepeating, 1, law), 5e-6) << shape << " " << verifier;
    }
  }
}

TEST(PrefixHeads, WriteTheSameTextAloneAndInABatch) {
  const Bench bench({"hydra(head=\"hydra_prefix\",length=3)", "rejection"}, "temperature(0.7)");
  const std::vector<Decoded> together = bench.run(kPrompts, kRequests, 24);
  for (size_t b = 0; b < kPrompts.size(); ++b)
    EXPECT_EQ(bench.run({kPrompts[b]}, {kRequests[b]}, 24)[0].tokens, together[b].tokens) << b;
}

}  // namespace
}  // namespace specula::testing
