// Drafters that read a corpus: their indexes against naive searches, their files against damage, what they draft.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <map>

#include "framework/certify/decode_law.h"
#include "framework/core/files.h"
#include "framework/lookup/ngram_counts.h"
#include "framework/lookup/suffix_array.h"
#include "framework/lookup/suffix_automaton.h"
#include "framework/lookup/suffix_index.h"
#include "tests/decode/composition.h"
#include "tests/decode/toy_corpus.h"
#include "tests/decode/toy_tokenizer.h"

namespace specula::testing {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Keyring kKeys(3);

// `size` values below `alphabet`; `repeats`: pieces of the past are copied often, as in text.
Prefix random_text(int64_t seed, int64_t size, int alphabet, bool repeats = false) {
  Prefix text;
  uint32_t draws = 0;
  const auto below = [&](double bound) {
    return static_cast<int64_t>(kKeys.uniform(Use::kSearch, seed, 0, draws++) * bound);
  };
  while (static_cast<int64_t>(text.size()) < size) {
    if (repeats && text.size() > 20 && below(4) == 0) {
      const auto from = static_cast<size_t>(below(static_cast<double>(text.size())));
      for (size_t i = from; i < from + 12 && i < text.size(); ++i) text.push_back(Token(text[i]));
    } else {
      text.push_back(static_cast<Token>(below(alphabet)));
    }
  }
  text.resize(static_cast<size_t>(size));
  return text;
}

std::string error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// ---- suffix array ----

std::vector<int32_t> naive_suffix_array(const Prefix& text) {
  std::vector<int32_t> order(text.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    return std::lexicographical_compare(text.begin() + a, text.end(), text.begin() + b, text.end());
  });
  return order;
}

TEST(SuffixArray, IsTheNaiveOne) {
  EXPECT_THAT(suffix_array({}, 1), IsEmpty());
  for (const int alphabet : {1, 2, 3, 5, 1000}) {
    for (int64_t size = 1; size < 60; ++size) {
      for (const bool repeats : {false, true}) {
        const Prefix text = random_text(alphabet * 1000 + size, size, alphabet, repeats);
        ASSERT_EQ(suffix_array(text, alphabet), naive_suffix_array(text)) << ::testing::PrintToString(text);
      }
    }
  }
  for (int64_t seed = 0; seed < 5; ++seed) {
    const Prefix text = random_text(seed, 3000, 4 + static_cast<int>(seed) * 50, true);
    ASSERT_EQ(suffix_array(text, 300), naive_suffix_array(text)) << seed;
  }
}

// Fibonacci words recurse deepest, and all texts of a few letters are few.
TEST(SuffixArray, OfFibonacciWordsAndOfEveryShortText) {
  Prefix a = {0}, b = {0, 1};
  while (b.size() < 5000) {
    Prefix next = b;
    next.insert(next.end(), a.begin(), a.end());
    a = std::exchange(b, next);
  }
  EXPECT_EQ(suffix_array(b, 2), naive_suffix_array(b));
  for (int code = 0; code < 6561; ++code) {
    Prefix text;
    for (int left = code, i = 0; i < 8; ++i, left /= 3) text.push_back(left % 3);
    ASSERT_EQ(suffix_array(text, 3), naive_suffix_array(text)) << code;
  }
}

// ---- suffix automaton ----

SuffixAutomaton::Repeated naive_repeated(const Prefix& text) {
  const auto size = static_cast<int64_t>(text.size());
  for (int64_t length = size - 1; length > 0; --length) {
    for (int64_t after = length; after < size; ++after) {
      if (std::equal(text.end() - length, text.end(), text.begin() + after - length)) return {length, after};
    }
  }
  return {};
}

TEST(SuffixAutomaton, FindsTheFirstOccurrenceOfTheLongestRepeatedSuffix) {
  for (const int alphabet : {1, 2, 3, 40}) {
    const Prefix text = random_text(alphabet, 150, alphabet, true);
    SuffixAutomaton automaton;
    EXPECT_EQ(automaton.repeated().length, 0);
    for (size_t size = 1; size <= text.size(); ++size) {
      automaton.append(text[size - 1]);
      const auto naive = naive_repeated({text.begin(), text.begin() + static_cast<std::ptrdiff_t>(size)});
      ASSERT_EQ(automaton.repeated().length, naive.length) << alphabet << ", " << size;
      ASSERT_EQ(automaton.repeated().after, naive.after) << alphabet << ", " << size;
    }
  }
}

