// regex, grammar and json_schema while decoding: every text is on its way to a match, whatever was drafted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "framework/certify/decode_law.h"
#include "framework/text/automaton.h"
#include "framework/text/regex.h"
#include "tests/decode/sampler_support.h"

namespace specula::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kPattern = "(ab|ba[cd]?)*e?f";
const std::string kPolicy = "regex(pattern=\"(ab|ba[cd]?)*e?f\"),temperature(1.3)";

std::string letters(const Prefix& text, size_t from) {
  std::string spelled;
  for (size_t i = from; i < text.size(); ++i) spelled += static_cast<char>('a' + text[i]);
  return spelled;
}

// Every drafter that composes with an exact rule: with a model, without, chains, trees, drafts that know no mask.
TEST(Constraint, HoldsUnderEveryDrafterAndExactRule) {
  const Automaton automaton(parse_regex(kPattern));
  constexpr Token kStop = 6;
  size_t finished = 0, compositions = 0;
  for (const Pair& pair : pairs(kPolicy, [](const Composed& c) { return c.guarantee != Guarantee::kMixture; })) {
    const Bench bench(pair, kPolicy);
    for (uint64_t seed = 0; seed < 2; ++seed) {
      const auto texts = bench.run(kPrompts, kRequests, 24, seed, {kStop});
      for (size_t b = 0; b < 3; ++b) {
        std::string text = letters(texts[b].tokens, kPrompts[b].size());
        const bool is_ended = texts[b].stop == Stop::kStopToken;
        if (is_ended) text.pop_back();
        const Automaton::State end = automaton.walk(automaton.start(), text);
        ASSERT_NE(end, Automaton::kDead) << pair.name() << ": " << text;
        EXPECT_TRUE(!is_ended || automaton.is_accepting(end)) << pair.name() << ": " << text;
        finished += is_ended ? 1 : 0;
      }
    }
    ++compositions;
  }
  EXPECT_GT(compositions, 40U);
  EXPECT_GT(finished, compositions);
}

// Rows below an illegal token have no law under the policy; whoever drafts such rows must neither stop the run nor
// change its text.
class Scattering final : public Drafter {
 public:
  std::vector<DraftTree> draft(const Round& round) override {
    std::vector<DraftTree> trees;
    for (size_t b = 0; b < round.prefixes.size(); ++b) {
      DraftTree& tree = trees.emplace_back();
      if (round.done[b] != 0) continue;
      tree = DraftTree::root_only(round.prefixes[b].back());
      const int depth = round.depth_limit(b, 2);
      for (Token t = 0; t < 7 && depth > 0; ++t) tree.add(t, 0, Draw::kPoint);
      for (int row = 1; row <= 7 && depth > 1; ++row) {
        for (Token t = 0; t < 7; ++t) tree.add(t, row, Draw::kPoint);
      }
    }
    return trees;
  }
};

TEST(Constraint, DraftsOfEveryTokenAreAcceptedWhereTheyMayStand) {
  for (const char* rule : {"rejection", "agreement"}) {
    const Bench plain({"none", "agreement"}, kPolicy), bench({"none", rule}, kPolicy);
    for (uint64_t seed = 0; seed < 10; ++seed) {
      Scattering drafter;
      Counts counts;
      const Session session{.target = bench.target,
                            .drafter = drafter,
                            .verifier = *bench.verifier,
                            .policy = bench.facts.policy,
                            .sampler = bench.sampler,
                            .keys = Keyring(seed),
                            .max_new_tokens = 30,
                            .stop = {6},
                            .log = &counts,
                            .check_trees = true};
      const auto texts = decode(session, kPrompts, kRequests);
      EXPECT_GT(counts.accepted, 3);
      const Automaton automaton(parse_regex(kPattern + "g?"));
      for (size_t b = 0; b < 3; ++b)
        EXPECT_NE(automaton.walk(automaton.start(), letters(texts[b].tokens, kPrompts[b].size())), Automaton::kDead);
      if (bench.facts.guarantee != Guarantee::kCoupled) continue;
      const auto baseline = plain.run(kPrompts, kRequests, 30, seed, {6});
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(texts[b].tokens, baseline[b].tokens) << "seed " << seed;
    }
  }
}

TEST(Constraint, DraftsOfAModelAreMaskedToo) {
  const Bench bench({"draft_model(tree=iid(widths=\"2x2\"))", "rejection"}, kPolicy);
  struct Drafted final : RoundLog {
    std::set<Token> firsts;
    void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
      for (const int row : record.tree.children(0)) firsts.insert(record.tree.token[static_cast<size_t>(row)]);
      over = true;
    }
    std::atomic<bool> over{false};
  } log;
  for (uint64_t seed = 0; seed < 30; ++seed) {
    log.over = false;
    Session session = bench.session(9, seed);
    session.stop = {6};
    session.log = &log;
    session.interrupt = &log.over;
    decode(session, {kRepeating}, std::vector<int64_t>{7});
  }
  EXPECT_THAT(log.firsts, ElementsAre(0, 1, 4, 5)) << "a, b, e, f";
}

