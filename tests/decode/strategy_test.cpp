// Strategies: beam search against transformers (tests/tools/make_beam_fixtures.py) and against all texts there are,
// contrastive search against a version without a cache, best_of_n against the drafter none, and what all of them owe.
#include "framework/decode/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "framework/core/files.h"
#include "framework/decode/rows.h"
#include "framework/decode/text_tree.h"
#include "framework/model/load.h"
#include "strategies/register.h"
#include "tests/decode/composition.h"
#include "tests/decode/counting_model.h"

namespace specula::testing {
namespace {

using ::testing::ElementsAreArray;

constexpr double kFloatScore = 2e-5;  // relative: transformers adds up to 20 log-probabilities in float32

// Hears of every pass, and may interrupt after so many.
struct Heard final : RoundLog {
  explicit Heard(int most = -1) : left(most) {}
  int left, passes = 0, prefills = 0;
  std::vector<Token> tokens;
  std::map<std::string, double> notes;
  std::atomic<bool> over{false};
  void prefill_done(const PhaseClock& /*clock*/) override { ++prefills; }
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    EXPECT_EQ(record.index, passes++);
    EXPECT_EQ(record.drafted, 0);
    tokens.insert(tokens.end(), record.new_tokens.begin(), record.new_tokens.end());
    for (const auto& [name, value] : record.notes) notes[name] = value;
    if (--left == 0) over = true;
  }
};

struct Setting {
  std::string samplers = "temperature(0)";
  int64_t limit = 12;
  std::vector<Token> stop{};
  int64_t request = 101;
};

Decoded run(const std::string& call, const LanguageModel& target, const Prefix& prompt, const Setting& setting = {},
            Heard* heard = nullptr) {
  const Params params = call_of(call);
  const auto strategy = all_strategies().at(plugin_name(params), "test").make(params, {});
  const Sampler sampler = make_sampler(all_registries(), parse_samplers(setting.samplers, "test"));
  Keyring keys(17);
  keys.audit();
  PhaseClock clock;
  return decode(*strategy,
                {.target = target,
                 .sampler = sampler,
                 .keys = keys,
                 .request = setting.request,
                 .max_new_tokens = setting.limit,
                 .stop = setting.stop,
                 .clock = clock,
                 .log = heard,
                 .interrupt = heard != nullptr ? &heard->over : nullptr},
                prompt);
}

std::vector<Token> tokens_of(const Decoded& decoded, const Prefix& prompt) {
  return {decoded.tokens.begin() + static_cast<int64_t>(prompt.size()), decoded.tokens.end()};
}

Prefix plain(const LanguageModel& target, const Prefix& prompt, const Setting& setting = {}) {
  const bool greedy = setting.samplers == "temperature(0)";
  const Bench bench({"none", greedy ? "greedy_match" : "rejection"}, setting.samplers, {.target = &target});
  return bench.run({prompt}, {setting.request}, setting.limit, 17, setting.stop).front().tokens;
}

// ---- beam ----

TEST(Beam, FindsWhatTransformersFinds) {
  const std::filesystem::path tests = std::filesystem::path(SPECULA_SOURCE_DIR) / "tests";
  const auto golden = nlohmann::json::parse(read_file(tests / "decode/fixtures/beam.json"));
  std::map<std::string, std::unique_ptr<LoadedModel>> models;
  int ended = 0;
  for (const auto& c : golden.at("cases")) {
    auto& model = models[c.at("model")];
    if (model == nullptr)
      model = load_model(tests / "model/fixtures" / c.at("model").get<std::string>(), {.dtype = Dtype::kFloat32});
    const auto prompt = c.at("prompt").get<Prefix>();
    const auto ids = c.at("ids").get<std::vector<Token>>();
    Heard heard;
    const std::string call =
        cat("beam(width=", c.at("width").get<int>(), ", length_penalty=", c.at("length_penalty").get<double>(),
            ", early_stopping=", c.at("early_stopping").dump(), ")");
    const Decoded found = run(call, *model, prompt, {.limit = c.at("limit"), .stop = c.at("stop")}, &heard);
    EXPECT_THAT(tokens_of(found, prompt), ElementsAreArray(ids)) << c.dump();
    EXPECT_NEAR(heard.notes.at("score") / c.at("score").get<double>(), 1, kFloatScore) << c.dump();
    ended += found.stop == Stop::kStopToken ? 1 : 0;
  }
  EXPECT_GT(ended, 20);
}

std::vector<double> log_law(const HashModel& model, const Prefix& text) {
  const std::vector<float> logits = model.logits(text);
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x));
  std::vector<double> law;
  for (const float x : logits) law.push_back(static_cast<double>(x) - std::log(sum));
  return law;
}