// ---- suffix index ----

TEST(SuffixIndex, MatchesEndWithTheirDocuments) {
  const std::string path = retrieval_file_of({{1, 2, 3}, {1, 2, 4, 1, 2}, {3, 1}}, "documents.suffixes");
  const SuffixIndex index(path, {.vocab = 5});
  EXPECT_EQ(index.tokens(), 10);
  EXPECT_EQ(index.find(Prefix{1, 2}).count(), 3U);
  EXPECT_EQ(index.find(Prefix{3, 1}).count(), 1U) << "not across the end of the first document";
  EXPECT_EQ(index.find(Prefix{2, 3, 1}).count(), 0U);
  EXPECT_EQ(index.find(Prefix{0}).count(), 0U);
  EXPECT_EQ(index.find(Prefix{77}).count(), 0U) << "an id that the corpus has not";
  std::vector<Prefix> following;
  const SuffixIndex::Range range = index.find(Prefix{1, 2});
  for (size_t rank = range.low; rank < range.high; ++rank) {
    const auto tokens = index.following(rank, 2, 3);
    following.emplace_back(tokens.begin(), tokens.end());
  }
  EXPECT_THAT(following, ElementsAre(Prefix{}, Prefix{3}, Prefix{4, 1, 2}));
}

TEST(SuffixIndex, FindsWhatANaiveSearchFinds) {
  const Prefix corpus = random_text(1, 4000, 6, true);
  const SuffixIndex index(retrieval_file_of({corpus}, "naive.suffixes"), {.vocab = 6});
  const auto occurrences = [&](std::span<const Token> wanted) {
    size_t count = 0;
    for (auto at = corpus.begin(); at != corpus.end(); ++at, ++count) {
      at = std::search(at, corpus.end(), wanted.begin(), wanted.end());
      if (at == corpus.end()) break;
    }
    return count;
  };
  for (int64_t seed = 0; seed < 200; ++seed) {
    Prefix text = random_text(100 + seed, 3, 6);
    const auto from = corpus.begin() + seed * 17;
    text.insert(text.end(), from, from + seed % 9);
    const SuffixIndex::Match match = index.longest(text, 8);
    int longest = 0;
    for (int length = 1; length <= std::min<int>(8, static_cast<int>(text.size())); ++length) {
      const std::span<const Token> end = std::span(text).last(static_cast<size_t>(length));
      ASSERT_EQ(index.find(end).count(), occurrences(end));
      if (occurrences(end) > 0) longest = length;
    }
    ASSERT_EQ(match.length, longest) << seed;
    if (longest > 0) {
      ASSERT_EQ(match.range.count(), occurrences(std::span(text).last(static_cast<size_t>(longest))));
    }
  }
}

// ---- n-gram counts ----

TEST(NgramCounts, AreTheNaiveOnes) {
  const std::vector<Prefix> documents = {random_text(1, 700, 5, true), {1, 2}, random_text(2, 300, 5), {4}};
  for (int order = 1; order <= kLongestNgram; ++order) {
    std::map<Prefix, std::map<Token, uint32_t>> naive;
    for (const Prefix& document : documents) {
      for (auto at = document.begin(); document.end() - at > order; ++at) ++naive[{at, at + order}][at[order]];
    }
    const NgramCounts counts(ngram_file_of(documents, order, "naive.ngrams"), {.vocab = 5});
    ASSERT_EQ(counts.order(), order);
    for (const auto& [ngram, followed] : naive) {
      const auto found = counts.behind(ngram);
      ASSERT_EQ(found.tokens.size(), followed.size());
      uint32_t total = 0, most = 0;
      for (const auto& [token, count] : followed) {
        ASSERT_EQ(found.count_of(token), count);
        total += count;
        most = std::max(most, count);
      }
      EXPECT_EQ(found.total, total);
      EXPECT_EQ(found.most(), most);
      EXPECT_EQ(found.count_of(77), 0U);
    }
    EXPECT_EQ(counts.behind(Prefix(static_cast<size_t>(order), 9)).tokens.size(), 0U);
  }
}

