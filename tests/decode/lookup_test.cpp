// Drafters that look up: what each drafts of texts made by hand, and that none reads more than what is new.
#include <gtest/gtest.h>

#include <ATen/ops/zeros.h>

#include "drafters/ngram_hash.h"
#include "drafters/ngram_map.h"
#include "drafters/ngram_trie.h"
#include "drafters/prompt_lookup.h"
#include "drafters/suffix_tree.h"
#include "drafters/token_recycling.h"
#include "framework/certify/hash_model.h"
#include "framework/decode/decode.h"

namespace specula::testing {
namespace {

using Tokens = std::vector<Token>;

Registry<Drafter>::Entry entry_of(const std::string& name) {
  for (const auto make : {prompt_lookup, ngram_map, ngram_hash, ngram_trie, suffix_tree, token_recycling}) {
    if (make().name == name) return make();
  }
  throw std::logic_error(name);
}

// A drafter asked by hand, outside of the loop.
struct Desk {
  std::unique_ptr<Drafter> drafter;
  explicit Desk(const std::string& call) {
    const Params params{.place = "test", .values = parse_call(call, "test")};
    const auto entry = entry_of(call.substr(0, call.find('(')));
    entry.facts(params, Policy::kSampled);
    drafter = entry.make(params, {});
  }