double log_probability(const HashModel& model, Prefix text, const std::vector<Token>& tokens) {
  double sum = 0;
  for (const Token token : tokens) {
    sum += log_law(model, text)[static_cast<size_t>(token)];
    text.push_back(token);
  }
  return sum;
}

struct Found {
  double score = -INFINITY;
  std::vector<Token> tokens;
};

// The best of all texts that end with the stop token or at the limit.
Found best_of_all(const HashModel& model, const Prefix& prompt, int limit, Token stop, double penalty,
                  std::vector<Token> tokens = {}, double sum = 0) {
  if (!tokens.empty() && (tokens.back() == stop || static_cast<int>(tokens.size()) == limit))
    return {sum / std::pow(static_cast<double>(tokens.size()), penalty), tokens};
  Prefix text = prompt;
  text.insert(text.end(), tokens.begin(), tokens.end());
  const std::vector<double> law = log_law(model, text);
  Found best;
  for (Token token = 0; token < static_cast<Token>(law.size()); ++token) {
    std::vector<Token> longer = tokens;
    longer.push_back(token);
    const double total = sum + law[static_cast<size_t>(token)];
    const Found found = best_of_all(model, prompt, limit, stop, penalty, std::move(longer), total);
    if (found.score > best.score) best = found;
  }
  return best;
}

TEST(Beam, FindsTheBestOfAllTextsWhenItIsAsWideAsTheirNumber) {
  constexpr int kLimit = 4;
  int others = 0;  // where a narrow beam or greed finds less
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    const HashModel model({.seed = seed, .vocab = 4});
    for (const double penalty : {0.0, 0.5, 1.0, 2.0, -1.0}) {
      const Found best = best_of_all(model, {1, 2}, kLimit, 3, penalty);
      const auto beam = [&](int width) {
        const std::string call = cat("beam(width=", width, ", length_penalty=", penalty, ", early_stopping=\"never\")");
        return tokens_of(run(call, model, {1, 2}, {.limit = kLimit, .stop = {3}}), {1, 2});
      };
      EXPECT_EQ(beam(64), best.tokens) << "seed " << seed << ", length_penalty " << penalty;
      others += beam(1) == best.tokens ? 0 : 1;
    }
  }
  EXPECT_GT(others, 5) << "a beam of one would do as well";
}

TEST(Beam, OfOneTextIsGreedy) {
  for (const char* stopping : {"heuristic", "full"}) {
    for (const Prefix& prompt : kPrompts) {
      const HashModel model({.seed = 5, .vocab = 7});
      const Setting setting{.limit = 40, .stop = {6}};
      EXPECT_EQ(run(cat("beam(width=1, early_stopping=\"", stopping, "\")"), model, prompt, setting).tokens,
                plain(model, prompt, setting));
    }
  }
}

TEST(Beam, WithinTheSamplingPolicy) {
  const HashModel model({.seed = 3, .vocab = 7});
  EXPECT_EQ(run("beam", model, {1}, {.samplers = "temperature(1),top_k(1)", .limit = 20}).tokens,
            plain(model, {1}, {.limit = 20}))
      << "one token is left after each text";
  const Setting cold{.samplers = "repetition_penalty(1.8),temperature(0)", .limit = 20};
  const Setting warm{.samplers = "repetition_penalty(1.8),temperature(1)", .limit = 20};
  EXPECT_EQ(run("beam", model, {1}, cold).tokens, run("beam", model, {1}, warm).tokens);
  EXPECT_NE(run("beam", model, {1}, cold).tokens, run("beam", model, {1}, {.limit = 20}).tokens);
}