TEST(NgramCounts, RareOnesAreLeftOutAndNoneIsAnError) {
  NgramCounter counter(1);
  counter.add(Prefix{1, 2, 1, 2, 1, 3}, true);
  const std::string path = toy_folder() + "/rare.ngrams";
  counter.write(path, "", 2);
  const NgramCounts counts(path, {.vocab = 5});
  EXPECT_EQ(counts.behind(Prefix{1}).count_of(2), 2U);
  EXPECT_EQ(counts.behind(Prefix{1}).count_of(3), 0U);
  EXPECT_THAT(error_of([&] { counter.write(path, "", 3); }), HasSubstr("were seen 3 times"));
}

// ---- files ----

void load(const std::string& kind, const std::string& path, const Parts& parts) {
  if (kind == kRetrievalKind) {
    SuffixIndex(path, parts);
  } else {
    NgramCounts(path, parts);
  }
}

class CorpusFiles : public ::testing::TestWithParam<const char*> {
 protected:
  std::string kind() const { return GetParam(); }
  std::string file() const { return kind() == kRetrievalKind ? toy_retrieval_file() : toy_ngram_file(); }
  // What is said of other content under the same kind.
  std::string refusal(const std::string& content) const {
    const std::string path = toy_folder() + "/damaged";
    std::ofstream(path, std::ios::binary) << content;
    return error_of([&] { load(kind(), path, {.vocab = 2}); });
  }
};
INSTANTIATE_TEST_SUITE_P(Kinds, CorpusFiles, ::testing::Values(kRetrievalKind, kNgramKind),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(CorpusFiles, AreReadBack) {
  EXPECT_EQ(error_of([&] { load(kind(), file(), {.vocab = 2}); }), "no error");
  EXPECT_EQ(read_corpus_head(file(), kind()).ids, 2);
  EXPECT_EQ(read_corpus_head(file(), "").kind, kind());
  EXPECT_EQ(read_corpus_head(file(), kind()).tokens, 22);
}

TEST_P(CorpusFiles, AFlippedBitAnywhereIsRefused) {
  const std::string sound = read_file(file());
  for (size_t at = 0; at < sound.size(); ++at) {
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << (at % 8)));
    const std::string error = refusal(damaged);
    ASSERT_THAT(error, HasSubstr("specula train")) << "byte " << at;
    if (at >= 256) {
      ASSERT_THAT(error, HasSubstr("is damaged: the checksum is wrong")) << "byte " << at;
    }
  }
}

TEST_P(CorpusFiles, CutAndGrownFilesAreRefused) {
  const std::string sound = read_file(file());
  for (size_t size = 0; size < sound.size(); ++size) {
    const std::string error = refusal(sound.substr(0, size));
    ASSERT_THAT(error, AllOf(HasSubstr(size < 256 ? "no file of a corpus" : "cut short"), HasSubstr("specula train")));
  }
  EXPECT_THAT(refusal(sound + "x"), HasSubstr("has 1 bytes behind"));
  EXPECT_THAT(refusal("{\"text\": \"" + std::string(300, 'a') + "\"}"), HasSubstr("does not begin with"));
}

TEST_P(CorpusFiles, AnotherKindIsNamed) {
  const std::string other = kind() == kRetrievalKind ? kNgramKind : kRetrievalKind;
  EXPECT_THAT(error_of([&] { load(other, file(), {.vocab = 2}); }),
              AllOf(HasSubstr("kind '" + kind() + "'"), HasSubstr("expected '" + other + "'")));
}