TEST(Constraint, WithoutAStopTokenTheTextIsFreeAfterTheMatch) {
  const Bench bench({"draft_model(length=3)", "rejection"}, "regex(pattern=\"abf\")");
  std::set<std::string> rest;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const std::string text = letters(bench.run({kRepeating}, {7}, 8, seed)[0].tokens, kRepeating.size());
    EXPECT_TRUE(text.starts_with("abf")) << text;
    rest.insert(text.substr(3));
  }
  EXPECT_GT(rest.size(), 10U);
  EXPECT_EQ(letters(bench.run({kRepeating}, {7}, 8, 0, {6})[0].tokens, kRepeating.size()), "abfg")
      << "with one it ends";
}

TEST(Constraint, AVocabularyThatCannotGoOnIsAnError) {
  const Bench bench({"none", "rejection"}, "regex(pattern=\"abxyz\")");
  try {
    bench.run({kRepeating}, {7}, 8, 0, {6});
    FAIL() << "there is no token with x";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("regex: the text of request 7 cannot go on at position 6"));
  }
  EXPECT_THROW(make_sampler(all_registries(), parse_samplers(kPolicy, "test")), ConfigError) << "no tokenizer";
}

TEST(Constraint, TokensOfSeveralCharactersAreWalkedByteByByte) {
  const auto tokenizer = piece_tokenizer({"a", "ab", "bc", "\xC3", "\xA9", "c", "é!"});
  const SamplerCase regex{.name = "regex", .call = "regex(pattern=\"ab+c|é!?\")"};
  const auto allowed = [&](const Prefix& generated) {
    RowScene scene{.prefix = {6}, .prompt = 1, .stop = {5}};
    scene.prefix.insert(scene.prefix.end(), generated.begin(), generated.end());
    scene.tree = DraftTree::root_only(scene.prefix.back());
    const LogitRow p = policed(sampler_of(regex, *tokenizer), {LogitRow(7, 0.0F)}, scene)[0];
    std::vector<Token> tokens;
    for (Token t = 0; t < 7; ++t) {
      if (p[static_cast<size_t>(t)] > 0) tokens.push_back(t);
    }
    return tokens;
  };
  EXPECT_THAT(allowed({}), ElementsAre(0, 1, 3, 6));
  EXPECT_THAT(allowed({0}), ElementsAre(2));     // a, then bc
  EXPECT_THAT(allowed({1}), ElementsAre(2));     // ab, then bc: 'c' itself is the stop token here
  EXPECT_THAT(allowed({0, 2}), ElementsAre(5));  // abc: the end
  EXPECT_THAT(allowed({3}), ElementsAre(4));     // half a character
  EXPECT_THAT(allowed({3, 4}), ElementsAre(5));  // é: the end, '!' is no token
}

// The law of texts that end: enumerated, with drafts that no policy made.
TEST(Constraint, TextsThatEndFollowTheLawExactly) {
  for (const char* drafter : {"draft_model(length=2)", "draft_model(tree=iid(widths=\"2x1\"))",
                              "prompt_lookup(min_ngram=1)", "union(drafters=[prompt_lookup,draft_model])"}) {
    const Bench bench({drafter, "rejection"}, "regex(pattern=\"a?b*\"),top_p(0.9)", {.vocab = 3});
    Session session = bench.session(3), plain = bench.session(3);
    session.stop = plain.stop = {2};
    plain.keys = Keyring(17);
    const double error = law_error(session, kRepeating, 2,
                                   [&](const Prefix& text) { return law_to_follow(plain, text, kRepeating.size()); });
    EXPECT_LT(error, 5e-6) << drafter;
  }
}

std::vector<std::string> problems(const std::string& samplers, const std::string& verifier = "rejection",
                                  const std::string& drafter = "draft_model") {
  return Pair{drafter, verifier}.composed(samplers).problems;
}

TEST(ComposedSamplers, SayWhatComesTooLateAndWhichRuleBreaksThem) {
  EXPECT_THAT(problems(kPolicy), IsEmpty());
  EXPECT_THAT(problems("top_k(5),regex"),
              ElementsAre(HasSubstr("'regex' comes after 'top_k', which may have removed")));
  EXPECT_THAT(problems("temperature(0),repetition_penalty"),
              ElementsAre(HasSubstr("'repetition_penalty' would change nothing after temperature = 0")));
  EXPECT_THAT(problems("temperature(0),top_p"), IsEmpty()) << "it keeps the one token";
  EXPECT_THAT(problems("mirostat,mirostat(tau=2)"), ElementsAre(HasSubstr("only one step may")));
  EXPECT_THAT(problems("regex", "lenience"),
              ElementsAre(HasSubstr("a lossy rule may accept what the constraint forbids")));
  EXPECT_THAT(problems("mirostat", "ensemble"), ElementsAre(HasSubstr("would depend on where rounds begin")));
  EXPECT_THAT(problems("regex(pattern=\"(a\")"), ElementsAre(HasSubstr("regex: column 3 of \"(a\"")));
  EXPECT_THAT(problems("json_schema(depth=9)"), ElementsAre(HasSubstr("depth = 9 is out of range 0..4")));
}

}  // namespace
}  // namespace specula::testing
