// What is particular to single samplers, against naive references written from the definitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "framework/certify/decode_law.h"
#include "framework/decode/logit_rows.h"
#include "framework/decode/probability.h"
#include "samplers/watermark.h"
#include "tests/decode/sampler_support.h"

namespace specula::testing {
namespace {

using ::testing::HasSubstr;

std::vector<double> law_of(const LogitRow& logits) {
  std::vector<double> p(logits.begin(), logits.end());
  const double most = *std::max_element(p.begin(), p.end());
  double sum = 0;
  for (double& x : p) sum += x = std::exp(x - most);
  for (double& x : p) x /= sum;
  return p;
}

void expect_law(const LogitRow& p, const LogitRow& logits, const std::string& what) {
  const std::vector<double> expected = law_of(logits);
  for (size_t x = 0; x < p.size(); ++x) {
    EXPECT_NEAR(p[x], expected[x], 2e-6) << what << ", token " << x;
    EXPECT_EQ(p[x] == 0, expected[x] == 0) << what << ", token " << x;
  }
}

std::set<size_t> kept_by(const std::string& policy, const LogitRow& logits) {
  std::set<size_t> kept;
  const LogitRow p = policed(policy, logits);
  for (size_t x = 0; x < p.size(); ++x) {
    if (p[x] > 0) kept.insert(x);
  }
  return kept;
}

// ---- cuts ----

TEST(Cuts, KeepTheOrderOfWhatStaysAndCutLessAsTheirOptionSays) {
  const std::vector<std::vector<std::string>> growing = {
      {"top_k(1)", "top_k(7)", "top_k(40)"},
      {"top_p(0.1)", "top_p(0.6)", "top_p(0.95)"},
      {"min_p(0.9)", "min_p(0.3)", "min_p(0.01)"},
      {"top_n_sigma(0.2)", "top_n_sigma(1.0)", "top_n_sigma(2.5)"},
      {"epsilon(0.3)", "epsilon(0.02)", "epsilon(0.001)"},
      {"eta(0.5)", "eta(0.02)", "eta(0.001)"},
      {"typical_p(0.1)", "typical_p(0.5)", "typical_p(0.95)"},
      {"mirostat(tau=0.5)", "mirostat(tau=1.5)", "mirostat(tau=4.0)"},
      {"mirostat(tau=0.5,version=1)", "mirostat(tau=1.5,version=1)", "mirostat(tau=4.0,version=1)"}};
  for (const auto& policies : growing) {
    for (uint64_t seed = 0; seed < 10; ++seed) {
      const LogitRow logits = random_row(101, seed, seed % 2 == 0 ? 1 : 6);
      std::set<size_t> smaller;
      for (const std::string& policy : policies) {
        const std::set<size_t> kept = kept_by(policy, logits);
        EXPECT_TRUE(std::includes(kept.begin(), kept.end(), smaller.begin(), smaller.end())) << policy;
        const LogitRow p = policed(policy, logits);
        for (const size_t a : kept) {
          for (const size_t b : kept) EXPECT_EQ(logits[a] < logits[b], p[a] < p[b]) << policy;
        }
        smaller = kept;
      }
      EXPECT_GT(smaller.size(), kept_by(policies.front(), logits).size()) << policies.front() << ", seed " << seed;
    }
  }
}

TEST(Cuts, ThatDoNotLookAtWhatIsGoneChangeNothingTheSecondTime) {
  for (const char* policy : {"top_k(5)", "min_p(0.1)", "epsilon(0.02)", "suppress_tokens(tokens=[3,4])"}) {
    const LogitRow logits = random_row(64, 11);
    EXPECT_EQ(policed(cat(policy, ",", policy), logits), policed(policy, logits)) << policy;
  }
}

TEST(Cuts, OfAVocabularyOfOneTokenKeepIt) {
  for (const char* policy : {"typical_p(0.0)", "top_n_sigma(1)", "epsilon(1.0)", "eta(1.0)", "xtc(1.0)", "mirostat",
                             "mirostat(version=1)", "watermark", "suppress_tokens(tokens=[0])"})
    EXPECT_EQ(policed(policy, LogitRow{0.5F}), LogitRow{1.0F}) << policy;
}

TEST(WeightedQuantile, IsTheOneOfASortedList) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const size_t n = 1 + seed * 3;
    const LogitRow values = random_row(static_cast<int64_t>(n), seed),
                   weights = random_row(static_cast<int64_t>(n), seed + 99);
    std::vector<Weighted> entries;
    for (size_t i = 0; i < n; ++i)
      entries.push_back({.value = std::round(values[i] * 4), .weight = std::abs(weights[i])});
    std::vector<Weighted> sorted = entries;
    std::sort(sorted.begin(), sorted.end(), [](const Weighted& a, const Weighted& b) { return a.value < b.value; });
    double whole = 0;
    for (const Weighted& entry : entries) whole += entry.weight;
    for (const double share : {0.0, 0.3, 0.8, 2.0}) {
      double sum = 0;
      float expected = sorted.back().value;
      for (const Weighted& entry : sorted) {
        sum += entry.weight;
        if (sum < share * whole) continue;
        expected = entry.value;
        break;
      }
      std::vector<Weighted> shuffled = entries;
      EXPECT_EQ(weighted_quantile(shuffled, share * whole), expected) << "seed " << seed << ", share " << share;
    }
  }
}