TEST_P(CorpusFiles, AnotherTokenizerAndIdsBeyondTheVocabularyAreNamed) {
  const std::string own(64, 'a');
  const std::vector<Prefix> documents = {{0, 5, 0, 5, 0, 5}};
  const std::string path = kind() == kRetrievalKind ? retrieval_file_of(documents, "tokenizer", own)
                                                    : ngram_file_of(documents, 2, "tokenizer", own);
  const auto tokenizer = [](const std::string&) -> const Tokenizer& { return toy_tokenizer(7); };
  const std::string theirs = toy_tokenizer(7).fingerprint().substr(0, 16);
  EXPECT_THAT(error_of([&] { load(kind(), path, {.vocab = 7, .tokenizer = tokenizer}); }),
              AllOf(HasSubstr(own.substr(0, 16)), HasSubstr(theirs), HasSubstr("tokenizer")));
  EXPECT_THAT(error_of([&] { load(kind(), path, {.vocab = 7}); }), HasSubstr("the target's is none"));
  const std::string same = kind() == kRetrievalKind
                               ? retrieval_file_of(documents, "same", toy_tokenizer(7).fingerprint())
                               : ngram_file_of(documents, 2, "same", toy_tokenizer(7).fingerprint());
  EXPECT_EQ(error_of([&] { load(kind(), same, {.vocab = 7, .tokenizer = tokenizer}); }), "no error");
  EXPECT_THAT(error_of([&] { load(kind(), same, {.vocab = 5, .tokenizer = tokenizer}); }),
              AllOf(HasSubstr("token id 5"), HasSubstr("ends at 4")));
}

// Sections that are sound by their checksum and yet lie.
TEST(CorpusFileSections, ThatLieAreRefused) {
  const std::string path = toy_folder() + "/lying";
  using Numbers = std::vector<uint32_t>;
  constexpr uint32_t kEnd = TokenDocuments::kSeparator;
  const auto suffixes = [&](const Numbers& text, const Numbers& order, const Numbers& first) {
    const std::span<const uint32_t> sections[] = {text, order, first};
    write_corpus_file(path, {.kind = kRetrievalKind, .tokenizer = "", .ids = 2, .tokens = 2, .order = 0}, sections);
    return error_of([&] { SuffixIndex(path, {.vocab = 2}); });
  };
  EXPECT_EQ(suffixes({0, 1, kEnd}, {0, 1}, {0, 1, 2}), "no error");
  EXPECT_THAT(suffixes({0, 2, kEnd}, {0, 1}, {0, 1, 2}), HasSubstr("token id that is not below 2"));
  EXPECT_THAT(suffixes({0, 1, kEnd}, {0, 3}, {0, 1, 2}), HasSubstr("position that is not below 3"));
  EXPECT_THAT(suffixes({0, 1, kEnd}, {0, 1}, {0, 3, 2}), HasSubstr("first tokens"));
  EXPECT_THAT(suffixes({0, 1, kEnd}, {0, 1}, {0, 2}), HasSubstr("first tokens"));
  EXPECT_THAT(suffixes({0, 1, 1}, {0, 1}, {0, 1, 2}), HasSubstr("do not fit"));
  EXPECT_THAT(suffixes({}, {0, 1}, {0, 1, 2}), HasSubstr("do not fit"));
  const auto ngrams = [&](std::vector<Numbers> of, int64_t order) {
    const std::vector<std::span<const uint32_t>> sections(of.begin(), of.end());
    write_corpus_file(path, {.kind = kNgramKind, .tokenizer = "", .ids = 2, .tokens = 2, .order = order}, sections);
    return error_of([&] { NgramCounts(path, {.vocab = 2}); });
  };
  EXPECT_EQ(ngrams({{0}, {0, 1}, {9}, {0}, {1}, {9}}, 1), "no error");
  EXPECT_THAT(ngrams({{0}, {0, 1}, {9}, {1}, {1}, {9}}, 1), HasSubstr("place that is not below 1"));
  EXPECT_THAT(ngrams({{5}, {0, 1}, {9}, {0}, {1}, {9}}, 1), HasSubstr("token id that is not below 2"));
  EXPECT_THAT(ngrams({{0}, {0, 2}, {9}, {0}, {1}, {9}}, 1), HasSubstr("do not fit"));
  EXPECT_THAT(ngrams({{0}, {0, 1}, {9}, {0}, {1}, {9}}, 7), HasSubstr("expected 1 to 4"));
  EXPECT_THAT(ngrams({{0}, {0, 1}}, 1), HasSubstr("expected 6"));
}

// ---- what is drafted ----