  void begin(const std::vector<Prefix>& texts, const std::vector<int64_t>& requests) {
    drafter->begin(texts, requests, {});
  }
  std::vector<DraftTree> draft(const std::vector<Prefix>& texts, const std::vector<int64_t>& requests,
                               int64_t remaining = 100, int rows = 512) {
    const HashModel model({.vocab = 100});
    const Sampler sampler;
    const Keyring keys(0);
    const auto cache = model.new_cache(1, 0);
    PhaseClock clock;
    const std::vector<int64_t> starts(texts.size(), 1), left(texts.size(), remaining);
    const std::vector<char> done(texts.size(), 0);
    return drafter->draft({.prefixes = texts,
                           .requests = requests,
                           .starts = starts,
                           .remaining = left,
                           .done = done,
                           .row_budget = rows,
                           .policy = Policy::kSampled,
                           .sampler = sampler,
                           .keys = keys,
                           .target = model,
                           .target_cache = *cache,
                           .clock = clock});
  }
  DraftTree draft(const Prefix& text, int64_t remaining = 100, int rows = 512) {
    return draft(std::vector<Prefix>{text}, {1}, remaining, rows)[0];
  }
  DraftTree draft_for(int64_t request, const Prefix& text) { return draft(std::vector<Prefix>{text}, {request})[0]; }
  // What became of a tree, with the target's logits of its rows.
  void observe(const DraftTree& tree, const std::vector<int>& path, const Tensor& logits) {
    const std::vector<Prefix> texts{{0}};
    const std::vector<int64_t> requests{1};
    const std::vector<DraftTree> trees{tree};
    const std::vector<Verdict> verdicts{{.path = path, .next = 0}};
    const Pass pass{.logits = logits, .hidden = {}};
    drafter->observe({.prefixes = texts, .requests = requests, .drafts = trees, .verdicts = verdicts, .target = pass});
  }
};

DraftTree drafted(const std::string& call, const Prefix& text, int64_t remaining = 100, int rows = 512) {
  Desk desk(call);
  desk.begin({text}, {1});
  const DraftTree tree = desk.draft(text, remaining, rows);
  check_tree(tree, text.back(), 100, TreeCheck::kAll);
  for (int row = 1; row < tree.size(); ++row) EXPECT_EQ(tree.draw[static_cast<size_t>(row)], Draw::kPoint);
  return tree;
}
Tokens below_root(const DraftTree& tree) { return {tree.token.begin() + 1, tree.token.end()}; }
Tokens tokens(const std::string& call, const Prefix& text, int64_t remaining = 100, int rows = 512) {
  return below_root(drafted(call, text, remaining, rows));
}
// "1(2,3(4))": the candidates with their children.
std::string shape(const DraftTree& tree, int row = 0) {
  std::string below;
  for (const int child : tree.children(row)) below += cat(below.empty() ? "" : ",", shape(tree, child));
  if (row == 0) return below;
  return cat(tree.token[static_cast<size_t>(row)], below.empty() ? "" : "(" + below + ")");
}
std::string tree_of(const std::string& call, const Prefix& text, int64_t remaining = 100, int rows = 512) {
  return shape(drafted(call, text, remaining, rows));
}

// ---- n-gram map ----

TEST(NgramMap, DraftsTheContinuationThatDominates) {
  const Prefix thrice = {1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 5, 7, 1, 2};  // 1 2 -> 3 twice, 5 once
  EXPECT_EQ(tokens("ngram_map(length=2)", thrice), (Tokens{3, 8})) << "two thirds, copied from where it stood last";
  EXPECT_EQ(tokens("ngram_map(length=2,share=0.7)", thrice), Tokens{});
  EXPECT_EQ(tokens("ngram_map(length=2,min_hits=2)", thrice), (Tokens{3, 8}));
  EXPECT_EQ(tokens("ngram_map(length=2,min_hits=3)", thrice), Tokens{});
  EXPECT_EQ(tree_of("ngram_map(length=2,share=0.3,branches=2)", thrice), "3(8),5(7)");
  EXPECT_EQ(tree_of("ngram_map(length=2,share=0.3,branches=2)", thrice, 100, 4), "3(8),5") << "the budget of rows";
  EXPECT_EQ(tokens("ngram_map", {1, 2, 3, 4}), Tokens{});
  EXPECT_EQ(tokens("ngram_map", {1}), Tokens{});
}

// The longest n-gram that was followed decides, also for nothing.
TEST(NgramMap, ALongerNgramDecides) {
  const Prefix text = {7, 1, 2, 3, 6, 1, 2, 4, 1, 2, 4, 5, 7, 1, 2};
  EXPECT_EQ(tokens("ngram_map(length=1)", text), Tokens{3}) << "7 1 2";
  EXPECT_EQ(tokens("ngram_map(length=1,max_ngram=2)", text), Tokens{4}) << "1 2: two of three";
  EXPECT_EQ(tokens("ngram_map(length=1,min_hits=2)", text), Tokens{4}) << "7 1 2 was followed once";
}

TEST(NgramMap, KeepsTheFourMostFrequentContinuations) {
  Prefix text;
  for (const Token next : {10, 10, 11, 11, 12, 12, 13, 14, 14}) text.insert(text.end(), {1, 2, next});
  text.insert(text.end(), {1, 2});
  const std::string call = "ngram_map(max_ngram=2,length=1,share=0,branches=4)";
  EXPECT_EQ(tree_of(call, text), "14,12,11,10") << "the latest of equals first; 14 took the place of 13";
}

// ---- n-gram hash ----

TEST(NgramHash, RollsOnFromTokenToToken) {
  EXPECT_EQ(tokens("ngram_hash(length=5)", {0, 1, 0, 1}), (Tokens{0, 1, 0, 1, 0}));
  EXPECT_EQ(tokens("ngram_hash(ngram=3)", {1, 2, 3, 4, 5, 1, 2, 3}, 4), (Tokens{4, 5, 1}));
  EXPECT_EQ(tokens("ngram_hash(ngram=3)", {1, 2, 3, 4, 5, 6, 2, 3}), Tokens{}) << "6 2 3 is new";
  EXPECT_EQ(tokens("ngram_hash(ngram=2)", {1, 2, 3, 1, 2, 4, 1, 2}, 2), Tokens{4}) << "the last one seen";
  EXPECT_EQ(tokens("ngram_hash(ngram=2)", {1}), Tokens{});
}

TEST(NgramHash, DropsDraftsThatAreTooShort) {
  const Prefix text = {1, 2, 3, 4, 9, 3, 2, 4, 8, 4, 9};  // 4 9 -> 3, 9 3 -> 2, 3 2 -> 4, 2 4 -> 8, 4 8, 8 4 -> 9, ..
  EXPECT_EQ(tokens("ngram_hash(length=8,min_length=8)", text).size(), 8U);
  EXPECT_EQ(tokens("ngram_hash(min_length=2)", {1, 2, 3, 1, 2}),
            (Tokens{3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}));
  EXPECT_EQ(tokens("ngram_hash(min_length=3)", {4, 4, 7, 8, 4}), Tokens{}) << "8 4 was not followed";
  EXPECT_EQ(tokens("ngram_hash(min_length=3,length=4)", {1, 2, 3, 1, 2}, 2), Tokens{3}) << "no room for more";
}

// One slot for everything: wrong drafts, and a sound tree.
TEST(NgramHash, CollisionsAreHarmless) {
  EXPECT_EQ(tokens("ngram_hash(slots=1,length=2)", {1, 2, 3, 4, 5}), (Tokens{5, 5}));
}

// ---- n-gram trie ----

TEST(NgramTrie, DraftsATreeOfSeveralMatches) {
  // after 1 2: 5 (latest), 3; after 2 alone: also 6
  const Prefix text = {1, 2, 3, 4, 9, 2, 6, 8, 1, 2, 5, 7, 1, 2};
  EXPECT_EQ(tree_of("ngram_trie(max_window=2,min_window=2,max_breadth=2,min_breadth=2,nodes=4)", text), "5(7),3(4)");
  EXPECT_EQ(tree_of("ngram_trie(max_window=2,max_breadth=3,nodes=3,min_breadth=1)", text), "5(7(1))")
      << "the longest match has a breadth of one";
  EXPECT_EQ(tree_of("ngram_trie(max_window=2,max_breadth=3,min_breadth=1,nodes=8,max_depth=3)", text), "5(7),6(8),3(4)")
      << "depth 3 leaves one token to the match of 2; that of 1 adds the rest";
  EXPECT_EQ(tree_of("ngram_trie(expansion=frequency,max_window=2,nodes=2)", text), "5(7)") << "7 is as likely as 3";
  EXPECT_EQ(tree_of("ngram_trie(expansion=frequency,max_window=2,nodes=3,max_depth=3)", text), "5(7),3")
      << "both of the match of 2, then the first of the match of 1";
  EXPECT_EQ(tree_of("ngram_trie(nodes=1)", text), "5");
  EXPECT_EQ(tree_of("ngram_trie", text, 2).find('('), std::string::npos) << "one token of depth";
  EXPECT_EQ(tree_of("ngram_trie", {1, 2, 3}), "");
}

TEST(NgramTrie, FrequencyIsByCounts) {
  const Prefix text = {1, 2, 9, 1, 2, 8, 1, 3, 7, 1};  // after 1: 2 twice, 3 once, and 3 is the latest
  EXPECT_EQ(tree_of("ngram_trie(expansion=recency,nodes=1)", text), "3");
  EXPECT_EQ(tree_of("ngram_trie(expansion=frequency,nodes=1)", text), "2");
}

TEST(NgramTrie, ForgetsTheOldest) {
  Prefix text = {1, 2, 3};
  for (Token t = 10; t < 18; ++t) text.push_back(t);
  text.push_back(1);
  EXPECT_EQ(tree_of("ngram_trie(max_window=2,max_depth=4,nodes=2)", text), "2(3)");
  EXPECT_EQ(tree_of("ngram_trie(max_window=2,max_depth=4,nodes=2,capacity=11)", text), "") << "the first 1 has left";
}

// ---- suffix tree ----

TEST(SuffixTreeDrafter, FollowsTheCounts) {
  const Prefix text = {1, 2, 3, 9, 1, 2, 3, 8, 1, 2, 5, 7, 1, 2};  // 1 2 -> 3 twice, 5 once
  EXPECT_EQ(tokens("suffix_tree", text), (Tokens{3, 8})) << "factor * match = 2 tokens";
  EXPECT_EQ(tokens("suffix_tree(factor=0,offset=1)", text), Tokens{3});
  EXPECT_EQ(tokens("suffix_tree(factor=0,offset=9,min_token_prob=0.5)", text), Tokens{3}) << "3 splits in halves";
  EXPECT_EQ(tokens("suffix_tree(min_token_prob=0.7)", text), Tokens{});
  EXPECT_EQ(tokens("suffix_tree(factor=0)", text), Tokens{});
  EXPECT_EQ(tree_of("suffix_tree(tree=true,factor=2)", text), "3,5(7(1))") << "two thirds, a third for each other";
  EXPECT_EQ(tokens("suffix_tree(length=1)", text), Tokens{3});
}

// A match of 4 leaves 2 tokens of a depth of 6; one of 3 leaves 3, of which 3 may be drafted.
TEST(SuffixTreeDrafter, TheMatchWithTheHighestScoreWins) {
  const Prefix text = {1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4};
  EXPECT_EQ(tokens("suffix_tree(max_tree_depth=6)", text), (Tokens{5, 6, 7}));
  EXPECT_EQ(tokens("suffix_tree(max_tree_depth=5)", text), (Tokens{5, 6}));
  EXPECT_EQ(tokens("suffix_tree", text), (Tokens{5, 6, 7, 8}));
}

TEST(SuffixTreeDrafter, FinishedOutputsAreLookedUpInARunAlone) {
  const Prefix prompt = {50, 51}, text = {50, 51, 1, 2, 3, 4};
  for (const std::string scope : {"request", "run"}) {
    Desk desk(cat("suffix_tree(scope=", scope, ")"));
    desk.begin({prompt}, {1});
    desk.drafter->finish(1, text);
    desk.begin({{8, 1, 2}, {9, 50}}, {2, 3});
    const auto trees = desk.draft({{8, 1, 2}, {9, 50}}, {2, 3});
    EXPECT_EQ(below_root(trees[0]), scope == "run" ? (Tokens{3, 4}) : Tokens{}) << scope;
    EXPECT_EQ(trees[1].size(), 1) << "prompts of others are not kept";
  }
}

TEST(SuffixTreeDrafter, TheOldestOutputsLeave) {
  for (const int kept : {1, 2}) {
    Desk desk(cat("suffix_tree(scope=run,max_cached_requests=", kept, ")"));
    desk.begin({{0}, {0}}, {1, 2});
    desk.drafter->finish(1, {0, 1, 2, 3});
    desk.drafter->finish(2, {0, 5, 6, 7});
    desk.begin({{9}}, {3});
    EXPECT_EQ(below_root(desk.draft_for(3, {9, 1, 2})), kept == 2 ? Tokens{3} : Tokens{}) << kept;
    EXPECT_EQ(below_root(desk.draft_for(4, {9, 5, 6})), Tokens{7}) << kept;
  }
  Desk small("suffix_tree(scope=run,max_cached_tokens=4)");
  small.begin({{0}}, {1});
  small.drafter->finish(1, {0, 1, 2, 3});
  small.drafter->finish(1, {0, 5, 6, 7});
  EXPECT_EQ(below_root(small.draft_for(3, {9, 1, 2})), Tokens{});
  EXPECT_EQ(below_root(small.draft_for(4, {9, 5, 6})), Tokens{7});
}

// ---- token recycling ----

TEST(TokenRecycling, BeginsWithTheSuccessorsInThePrompt) {
  EXPECT_EQ(tree_of("token_recycling(nodes=3)", {0, 1, 0, 1}), "0(1)") << "no second successor";
  EXPECT_EQ(tree_of("token_recycling(nodes=2)", {1, 2, 1, 3, 1}), "3,2") << "the latest first";
  EXPECT_EQ(tree_of("token_recycling(from_prompt=false)", {0, 1, 0, 1}), "");
}

// Logits [1,R,V] whose largest entries in each row are the given tokens, in order.
Tensor naming(const std::vector<Tokens>& rows) {
  Tensor logits = at::zeros({1, static_cast<int64_t>(rows.size()), 100});
  for (size_t r = 0; r < rows.size(); ++r) {
    for (size_t i = 0; i < rows[r].size(); ++i)
      logits.mutable_data_ptr<float>()[r * 100 + static_cast<size_t>(rows[r][i])] = 10 - static_cast<float>(i);
  }
  return logits;
}

TEST(TokenRecycling, LinksWhatTheTargetNamed) {
  Desk desk("token_recycling(nodes=12,width=2,hit=0.5)");
  desk.begin({{5}}, {1});
  EXPECT_EQ(desk.draft({5}).size(), 1) << "nothing is known of 5";
  DraftTree verified = DraftTree::root_only(5);
  verified.add(6, 0, Draw::kPoint);
  desk.observe(verified, {}, naming({{7, 6}, {8, 9}}));
  EXPECT_EQ(shape(desk.draft({5})), "7,6(8,9)") << "rejected rows teach too; nothing is known of 7";
}

// The row that was accepted speaks last where a token stands in several.
TEST(TokenRecycling, TheAcceptedPathOverwritesTheRest) {
  for (const std::vector<int>& path : {std::vector<int>{1}, std::vector<int>{2}, std::vector<int>{}}) {
    Desk desk("token_recycling(nodes=1,width=1)");
    desk.begin({{5}}, {1});
    DraftTree verified = DraftTree::root_only(5);
    verified.add(5, 0, Draw::kPoint);
    verified.add(6, 0, Draw::kPoint);
    desk.observe(verified, path, naming({{10}, {11}, {12}}));
    EXPECT_EQ(shape(desk.draft({5})), path == std::vector<int>{1} ? "11" : "10");
  }
}

TEST(TokenRecycling, TheTemplateIsTheTreeOfTheMostExpectedTokens) {
  // With a half each: gains 1/2; 1/4, 1/4; 1/8 four times: a binary tree along the first ranks.
  Prefix all;
  for (Token t = 0; t < 25; ++t) all.insert(all.end(), {t / 5, t % 5});
  const auto sizes = [&](const std::string& call) {
    const DraftTree tree = drafted(call, all);
    int deepest = 0;
    for (int row = 0; row < tree.size(); ++row) deepest = std::max(deepest, tree.depth(row));
    return std::pair(tree.size() - 1, deepest);
  };
  EXPECT_EQ(sizes("token_recycling(nodes=3,hit=0.5)"), std::pair(3, 2));
  EXPECT_EQ(sizes("token_recycling(nodes=7,hit=0.9,length=4)"), std::pair(7, 4));
  EXPECT_EQ(sizes("token_recycling(nodes=3,hit=0.1)"), std::pair(3, 1));
  EXPECT_EQ(drafted("token_recycling(nodes=24)", all, 3).depth(1), 1);
}

TEST(TokenRecycling, RequestsBeginWithWhatWasLearnedInARunAlone) {
  for (const std::string scope : {"request", "run"}) {
    Desk desk(cat("token_recycling(nodes=1,from_prompt=true,scope=", scope, ")"));
    desk.begin({{5}}, {1});
    desk.observe(DraftTree::root_only(5), {}, naming({{7}}));
    EXPECT_EQ(shape(desk.draft({5})), "7");
    desk.begin({{5, 4, 5}}, {2});
    EXPECT_EQ(shape(desk.draft_for(2, {5, 4, 5})), "4") << "not before the request has finished";
    desk.begin({{5}}, {1});
    desk.observe(DraftTree::root_only(5), {}, naming({{7}}));
    desk.drafter->finish(1, {5, 7});
    desk.begin({{5, 4, 5}}, {2});
    EXPECT_EQ(shape(desk.draft_for(2, {5, 4, 5})), scope == "run" ? "7" : "4");
  }
}

// ---- all of them ----

class Lookups : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Calls, Lookups,
                         ::testing::Values("prompt_lookup", "prompt_lookup(match=first)", "ngram_map",
                                           "ngram_map(branches=4,share=0)", "ngram_hash", "ngram_trie",
                                           "ngram_trie(expansion=frequency)", "suffix_tree", "suffix_tree(tree=true)",
                                           "token_recycling"));

const Prefix kFirst = {1, 2, 3, 4, 1, 2, 3, 4, 1, 2}, kSecond = {1, 2, 7, 8, 1, 2, 7, 8, 1, 2};

// Each index belongs to its own sequence and request: alone, in a batch, at another place of it.
TEST_P(Lookups, SequencesOfABatchAreIndependent) {
  Desk desk(GetParam());
  desk.begin({kSecond, kFirst}, {8, 9});
  const auto together = desk.draft({kSecond, kFirst}, {8, 9});
  for (const auto& [text, tree] : {std::pair(kSecond, together[0]), std::pair(kFirst, together[1])}) {
    EXPECT_GT(tree.size(), 1);
    EXPECT_EQ(shape(drafted(GetParam(), text)), shape(tree));
  }
  EXPECT_NE(shape(together[0]), shape(together[1]));
}

// Texts of equal length, so that a stale index would not show by its size.
TEST_P(Lookups, AnotherRequestStartsAnew) {
  const std::string expected = tree_of(GetParam(), kSecond);
  Desk again(GetParam());
  again.begin({kFirst}, {1});
  again.draft(kFirst);
  again.begin({kSecond}, {1});
  EXPECT_EQ(shape(again.draft(kSecond)), expected) << "begin() with the same request";
  if (std::string(GetParam()) == "token_recycling") return;  // it knows a prompt from begin() alone
  Desk changed(GetParam());
  changed.draft_for(1, kFirst);
  EXPECT_EQ(shape(changed.draft_for(2, kSecond)), expected) << "another request in the same place";
  Prefix shorter(kSecond.begin(), kSecond.end() - 4);
  changed.draft_for(2, kSecond);
  EXPECT_EQ(shape(changed.draft_for(2, shorter)), tree_of(GetParam(), shorter)) << "a shorter text";
}

// The draft after many rounds is that of the whole text at once.
TEST_P(Lookups, TheIndexGrowsWithTheText) {
  Desk desk(GetParam());
  Prefix text = {3, 1, 4};
  desk.begin({text}, {1});
  const Keyring keys(1);
  int drafts = 0;
  for (int64_t i = 0; i < 300; ++i) {
    const auto next = static_cast<Token>(keys.uniform(Use::kDraft, 0, i, 0) * 4);
    text.push_back(i % 50 < 25 ? next : text[text.size() - 20 % text.size()]);
    const DraftTree tree = desk.draft(text, 1 + i % 7, 3 + static_cast<int>(i % 9));
    check_tree(tree, text.back(), 100, TreeCheck::kAll);
    drafts += tree.size() > 1 ? 1 : 0;
    if (std::string(GetParam()) != "token_recycling") {  // it learns a prompt at once, and then what is observed
      EXPECT_EQ(shape(tree), tree_of(GetParam(), text, 1 + i % 7, 3 + static_cast<int>(i % 9))) << i;
    }
    for (int row = 1; row < tree.size(); ++row) EXPECT_LT(tree.depth(row), 1 + i % 7);
    EXPECT_LE(tree.size(), 3 + i % 9);
  }
  EXPECT_GT(drafts, 100);
}

// A rescan would find the decoys that are written over text which was read already.
TEST_P(Lookups, OldTextIsNotReadAgain) {
  Prefix text = {20, 21, 22, 23, 24, 1, 2, 3, 4, 5, 6, 25, 26, 27, 28, 29};
  Desk desk(GetParam());
  desk.begin({text}, {1});
  text.insert(text.end(), {30, 1, 2, 3});
  const std::string expected = shape(desk.draft(text, 4));
  if (std::string(GetParam()) == "token_recycling") {
    EXPECT_EQ(expected.substr(0, 1), "4");
    return;  // it keeps no text
  }
  EXPECT_EQ(expected.substr(0, 3), "4(5");
  Prefix decoyed = text;
  for (const size_t at : {0, 11})
    std::copy_n(Prefix{30, 1, 2, 3, 9}.begin(), 5, decoyed.begin() + static_cast<int64_t>(at));
  EXPECT_EQ(shape(desk.draft(decoyed, 4)), expected);
  Desk rescan(GetParam());  // the fault: an index of the whole text as it is now
  rescan.begin({decoyed}, {1});
  EXPECT_NE(shape(rescan.draft(decoyed, 4)), expected) << "the decoys would show";
}

TEST_P(Lookups, LongTextsAreDraftedFrom) {
  Desk desk(GetParam());
  Prefix text;
  const Keyring keys(7);
  for (int64_t i = 0; i < 50000; ++i) text.push_back(static_cast<Token>(keys.uniform(Use::kDraft, 0, i, 0) * 100));
  desk.begin({text}, {1});
  int drafts = 0;
  for (int64_t i = 0; i < 2000; ++i) {
    text.push_back(text[static_cast<size_t>(10000 + i)]);  // a copy of long ago
    const DraftTree tree = desk.draft(text);
    drafts += tree.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(drafts, 1900);
}

TEST(Lookup, OptionsThatExcludeEachOtherAreRefused) {
  for (const auto& [call, text] : std::vector<std::pair<std::string, std::string>>{
           {"prompt_lookup(min_ngram=4)", "prompt_lookup min_ngram = 4 is more than max_ngram = 3"},
           {"ngram_map(min_ngram=9)", "ngram_map min_ngram = 9 is more than max_ngram = 4"},
           {"ngram_hash(min_length=20)", "ngram_hash min_length = 20 is more than length = 16"},
           {"ngram_trie(min_window=13)", "ngram_trie min_window = 13 is more than max_window = 12"},
           {"ngram_trie(max_depth=12)",
            "ngram_trie max_window = 12 leaves nothing to draft of max_depth = 12; it must be less"},
           {"ngram_trie(min_breadth=11)", "ngram_trie min_breadth = 11 is more than max_breadth = 10"},
           {"ngram_trie(capacity=35)", "ngram_trie capacity = 35 is less than twice max_depth = 18"}}) {
    try {
      const Desk desk(call);
      ADD_FAILURE() << call << " was taken";
    } catch (const ConfigError& e) {
      EXPECT_EQ(std::string(e.what()), text);
    }
  }
}

TEST(Lookup, StateThatOutlivesARequestIsSaid) {
  for (const char* name : {"ngram_hash", "ngram_trie", "suffix_tree", "token_recycling"}) {
    for (const std::string scope : {"request", "run"}) {
      const Params params{.place = "test", .values = parse_call(cat(name, "(scope=", scope, ")"), "test")};
      const Facts facts = entry_of(name).facts(params, Policy::kSampled);
      EXPECT_EQ(facts.scope, scope == "run" ? Scope::kRun : Scope::kRequest) << name;
      EXPECT_FALSE(facts.memory.empty()) << name;
    }
  }
}

}  // namespace
}  // namespace specula::testing