TEST(TopNSigma, CutsBelowSoManyDeviationsOfWhatIsThere) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    LogitRow logits = random_row(77, seed, 5);
    logits[3] = logits[30] = kRemoved;
    double mean = 0, squares = 0;
    for (const float x : logits) mean += x == kRemoved ? 0 : x / 75.0;
    for (const float x : logits) squares += x == kRemoved ? 0 : (x - mean) * (x - mean) / 75.0;
    const double least = *std::max_element(logits.begin(), logits.end()) - 0.8 * std::sqrt(squares);
    const LogitRow p = policed("top_n_sigma(0.8)", logits);
    for (float& x : logits) x = x < least ? kRemoved : x;
    expect_law(p, logits, cat("seed ", seed));
  }
}

// ---- xtc ----

TEST(Xtc, RemovesAllTopChoicesButTheLeastLikelyAndOnlyWhereTheCoinSaysSo) {
  const LogitRow logits = {std::log(0.4F), std::log(0.2F), std::log(0.2F), std::log(0.15F), std::log(0.05F)};
  LogitRow cut = logits;
  cut[0] = cut[1] = kRemoved;  // of the two with .2 the second stays
  expect_law(policed("xtc(probability=1.0,threshold=0.19)", logits), cut, "always");
  cut = logits;
  cut[0] = cut[1] = cut[2] = kRemoved;
  expect_law(policed("xtc(probability=1.0,threshold=0.1)", logits), cut, "always");
  expect_law(policed("xtc(probability=1.0,threshold=0.41)", logits), logits, "no token is a top choice");
  expect_law(policed("xtc(probability=1.0,threshold=0.39)", logits), logits, "one alone stays");
  int applied = 0;
  for (int64_t request = 0; request < 400; ++request) {
    const RowScene scene{.request = request};
    applied += policed("xtc(probability=0.3,threshold=0.19)", std::vector<LogitRow>{logits}, scene)[0][0] == 0 ? 1 : 0;
  }
  EXPECT_NEAR(applied, 120, 40);
}

TEST(Xtc, RowsOfOneDepthShareTheCoinAndThoseOfAnotherDoNot) {
  const LogitRow logits = {2, 1.9F, 0, 0, 0};
  int alike = 0;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    RowScene scene{.prefix = {1, 2}, .tree = DraftTree::chain_of_points(2, {0}), .seed = seed};
    scene.tree.add(3, 0, Draw::kPoint);
    const auto p = policed("xtc(probability=0.5)", std::vector<LogitRow>(3, logits), scene);
    EXPECT_EQ(p[1], p[2]) << "siblings";
    alike += p[0] == p[1] ? 1 : 0;
  }
  EXPECT_GT(alike, 10);
  EXPECT_LT(alike, 50);
}