// The first tree that a drafter drafts behind a text.
DraftTree drafted(const std::string& call, const Prefix& text, int64_t vocab, int64_t remaining = 30,
                  int row_budget = 100) {
  const HashModel target({.seed = 5, .vocab = vocab}), draft({.seed = 6, .vocab = vocab});
  const Parts parts{.model = [&](const std::string&) -> const LanguageModel& { return draft; }, .vocab = vocab};
  const Params params = call_of(call);
  const auto drafter = all_registries().drafters.at(plugin_name(params), "test").make(params, parts);
  const std::vector<Prefix> texts = {text};
  const std::vector<int64_t> requests = {7}, starts = {static_cast<int64_t>(text.size())}, left = {remaining};
  const std::vector<char> done = {0};
  const auto cache = target.new_cache(1, 64);
  const Sampler sampler = make_sampler(all_registries(), {});
  PhaseClock clock;
  drafter->begin(texts, requests, {});
  return drafter->draft({.prefixes = texts,
                         .requests = requests,
                         .starts = starts,
                         .remaining = left,
                         .done = done,
                         .row_budget = row_budget,
                         .policy = Policy::kSampled,
                         .q_next = false,
                         .sampler = sampler,
                         .keys = kKeys,
                         .target = target,
                         .target_cache = *cache,
                         .clock = clock})[0];
}

std::string file_option(const std::string& path) { return cat("file=", quoted(path)); }

// Each row as its path, in the order of the rows.
std::vector<Prefix> paths(const DraftTree& tree) {
  std::vector<Prefix> all;
  for (int row = 1; row < tree.size(); ++row) all.push_back(tree.path_tokens(row));
  return all;
}

TEST(Retrieval, DraftsTheMostFrequentContinuationsOfTheLongestMatch) {
  const std::string file = file_option(retrieval_file_of(
      {{1, 2, 3, 4, 5}, {1, 2, 3, 4, 6}, {1, 2, 3, 7}, {9, 2, 3, 8, 8}, {9, 3, 0, 0}}, "frequent.suffixes"));
  EXPECT_THAT(paths(drafted("retrieval(" + file + ")", {0, 1, 2, 3}, 10)),
              ElementsAre(Prefix{4}, Prefix{4, 5}, Prefix{4, 6}, Prefix{7}));
  EXPECT_THAT(paths(drafted("retrieval(nodes=2," + file + ")", {0, 1, 2, 3}, 10)),
              ElementsAre(Prefix{4}, Prefix{4, 5}));
  EXPECT_THAT(paths(drafted("retrieval(shape=chain," + file + ")", {0, 1, 2, 3}, 10)),
              ElementsAre(Prefix{4}, Prefix{4, 5}));
  EXPECT_THAT(paths(drafted("retrieval(length=1," + file + ")", {0, 1, 2, 3}, 10)), ElementsAre(Prefix{4}, Prefix{7}));
  EXPECT_THAT(paths(drafted("retrieval(max_span=2," + file + ")", {0, 1, 2, 3}, 10)),
              ElementsAre(Prefix{4}, Prefix{4, 5}, Prefix{4, 6}, Prefix{7}, Prefix{8}, Prefix{8, 8}));
}

TEST(Retrieval, GoesToShorterMatchesWhereADocumentEndsAndDraftsNothingWhereThereIsNone) {
  const std::string file = file_option(retrieval_file_of({{1, 2, 3}, {5, 2, 3, 4}, {3, 6}}, "shorter.suffixes"));
  EXPECT_THAT(paths(drafted("retrieval(" + file + ")", {1, 2, 3}, 10)), ElementsAre(Prefix{4}));
  EXPECT_THAT(paths(drafted("retrieval(" + file + ")", {7, 3}, 10)), IsEmpty()) << "one token is less than min_span";
  EXPECT_EQ(drafted("retrieval(min_span=1," + file + ")", {7, 3}, 10).size(), 3);
  EXPECT_EQ(drafted("retrieval(min_span=1," + file + ")", {7}, 10).size(), 1);
}

TEST(Retrieval, KeepsLimitsOfRowsAndDepthAndReadsFewOfManyMatches) {
  std::vector<Prefix> documents;
  for (Token token = 0; token < 200; ++token) documents.push_back({201, 202, token % 5 == 0 ? token : 7, 8, 9});
  const std::string file = file_option(retrieval_file_of(documents, "many.suffixes"));
  const DraftTree tree = drafted("retrieval(matches=20," + file + ")", {201, 202}, 210);
  EXPECT_EQ(tree.token[1], 7) << "four of five continuations";
  EXPECT_EQ(drafted("retrieval(" + file + ")", {201, 202}, 210, 30, 12).size(), 12);
  EXPECT_EQ(size_of(drafted("retrieval(" + file + ")", {201, 202}, 210, 3)).deepest, 2);
  EXPECT_EQ(drafted("retrieval(" + file + ")", {201, 202}, 210, 1).size(), 1);
}