TEST(Beam, TellsTokensOnceNoOtherTextIsLeft) {
  const HashModel model({.seed = 8, .vocab = 7, .spread = 6});
  Heard heard;
  const Decoded found = run("beam(width=3)", model, {1, 2}, {.limit = 60}, &heard);
  EXPECT_EQ(heard.passes, 60);
  EXPECT_EQ(heard.tokens, tokens_of(found, {1, 2}));
  Heard stopped(50);
  const Decoded part = run("beam(width=3)", model, {1, 2}, {.limit = 60}, &stopped);
  EXPECT_EQ(part.stop, Stop::kInterrupted);
  EXPECT_GT(part.tokens.size(), 12U) << "most of fifty tokens are final";
  EXPECT_TRUE(std::equal(part.tokens.begin(), part.tokens.end(), found.tokens.begin()));
}

// ---- the tree that texts grow in ----

// Random growth on an engine that promises bits: a row must not see that slots were dropped and read again.
TEST(TextTree, RowsAreThoseOfTheTextAlone) {
  const auto loaded =
      load_model(std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/model/fixtures/mha", {.dtype = Dtype::kFloat32});
  const CountingModel model(*loaded);
  const Sampler sampler;
  const Keyring keys(3);
  PhaseClock clock;
  const StrategyTask task{
      .target = model, .sampler = sampler, .keys = keys, .request = 1, .max_new_tokens = 100, .clock = clock};
  const Prefix prompt = {7};  // nothing to prefill
  TextTree tree(task, prompt);
  tree.run();
  int64_t draws = 0;
  const auto below = [&](int64_t n) {
    return static_cast<int>(keys.uniform(Use::kSearch, 0, draws++, 0) * static_cast<double>(n));
  };
  std::vector<int> leaves = {0};
  std::vector<Prefix> texts = {prompt};
  int largest = 0;
  for (int step = 0; step < 100; ++step) {
    const size_t wanted = step % 40 == 39 ? 1 : 3;  // from time to time one text alone survives
    std::vector<int> grown;
    std::vector<Prefix> longer;
    for (size_t i = 0; i < wanted; ++i) {
      const auto from = static_cast<size_t>(below(static_cast<int64_t>(leaves.size())));
      const auto token = static_cast<Token>(below(model.vocab()));
      grown.push_back(tree.add(token, leaves[from], 1));
      longer.push_back(texts[from]);
      longer.back().push_back(token);
    }
    leaves = tree.keep(grown);
    texts = longer;
    const Tensor logits = tree.run();
    ASSERT_EQ(logits.size(0), static_cast<int64_t>(texts.size()));
    for (size_t i = 0; i < texts.size(); ++i) {
      EXPECT_EQ(tree.rows()[i], leaves[i]);
      Prefix whole = tree.prefix();
      const std::vector<Token> path = tree.tree().path_tokens(leaves[i]);
      whole.insert(whole.end(), path.begin(), path.end());
      ASSERT_EQ(whole, texts[i]) << "step " << step;
      const auto cache = loaded->new_cache(1, 0);
      const Tensor alone =
          loaded->forward(make_rows({RowList::chain(texts[i])}), *cache, {.logits = Logits::kLast}).logits;
      ASSERT_TRUE(std::equal(alone.const_data_ptr<float>(), alone.const_data_ptr<float>() + model.vocab(),
                             logits.const_data_ptr<float>() + static_cast<int64_t>(i) * model.vocab()))
          << "step " << step << ", text " << i;
    }
    largest = std::max(largest, tree.tree().size());
  }
  EXPECT_GT(model.all_passes - model.passes, 1) << "the tree was never cut";
  EXPECT_LT(largest, 120) << "dead rows pile up";
}

// ---- contrastive ----

struct Ends {
  std::vector<double> law;                 // after the text
  std::vector<std::vector<float>> states;  // of each token
};

// The text read anew, from its first token on.
Ends read_anew(const LanguageModel& model, const Prefix& text) {
  const auto cache = model.new_cache(1, 0);
  const Pass pass = model.forward(make_rows({RowList::chain(text)}), *cache,
                                  {.logits = Logits::kLast, .hidden = {static_cast<int>(model.layers()) + 1}});
  Ends ends;
  const float* logits = pass.logits.const_data_ptr<float>();
  double sum = 0;
  for (int64_t x = 0; x < model.vocab(); ++x) sum += std::exp(static_cast<double>(logits[x]));
  for (int64_t x = 0; x < model.vocab(); ++x) ends.law.push_back(std::exp(static_cast<double>(logits[x])) / sum);
  const int64_t width = pass.hidden.size(3);
  const Tensor hidden = pass.hidden.contiguous();
  for (size_t t = 0; t < text.size(); ++t) {
    const float* row = hidden.const_data_ptr<float>() + static_cast<int64_t>(t) * width;
    ends.states.emplace_back(row, row + width);
  }
  return ends;
}

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

// Su et al. 2022, eq. 5, word by word.
Prefix naive_contrastive(const LanguageModel& model, Prefix text, int k, double alpha, int64_t limit) {
  for (int64_t i = 0; i < limit; ++i) {
    const std::vector<double> law = read_anew(model, text).law;
    std::vector<Token> order;
    for (Token v = 0; v < static_cast<Token>(law.size()); ++v) order.push_back(v);
    std::stable_sort(order.begin(), order.end(),
                     [&](Token a, Token b) { return law[static_cast<size_t>(a)] > law[static_cast<size_t>(b)]; });
    double best = -INFINITY;
    Token chosen = -1;
    for (int j = 0; j < k; ++j) {
      Prefix longer = text;
      longer.push_back(order[static_cast<size_t>(j)]);
      const auto states = read_anew(model, longer).states;
      double likeness = -1;
      for (size_t t = 0; t + 1 < states.size(); ++t) likeness = std::max(likeness, cosine(states[t], states.back()));
      const double score = (1 - alpha) * law[static_cast<size_t>(longer.back())] - alpha * likeness;
      if (score > best) {
        best = score;
        chosen = longer.back();
      }
    }
    text.push_back(chosen);
  }
  return text;
}

TEST(Contrastive, IsTheEquationOfThePaper) {
  const auto model = load_model(std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/model/fixtures/gqa_bias",
                                {.dtype = Dtype::kFloat32});
  int ungreedy = 0;
  for (const Prefix& prompt : {Prefix{1}, Prefix{5, 17, 3, 44}, Prefix{60, 2, 2, 9, 31}}) {
    for (const auto& [k, alpha] : {std::pair{4, 0.6}, std::pair{8, 0.3}, std::pair{3, 1.0}}) {
      const Prefix text = run(cat("contrastive(k=", k, ", alpha=", alpha, ")"), *model, prompt, {.limit = 16}).tokens;
      EXPECT_EQ(text, naive_contrastive(*model, prompt, k, alpha, 16)) << "k " << k << ", alpha " << alpha;
      ungreedy += text == plain(*model, prompt, {.limit = 16}) ? 0 : 1;
    }
  }
  EXPECT_GT(ungreedy, 4);
}

TEST(Contrastive, WithoutWeightOrChoiceIsGreedy) {
  const HashModel model({.seed = 5, .vocab = 7});
  for (const Prefix& prompt : kPrompts) {
    const Setting setting{.limit = 30, .stop = {6}};
    const Prefix greedy = plain(model, prompt, setting);
    EXPECT_EQ(run("contrastive(alpha=0)", model, prompt, setting).tokens, greedy);
    EXPECT_EQ(run("contrastive(k=1)", model, prompt, setting).tokens, greedy);
    EXPECT_EQ(run("contrastive(k=1024, alpha=0)", model, prompt, setting).tokens, greedy) << "more than there are";
  }
}

// ---- best_of_n ----

TEST(BestOfN, OfOneTextIsWhatNoneDraws) {
  const HashModel model({.seed = 5, .vocab = 7});
  for (const char* samplers : {"temperature(1)", "repetition_penalty(1.5),temperature(0.8),top_p(0.9)"}) {
    for (size_t i = 0; i < kPrompts.size(); ++i) {
      const Setting setting{.samplers = samplers, .limit = 30, .stop = {6}, .request = kRequests[i]};
      EXPECT_EQ(run("best_of_n(n=1)", model, kPrompts[i], setting).tokens, plain(model, kPrompts[i], setting));
    }
  }
}

TEST(BestOfN, KeepsTheLikeliest) {
  const HashModel model({.seed = 5, .vocab = 7, .spread = 1});
  int improved = 0;
  for (const char* score : {"mean", "sum"}) {
    for (int64_t request = 0; request < 20; ++request) {
      const Setting setting{.samplers = "temperature(1)", .limit = 12, .stop = {6}, .request = request};
      const auto scored = [&](const Prefix& text) {
        const std::vector<Token> tokens(text.begin() + 2, text.end());
        const double length = std::string(score) == "mean" ? static_cast<double>(tokens.size()) : 1;
        return log_probability(model, {1, 2}, tokens) / length;
      };
      Heard heard;
      const Prefix text = run(cat("best_of_n(n=8, score=\"", score, "\")"), model, {1, 2}, setting, &heard).tokens;
      const double best = scored(text), first = scored(plain(model, {1, 2}, setting));
      EXPECT_NEAR(heard.notes.at("score"), best, 1e-5);
      EXPECT_GE(best, first - 1e-9) << "the first text is one of the eight";
      improved += best > first + 1e-9 ? 1 : 0;
    }
  }
  EXPECT_GT(improved, 15);  // of 40; where all eight end at once they are equal, and whoever keeps the first has none
}

TEST(BestOfN, ItsTextsAreIndependentDraws) {
  // A text of one token has the law of the smallest rank of n draws; by two texts each of the pairs is seen.
  const HashModel model({.seed = 9, .vocab = 3});
  const std::vector<double> law = log_law(model, {1});
  std::map<Token, double> share;
  constexpr int kTexts = 4000;
  for (int64_t request = 0; request < kTexts; ++request) {
    const Setting setting{.samplers = "temperature(1)", .limit = 1, .request = request};
    share[run("best_of_n(n=2)", model, {1}, setting).tokens.back()] += 1.0 / kTexts;
  }
  for (Token x = 0; x < 3; ++x) {
    double less = 0;  // mass of the tokens that x beats
    for (const double other : law) less += other < law[static_cast<size_t>(x)] ? std::exp(other) : 0;
    const double p = std::exp(law[static_cast<size_t>(x)]), expected = p * p + 2 * p * less;
    const double deviation = std::sqrt(expected * (1 - expected) / kTexts);
    EXPECT_NEAR(share[x], expected, 5 * deviation) << "token " << x;
  }
}

// ---- what every strategy owes ----

class EveryStrategy : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Calls, EveryStrategy,
                         ::testing::Values("beam", "beam(width=2, early_stopping=\"never\", length_penalty=2)",
                                           "contrastive", "contrastive(k=2)", "best_of_n", "best_of_n(n=2)"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase_if(name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
                           return name;
                         });

const std::string kDrawing = "temperature(1)";

TEST_P(EveryStrategy, EndsAtAStopTokenOrTheLimit) {
  const HashModel model({.seed = 5, .vocab = 7});
  int stopped = 0;
  for (int64_t limit : {1, 2, 17}) {
    for (size_t i = 0; i < kPrompts.size(); ++i) {
      for (const std::vector<Token>& stop : {std::vector<Token>{}, {6}, {0, 1, 2, 3, 4, 5, 6}}) {
        const Setting setting{.samplers = kDrawing, .limit = limit, .stop = stop, .request = kRequests[i]};
        Heard heard;
        const Decoded found = run(GetParam(), model, kPrompts[i], setting, &heard);
        const std::vector<Token> tokens = tokens_of(found, kPrompts[i]);
        EXPECT_TRUE(std::equal(kPrompts[i].begin(), kPrompts[i].end(), found.tokens.begin()));
        EXPECT_EQ(heard.tokens, tokens) << "what the log heard";
        EXPECT_EQ(heard.prefills, 1);
        ASSERT_FALSE(tokens.empty());
        const auto first = std::find_first_of(tokens.begin(), tokens.end(), stop.begin(), stop.end());
        EXPECT_EQ(found.stop, first == tokens.end() ? Stop::kLimit : Stop::kStopToken);
        EXPECT_TRUE(first == tokens.end() || first + 1 == tokens.end()) << "goes on after a stop token";
        EXPECT_LE(static_cast<int64_t>(tokens.size()), limit);
        EXPECT_TRUE(found.stop == Stop::kStopToken || static_cast<int64_t>(tokens.size()) == limit);
        stopped += found.stop == Stop::kStopToken ? 1 : 0;
        EXPECT_EQ(run(GetParam(), model, kPrompts[i], setting).tokens, found.tokens) << "the same again";
      }
    }
  }
  EXPECT_GE(stopped, 9);
}

TEST_P(EveryStrategy, AnInterruptedTextIsTheBeginningOfTheWhole) {
  const HashModel model({.seed = 5, .vocab = 7});
  const Setting setting{.samplers = kDrawing, .limit = 20};
  const Prefix whole = run(GetParam(), model, {1, 2}, setting).tokens;
  for (const int passes : {1, 5, 18}) {
    Heard heard(passes);
    const Decoded part = run(GetParam(), model, {1, 2}, setting, &heard);
    EXPECT_EQ(part.stop, Stop::kInterrupted);
    EXPECT_EQ(heard.passes, passes);
    EXPECT_EQ(heard.tokens, tokens_of(part, {1, 2}));
    EXPECT_TRUE(std::equal(part.tokens.begin(), part.tokens.end(), whole.begin()));
  }
}

TEST_P(EveryStrategy, WrongPromptsAreRefused) {
  const HashModel model({.seed = 5, .vocab = 7});
  EXPECT_THROW(run(GetParam(), model, {}, {.samplers = kDrawing}), Error);
  EXPECT_THROW(run(GetParam(), model, {7}, {.samplers = kDrawing}), Error);
  EXPECT_THROW(run(GetParam(), model, {1}, {.samplers = kDrawing, .limit = 4096}), Error);
  EXPECT_EQ(run(GetParam(), model, {1}, {.samplers = kDrawing, .limit = 0}).tokens, Prefix{1});
}

class BrokenModel final : public WrappedModel {
 public:
  using WrappedModel::WrappedModel;
  Pass forward(const Rows& rows, KvCache& cache, const Ask& ask) const override {
    Pass pass = model_.forward(rows, cache, ask);
    if (++passes < 4 || !pass.logits.defined()) return pass;
    for (int64_t row = 0; row < pass.logits.size(1); ++row)
      pass.logits.mutable_data_ptr<float>()[row * vocab() + 3] = std::numeric_limits<float>::quiet_NaN();
    return pass;
  }
  mutable int passes = 0;
};

TEST_P(EveryStrategy, NaNStopsItAndIsNamed) {
  const HashModel sound({.seed = 5, .vocab = 7});
  const BrokenModel model(sound);
  try {
    run(GetParam(), model, {1}, {.samplers = kDrawing, .request = 77});
    FAIL() << "nothing was thrown";
  } catch (const NumericError& e) {
    EXPECT_THAT(e.what(), ::testing::HasSubstr("request 77"));
  }
}

TEST(Strategies, MisfitsAreConfigurationErrors) {
  const auto problems = [](const std::string& call, const std::string& samplers) {
    return join(
        check_strategy(all_strategies(), all_registries(), call_of(call), parse_samplers(samplers, "test")).problems,
        "\n");
  };
  EXPECT_EQ(problems("beam", "temperature(0)"), "");
  EXPECT_EQ(problems("best_of_n", "temperature(0.7)"), "");
  EXPECT_THAT(problems("best_of_n", "temperature(0)"), ::testing::HasSubstr("set temperature > 0"));
  EXPECT_THAT(problems("bean", "temperature(0)"), ::testing::HasSubstr("did you mean 'beam'"));
  EXPECT_THAT(problems("beam(width=0)", "temperature(0)"), ::testing::HasSubstr("1..256"));
  EXPECT_THAT(problems("beam(early_stopping=\"maybe\")", "temperature(0)"), ::testing::HasSubstr("heuristic"));
  EXPECT_THAT(problems("contrastive(penalty=1)", "temperature(0)"), ::testing::HasSubstr("penalty"));
}

}  // namespace
}  // namespace specula::testing