// Over its coins a text is drawn from the mixture of both laws, position by position.
TEST(Xtc, OverItsCoinsATextFollowsTheMixture) {
  const std::string always = "xtc(probability=1.0,threshold=0.2)", sometimes = "xtc(probability=0.3,threshold=0.2)";
  const BenchOptions options{.vocab = 3};
  const Bench cut({"none", "rejection"}, always, options), whole({"none", "rejection"}, "", options);
  for (const char* drafter : {"draft_model(length=1)", "draft_model(tree=iid(widths=\"2\"))"}) {
    const Bench bench({drafter, "rejection"}, sometimes, options);
    const auto mixture = [&](const Prefix& text) {
      std::vector<double> law = cut.target_law(text);
      const std::vector<double> plain = whole.target_law(text);
      for (size_t x = 0; x < law.size(); ++x) law[x] = 0.3 * law[x] + 0.7 * plain[x];
      return law;
    };
    EXPECT_LT(law_error(bench.session(2), kRepeating, 1, mixture), 5e-6) << drafter;
    EXPECT_GT(law_error(bench.session(2), kRepeating, 1, [&](const Prefix& text) { return whole.target_law(text); }),
              0.01);
  }
}

// ---- penalties ----

TEST(Penalties, CountWhatTheyAreToldTo) {
  // prompt 5 5 2, generated 5 1 1; below the root 1: row 1 = 5, row 2 = 3.
  RowScene scene{.prefix = {5, 5, 2, 5, 1, 1}, .tree = DraftTree::chain_of_points(1, {5}), .prompt = 3};
  scene.tree.add(3, 0, Draw::kPoint);
  using Counts = std::map<size_t, int>;
  const std::vector<std::pair<std::string, std::vector<Counts>>> cases = {
      {"penalty=0.5", {{{5, 1}, {1, 2}}, {{5, 2}, {1, 2}}, {{5, 1}, {1, 2}, {3, 1}}}},
      {"penalty=0.5,prompt=true",
       {{{5, 3}, {2, 1}, {1, 2}}, {{5, 4}, {2, 1}, {1, 2}}, {{5, 3}, {2, 1}, {1, 2}, {3, 1}}}},
      {"penalty=0.5,prompt=true,last_n=4", {{{2, 1}, {5, 1}, {1, 2}}, {{5, 2}, {1, 2}}, {{5, 1}, {1, 2}, {3, 1}}}},
      {"penalty=0.5,last_n=1", {{{1, 1}}, {{5, 1}}, {{3, 1}}}}};
  const std::vector<LogitRow> logits = {random_row(7, 1), random_row(7, 2), random_row(7, 3)};
  for (const auto& [options, counts] : cases) {
    const auto frequency = policed(cat("frequency_penalty(", options, ")"), logits, scene);
    const auto presence = policed(cat("presence_penalty(", options, ")"), logits, scene);
    for (size_t row = 0; row < 3; ++row) {
      LogitRow by_number = logits[row], once = logits[row];
      for (const auto& [token, count] : counts[row]) {
        by_number[token] -= 0.5F * static_cast<float>(count);
        once[token] -= 0.5F;
      }
      expect_law(frequency[row], by_number, cat("frequency, ", options, ", row ", row));
      expect_law(presence[row], once, cat("presence, ", options, ", row ", row));
    }
  }
  LogitRow last = logits[1];
  for (const size_t token : {5, 1}) last[token] = last[token] > 0 ? last[token] / 1.7F : last[token] * 1.7F;
  expect_law(policed("repetition_penalty(penalty=1.7,last_n=3)", logits, scene)[1], last, "repetition, last_n");
}