TEST(SuffixAutomatonDrafter, CopiesWhereTheMatchIsLongEnough) {
  const Prefix text = {1, 2, 3, 4, 5, 6, 1, 2, 3};
  EXPECT_EQ(drafted("suffix_automaton", text, 10).size(), 1) << "three tokens are less than five";
  EXPECT_THAT(drafted("suffix_automaton(len_threshold=3)", text, 10).token, ElementsAre(3, 4, 5, 6, 1, 2, 3));
  EXPECT_THAT(drafted("suffix_automaton(len_threshold=3, factor=0)", text, 10).token, ElementsAre(3, 4));
  EXPECT_THAT(drafted("suffix_automaton(len_threshold=3, length=2)", text, 10).token, ElementsAre(3, 4, 5));
}

TEST(SuffixAutomatonDrafter, TheCorpusCountsLessThanTheText) {
  const std::string file = file_option(retrieval_file_of({{0, 1, 2, 3, 8, 9}}, "bias.suffixes"));
  const Prefix text = {1, 2, 3, 4, 0, 1, 2, 3};  // repeats 3 of its own, 4 of the corpus
  const auto first = [&](const std::string& options) {
    return drafted(cat("suffix_automaton(", options, ",", file, ")"), text, 10).token.at(1);
  };
  EXPECT_EQ(first("len_threshold=1, len_bias=0"), 8);
  EXPECT_EQ(first("len_threshold=1, len_bias=1"), 4) << "equal: the text's";
  EXPECT_EQ(drafted(cat("suffix_automaton(len_threshold=4, len_bias=1,", file, ")"), text, 10).size(), 1);
}

TEST(SuffixAutomatonDrafter, AsksItsFallbackElsewhere) {
  const std::string call = "suffix_automaton(len_threshold=2, fallback=\"draft_model(length=3)\")";
  const DraftTree copied = drafted(call, {1, 2, 3, 1, 2}, 7);
  EXPECT_THAT(copied.token, ElementsAre(2, 3, 1, 2));
  EXPECT_EQ(copied.draw[1], Draw::kPoint);
  const DraftTree drawn = drafted(call, {1, 2, 3, 4, 5}, 7);
  EXPECT_EQ(drawn.size(), 4);
  EXPECT_EQ(drawn.draw[1], Draw::kIid);
  const Facts facts = all_registries().drafters.at("suffix_automaton", "t").facts(call_of(call), Policy::kSampled);
  EXPECT_THAT(facts.laws, ElementsAre(Draw::kPoint, Draw::kIid));
  EXPECT_THAT(facts.models, ElementsAre("draft"));
}

// The mixture of copies and draws keeps the target's law, where both happen on the way through whole texts.
TEST(SuffixAutomatonDrafter, WithAFallbackThatDrawsKeepsTheLaw) {
  const Pair pair{"suffix_automaton(len_threshold=2, length=1, fallback=\"draft_model(length=1)\")", "rejection"};
  const Bench bench(pair, "temperature(0.8)", {.vocab = 2});
  const Session session = bench.session(3);
  EXPECT_LT(law_error(session, {0, 1, 0}, 3, [&](const Prefix& text) { return bench.target_law(text); }), 5e-6);
}

TEST(NgramCache, TheLongestTrustedNgramDecidesAndTheCorpusWeighs) {
  // Behind "1 2" the text has 3 twice and 4 twice; the corpus knows 4 there.
  const Prefix text = {1, 2, 3, 0, 1, 2, 4, 5, 1, 2, 3, 6, 1, 2, 4, 7, 1, 2};
  const std::string file = file_option(ngram_file_of({{1, 2, 4, 1, 2, 4}}, 2, "weigh.ngrams"));
  const auto first = [&](const std::string& options) {
    return drafted("ngram_cache(" + options + ")", text, 10).token.at(1);
  };
  EXPECT_EQ(first("max_ngram=2, " + file), 4);
  EXPECT_EQ(first(cat("max_ngram=2, ", file_option(ngram_file_of({{1, 2, 3, 1, 2, 3}}, 2, "other.ngrams")))), 3);
  EXPECT_EQ(first("max_ngram=4"), 4) << "the newest of equals, where no longer n-gram was seen before";
}