// llama.cpp's dry by its definition: for each earlier place, how long what ends there is what the text ends in.
LogitRow dry_by_hand(LogitRow logits, Prefix text, size_t allowed, size_t window, const std::set<Token>& breakers) {
  if (window > 0 && text.size() > window) text.erase(text.begin(), text.end() - static_cast<ptrdiff_t>(window));
  size_t limit = 0;
  while (limit < text.size() && !breakers.contains(text[text.size() - 1 - limit])) ++limit;
  std::map<Token, size_t> longest;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    size_t same = 0;
    while (same <= i && text[i - same] == text[text.size() - 1 - same]) ++same;
    same = std::min(same, limit);
    if (same >= allowed && !breakers.contains(text[i + 1])) longest[text[i + 1]] = std::max(longest[text[i + 1]], same);
  }
  for (const auto& [token, length] : longest)
    logits[static_cast<size_t>(token)] -=
        static_cast<float>(0.8 * std::pow(1.75, static_cast<double>(length - allowed)));
  return logits;
}

TEST(Dry, IsLlamaCppsByItsDefinition) {
  const Keyring keys(5);
  int changed = 0;
  for (int64_t seed = 0; seed < 300; ++seed) {
    const auto length = static_cast<uint32_t>(1 + 30 * keys.uniform(Use::kSearch, seed, 1, 0));
    Prefix text;
    for (uint32_t i = 0; i < length; ++i)
      text.push_back(static_cast<Token>(3 * keys.uniform(Use::kSearch, seed, 2, i)));
    const size_t allowed = 1 + static_cast<size_t>(seed % 3), window = seed % 4 == 0 ? 9 : 0;
    const std::set<Token> breakers = seed % 2 == 0 ? std::set<Token>{} : std::set<Token>{2};
    RowScene scene{.prefix = text};
    scene.tree = DraftTree::root_only(text.back());
    const LogitRow logits = random_row(4, static_cast<uint64_t>(seed));
    const std::string policy = cat("dry(breakers=[],allowed_length=", allowed, ",last_n=", window, ",breaker_tokens=[",
                                   breakers.empty() ? "" : "2", "])");
    const LogitRow expected = dry_by_hand(logits, text, allowed, window, breakers);
    expect_law(policed(policy, std::vector<LogitRow>{logits}, scene)[0], expected, cat(policy, ", seed ", seed));
    changed += expected == logits ? 0 : 1;
  }
  EXPECT_GT(changed, 100);
}

TEST(Dry, TokensThatHoldABreakerEndARepetition) {
  const auto tokenizer = piece_tokenizer({"a", "b:", "c", "d"});
  const SamplerCase with{.name = "dry", .call = "dry(allowed_length=2)"};
  RowScene scene{.prefix = {0, 1, 2, 3, 0, 1, 2}};
  scene.tree = DraftTree::root_only(2);
  const LogitRow logits = {0, 0, 0, 0};
  EXPECT_EQ(policed(sampler_of(with, *tokenizer), {logits}, scene)[0][3], 0.25F) << "only c stands behind 'b:'";
  const auto plain = piece_tokenizer({"a", "b", "c", "d"});
  EXPECT_LT(policed(sampler_of(with, *plain), {logits}, scene)[0][3], 0.2F);
  EXPECT_THROW(make_sampler(all_registries(), parse_samplers("dry", "test")), ConfigError);
}

// ---- lengths and named tokens ----

TEST(Lengths, HoldStopTokensBackAndForceThem) {
  const LogitRow logits = {0, 1, 2, 3};
  RowScene scene{.prefix = {0, 0, 1, 1}, .tree = DraftTree::chain_of_points(1, {0, 0}), .prompt = 2, .stop = {2, 3}};
  const std::vector<LogitRow> rows(3, logits);
  const auto least = policed("min_length(4)", rows, scene);  // two were generated at the root
  EXPECT_EQ(least[0][2] + least[0][3] + least[1][2] + least[1][3], 0);
  expect_law(least[2], logits, "four were generated");
  const auto most = policed("max_length(4)", rows, scene);
  expect_law(most[0], logits, "the third");
  EXPECT_EQ(most[1], (LogitRow{0, 0, 0.5F, 0.5F})) << "the fourth and last";
  expect_law(most[2], logits, "no text gets there");
  scene.stop = {};
  for (const LogitRow& p : policed("min_length(4),max_length(4)", rows, scene))
    expect_law(p, logits, "nothing ends it");
}