TEST(NgramCache, DraftsFromTheCorpusAloneWhereTheTextSaysNothing) {
  const std::string file =
      file_option(ngram_file_of({{1, 2, 3, 4, 9}, {1, 2, 3, 4, 8}, {1, 2, 5, 6}}, 2, "alone.ngrams"));
  EXPECT_THAT(drafted("ngram_cache(" + file + ")", {1, 2}, 10).token, ElementsAre(2, 3, 4, 8))
      << "two of three, all, then the lower of two halves";
  EXPECT_EQ(drafted("ngram_cache(" + file + ")", {2, 5}, 10).size(), 1) << "once is not enough";
  EXPECT_EQ(drafted("ngram_cache", {1, 2}, 10).size(), 1);
}

TEST(NgramCache, ASmallShareIsNotTrusted) {
  const Prefix text = {1, 3, 1, 3, 1, 4, 1, 5, 1};  // behind 1: 3 twice, 4 and 5 once: half
  EXPECT_EQ(drafted("ngram_cache(max_ngram=1)", text, 10).size(), 1) << "66 of 100 are asked of one token";
  EXPECT_GT(drafted("ngram_cache(max_ngram=1)", {1, 3, 1, 3, 1, 4, 1}, 10).size(), 1);
}

// As the conformance tests do it for drafters that need no file.
TEST(CorpusDrafters, OptionsAtBothEndsGiveTheBaselinesText) {
  const auto baseline = Bench({"none", "agreement"}, "temperature(1)").run(kPrompts, kRequests, 20);
  const std::string suffixes = file_option(toy_retrieval_file()), ngrams = file_option(toy_ngram_file());
  int calls = 0;
  for (const auto& [name, file] :
       {std::pair("retrieval", suffixes), std::pair("suffix_automaton", suffixes), std::pair("ngram_cache", ngrams)}) {
    for (const Option& option : all_registries().drafters.at(name, "test").options) {
      const size_t dots = option.range.find("..");
      if (dots == std::string::npos || option.name == "min_ngram" || option.name == "min_span") continue;
      for (const std::string& value : {option.range.substr(0, dots), option.range.substr(dots + 2)}) {
        const std::string shortest = option.name == "max_span" ? "min_span=1," : "";
        const std::string call = cat(name, "(", shortest, option.name, "=", value, ",", file, ")");
        const auto text = Bench({call, "agreement"}, "temperature(1)").run(kPrompts, kRequests, 20);
        for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << call << ", sequence " << b;
        ++calls;
      }
    }
  }
  EXPECT_GE(calls, 20);
}

TEST(CorpusDrafters, NameWhatIsWrongBeforeAnythingLoads) {
  const auto refused = [](const std::string& call) {
    const Params params = call_of(call);
    return error_of([&] { all_registries().drafters.at(plugin_name(params), "t").facts(params, Policy::kSampled); });
  };
  EXPECT_THAT(refused("retrieval"), AllOf(HasSubstr("lacks its file"), HasSubstr("specula train retrieval")));
  EXPECT_THAT(refused(cat("retrieval(", file_option(toy_ngram_file()), ")")), HasSubstr("kind 'ngram_cache'"));
  EXPECT_THAT(refused(cat("ngram_cache(", file_option(toy_retrieval_file()), ")")), HasSubstr("kind 'retrieval'"));
  EXPECT_THAT(refused(cat("suffix_automaton(", file_option(toy_ngram_file()), ")")), HasSubstr("expected 'retrieval'"));
  EXPECT_THAT(refused("ngram_cache(min_ngram=3, max_ngram=2)"), HasSubstr("more than max_ngram = 2"));
  EXPECT_THAT(refused(cat("retrieval(min_span=9, max_span=8,", file_option(toy_retrieval_file()), ")")),
              HasSubstr("more than max_span = 8"));
  EXPECT_THAT(refused("suffix_automaton(fallback=echoo)"), HasSubstr("echo"));
}

}  // namespace
}  // namespace specula::testing