TEST(NamedTokens, AreRemovedOrBiasedByIdAndByText) {
  const auto tokenizer = piece_tokenizer({"a", " b", "b", " b"});
  const LogitRow logits = random_row(4, 8);
  const auto of = [&](const std::string& call) {
    const SamplerCase named{.name = "", .call = call};
    return policed(sampler_of(named, *tokenizer), {logits}, {})[0];
  };
  LogitRow expected = logits;
  expected[1] = expected[3] = kRemoved;
  expect_law(of("suppress_tokens(texts=[\" b\"])"), expected, "every token of that text");
  expected = logits;
  expected[0] += 1.5F;
  expected[2] = kRemoved;
  expect_law(of("logit_bias(tokens=[0],texts=[\"b\"],bias=[1.5,-inf])"), expected, "one number each");
  expect_law(of("suppress_tokens(tokens=[0,1,2,3])"), logits, "all of them: none");
  const auto refused = [&](const std::string& call) {
    try {
      of(call);
    } catch (const ConfigError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_THAT(refused("suppress_tokens(tokens=[4])"), HasSubstr("token 4 is out of range 0..3"));
  EXPECT_THAT(refused("suppress_tokens(texts=[\"ab\"])"), HasSubstr("no token is \"ab\""));
  EXPECT_THAT(refused("suppress_tokens(tokens=[1.5])"), HasSubstr("is not an id"));
  EXPECT_THAT(refused("logit_bias(tokens=[0,1],bias=[1,2,3])"), HasSubstr("3 numbers in bias for 2 tokens"));
}

TEST(NoRepeatNgram, LeavesTheRowWhereEveryTokenWouldRepeat) {
  RowScene scene{.prefix = {0, 1, 2}};
  scene.tree = DraftTree::root_only(2);
  const LogitRow logits = random_row(3, 4);
  expect_law(policed("no_repeat_ngram(1)", std::vector<LogitRow>{logits}, scene)[0], logits, "all have occurred");
}

// ---- mirostat ----

// [V] after a text, of which the first `prompt` tokens were given, by the definition.
std::vector<double> mirostat_law(const HashModel& model, const Prefix& text, size_t prompt, double tau, double eta) {
  double mu = 2 * tau;
  for (size_t length = prompt;; ++length) {
    const std::vector<float> logits = model.logits({text.begin(), text.begin() + static_cast<ptrdiff_t>(length)});
    std::vector<double> p = law_of({logits.begin(), logits.end()});
    const double most = *std::max_element(p.begin(), p.end());
    double sum = 0;
    for (double& mass : p) {
      if (-std::log2(mass) > mu && mass < most) mass = 0;
      sum += mass;
    }
    for (double& mass : p) mass /= sum;
    if (length == text.size()) return p;
    const double seen = p[static_cast<size_t>(text[length])];
    if (seen > 0) mu -= eta * (-std::log2(seen) - tau);
  }
}

TEST(Mirostat, TextsFollowTheDefinitionInChainsAndTrees) {
  constexpr double kTau = 0.6, kEta = 0.9;
  const std::string policy = cat("mirostat(tau=", kTau, ",eta=", kEta, ")");
  double fault = 0;
  const std::vector<std::pair<std::string, int>> plays = {{"none", 4},
                                                          {"draft_model(length=1)", 2},
                                                          {"draft_model(length=2)", 1},
                                                          {"draft_model(tree=iid(widths=\"2x1\"))", 1},
                                                          {"prompt_lookup(min_ngram=1)", 4}};
  for (const auto& [drafter, rounds] : plays) {
    const Bench bench({drafter, "rejection"}, policy, {.vocab = 3});
    const auto error = [&](double eta) {
      return law_error(bench.session(4), kRepeating, rounds, [&](const Prefix& text) {
        return mirostat_law(bench.target, text, kRepeating.size(), kTau, eta);
      });
    };
    EXPECT_LT(error(kEta), 2e-5) << drafter;
    fault = std::max(fault, error(0));
  }
  EXPECT_GT(fault, 0.01) << "the planted fault, a mu that stays";
}

TEST(Mirostat, HoldsTheSurpriseNearTau) {
  const Bench bench({"draft_model(length=3)", "rejection"}, "mirostat(tau=2.0,eta=0.3)", {.vocab = 50});
  struct Surprise final : RoundLog {
    double sum = 0;
    int tokens = 0;
    void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
      std::vector<int> rows{0};
      rows.insert(rows.end(), record.verdict.path.begin(), record.verdict.path.end());
      for (size_t i = 0; i < record.new_tokens.size(); ++i) {
        sum -= std::log2(record.p.const_data_ptr<float>()[rows[i] * record.p.size(1) + record.new_tokens[i]]);
        ++tokens;
      }
    }
  } log;
  Session session = bench.session(800);
  session.log = &log;
  decode(session, {{0, 1}}, std::vector<int64_t>{3});
  EXPECT_NEAR(log.sum / log.tokens, 2.0, 0.1);
}

// ---- watermark ----

TEST(Watermark, RaisesTheSameShareOfTokensEverywhereAndAnotherSetAfterAnotherText) {
  const LogitRow flat(4000, 0.0F);
  RowScene scene{.prefix = {7, 9}, .tree = DraftTree::chain_of_points(9, {4})};
  const auto p = policed("watermark(delta=2.0,gamma=0.3)", std::vector<LogitRow>(2, flat), scene);
  std::vector<std::vector<bool>> green(2);
  for (size_t row = 0; row < 2; ++row) {
    const float most = *std::max_element(p[row].begin(), p[row].end()),
                least = *std::min_element(p[row].begin(), p[row].end());
    EXPECT_NEAR(most / least, std::exp(2.0), 1e-4);
    for (const float mass : p[row]) green[row].push_back(mass == most);
    EXPECT_NEAR(std::count(green[row].begin(), green[row].end(), true), 1200, 150);
  }
  int both = 0;
  for (size_t x = 0; x < flat.size(); ++x) both += green[0][x] && green[1][x] ? 1 : 0;
  EXPECT_NEAR(both, 0.09 * 4000, 80) << "independent";
  EXPECT_EQ(watermark_score({.gamma = 0.3}, {7, 9, 4}).tokens, 2);
}

// The detector finds the mark in a text that was decoded speculatively as in one that was not, and in no other text.
TEST(Watermark, IsDetectedInSpeculativeTextAsInPlainText) {
  const WatermarkKey key{.gamma = 0.25};
  const auto z = [&](const std::string& drafter, const std::string& policy) {
    const Bench bench({drafter, "rejection"}, policy, {.vocab = 60});
    double sum = 0;
    for (uint64_t seed = 0; seed < 12; ++seed)
      sum += watermark_score(key, bench.run({{0, 1}}, {5}, 200, seed)[0].tokens).z;
    return sum / 12;
  };
  const double plain = z("none", "watermark(delta=2.0,gamma=0.25)");
  EXPECT_GT(plain, 6);
  for (const char* drafter : {"draft_model(length=3)", "draft_model(tree=iid(widths=\"2x2\"))"})
    EXPECT_NEAR(z(drafter, "watermark(delta=2.0,gamma=0.25)"), plain, 1.5) << drafter;
  EXPECT_LT(std::abs(z("draft_model(length=3)", "")), 1.5);
}

}  // namespace
}  // namespace specula::testing
