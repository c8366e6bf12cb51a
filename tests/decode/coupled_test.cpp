// Races with shared noise: the screened race is the scalar one token for token, its winners follow p and are
// independent between positions, two races agree as often as the formulas say, and a text under `gumbel_coupled` is the
// baseline's whatever drafts.
#include <gtest/gtest.h>
#include <hwy/highway.h>

#include <cmath>
#include <numeric>

#include "framework/certify/chi_square.h"
#include "framework/decode/compose.h"
#include "framework/decode/coupled_draw.h"
#include "framework/decode/decode.h"
#include "tests/decode/composition.h"
#include "tests/decode/rule_support.h"

namespace specula::testing {
namespace {

using Mass = std::vector<float>;

Mass random_mass(uint64_t seed, int64_t vocab, double spread = 2) {
  const Row law = random_law(seed, vocab, spread);
  return {law.begin(), law.end()};
}

// The definition, token by token; `shape` bends what E is divided by: a planted fault.
Token scalar_race(
    const Mass& p, const Keyring& keys, int64_t request, int64_t position,
    double (*shape)(double) = [](double mass) { return mass; }) {
  Token first = -1;
  double least = 0;
  for (size_t x = 0; x < p.size(); ++x) {
    if (!(p[x] > 0)) continue;
    const double u = keys.uniform(Use::kCoupled, request, position, static_cast<uint32_t>(x));
    const double time = -std::log1p(-u) / shape(p[x]);
    if (first >= 0 && time >= least) continue;
    first = static_cast<Token>(x);
    least = time;
  }
  return first;
}

Token race(const Mass& p, const Keyring& keys, int64_t request, int64_t position) {
  return coupled_draw(p.data(), static_cast<int64_t>(p.size()), keys, request, position);
}

// ---- the screen ----

// By every instruction set that this machine has.
class Screen : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { choose(GetParam()); }
  void TearDown() override { choose(0); }  // all of them

 private:
  static void choose(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
  }
};
INSTANTIATE_TEST_SUITE_P(Targets, Screen, ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& p) { return std::string(hwy::TargetName(p.param)); });

TEST_P(Screen, LeavesTheScalarRacesWinnerInRowsOfEveryLengthAndKind) {
  const Keyring keys(0x123456789abcdef0);
  for (const int64_t vocab : {1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 63, 64, 65, 1000, 4099}) {
    for (int64_t trial = 0; trial < 60; ++trial) {
      Mass p = random_mass(static_cast<uint64_t>(trial), vocab, trial % 3 == 0 ? 0 : 9);
      for (size_t x = 0; x < p.size(); ++x) {
        if (trial % 4 == 1 && x % 5 != 0) p[x] = 0;  // truncated
        if (trial % 4 == 2) p[x] *= 1e-30F;          // not normalised
        if (trial % 4 == 3) p[x] *= 1e30F;
      }
      const int64_t request = trial % 2 == 0 ? trial : (int64_t{1} << 40) - trial;
      const int64_t position = (3 + trial * 77777777) % (int64_t{1} << 32);
      EXPECT_EQ(race(p, keys, request, position), scalar_race(p, keys, request, position))
          << "V " << vocab << " trial " << trial;
    }
  }
}

// A screen whose noise were not the keyring's would leave another winner nearly every time.
TEST_P(Screen, LeavesTheScalarRacesWinnerInAVocabularyOfThousands) {
  const Keyring keys(5);
  for (int64_t trial = 0; trial < 20; ++trial) {
    const Mass p = random_mass(static_cast<uint64_t>(trial), 32000, trial % 2 == 0 ? 8 : .1);
    EXPECT_EQ(race(p, keys, trial, trial), scalar_race(p, keys, trial, trial)) << trial;
  }
}

TEST(CoupledDraw, ShowsEveryDrawToATapAndObeysIt) {
  const Mass p = {.2F, .3F, 0, .5F};
  std::vector<uint32_t> seen;
  const Keyring keys = scripted([&](Use use, int64_t position, uint32_t index) {
    EXPECT_EQ(use, Use::kCoupled);
    EXPECT_EQ(position, 9);
    seen.push_back(index);
    return index == 1 ? 0.001 : 0.9;
  });
  EXPECT_EQ(race(p, keys, 0, 9), 1);
  EXPECT_EQ(seen, (std::vector<uint32_t>{0, 1, 3}));
}

TEST(CoupledDraw, ARowWithoutMassIsABrokenInvariant) {
  EXPECT_THROW(race(Mass(40), Keyring(1), 0, 0), std::logic_error);
}

// ---- its law ----

constexpr int64_t kDraws = 400000;
constexpr double kPasses = 1e-4, kFails = 1e-9;

template <class DrawOne>
double p_value(const Row& law, const DrawOne& draw) {
  std::vector<int64_t> counts(law.size());
  for (int64_t i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(draw(i))];
  return chi_square(counts, law).p;
}

// At 400000 draws a total variation of 0.01 is found beyond doubt: the first planted fault moves just that much.
TEST(CoupledDraw, ItsWinnersFollowP) {
  const Keyring keys(21);
  const Mass p = random_mass(8, 16);
  const Row law(p.begin(), p.end());
  EXPECT_LT(detectable_tv(kDraws, 15, kFails), .01);
  EXPECT_GT(p_value(law, [&](int64_t i) { return race(p, keys, i, 5); }), kPasses);
  Mass moved = p;
  moved[0] += .01F;
  moved[static_cast<size_t>(std::max_element(p.begin() + 1, p.end()) - p.begin())] -= .01F;
  EXPECT_LT(p_value(law, [&](int64_t i) { return race(moved, keys, i, 5); }), kFails);
  EXPECT_LT(p_value(law, [&](int64_t i) { return scalar_race(p, keys, i, 5, std::sqrt); }), kFails);
}

TEST(CoupledDraw, NeighbouringPositionsAreIndependent) {
  const Keyring keys(22);
  const Mass p = random_mass(9, 5), next = random_mass(10, 5);
  Row pairs;
  for (const double a : p) {
    for (const double b : next) pairs.push_back(a * b);
  }
  const auto pair = [&](int64_t i, int64_t second) { return 5 * race(p, keys, i, 7) + race(next, keys, i, second); };
  EXPECT_GT(p_value(pairs, [&](int64_t i) { return pair(i, 8); }), kPasses);
  EXPECT_LT(p_value(pairs, [&](int64_t i) { return pair(i, 7); }), kFails) << "one noise for two positions";
}

// ---- two races ----

TEST(CoupledAgreement, HasTheMarginalsAndTheBoundOfThePaper) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Mass p = random_mass(seed, 7, 3), q = random_mass(seed + 99, 7, 3);
    if (seed % 3 == 1) p[2] = 0;
    if (seed % 3 == 2) q[4] = p[4] = p[1] = 0;
    const double sum_p = std::accumulate(p.begin(), p.end(), 0.0), sum_q = std::accumulate(q.begin(), q.end(), 0.0);
    for (float& mass : p) mass = static_cast<float>(mass / sum_p);
    for (float& mass : q) mass = static_cast<float>(mass / sum_q);
    std::vector<double> both(7), of_p(7), of_q(7);
    coupled_agreement(p.data(), q.data(), 7, both.data());
    double distance = 0;
    for (Token x = 0; x < 7; ++x) {
      distance += std::abs(static_cast<double>(p[x]) - q[x]) / 2;
      for (Token y = 0; y < 7; ++y) {
        const double mass = coupled_probability(p.data(), q.data(), 7, x, y);
        EXPECT_GE(mass, 0);
        of_p[x] += mass;
        of_q[y] += mass;
        if (x == y) {
          EXPECT_NEAR(mass, both[x], 1e-12);
        }
      }
    }
    for (Token x = 0; x < 7; ++x) {
      EXPECT_NEAR(of_p[x], p[x], 1e-6) << "seed " << seed;
      EXPECT_NEAR(of_q[x], q[x], 1e-6) << "seed " << seed;
    }
    // Daliri et al. 2025, theorem 1
    EXPECT_GE(std::accumulate(both.begin(), both.end(), 0.0), (1 - distance) / (1 + distance) - 1e-6);
  }
}

TEST(CoupledAgreement, RacesGiveThePairsThatTheFormulaSays) {
  const Keyring keys(23);
  const Mass p = random_mass(30, 4, 3), q = random_mass(31, 4, 3);
  Row pairs, independent;
  for (Token x = 0; x < 4; ++x) {
    for (Token y = 0; y < 4; ++y) {
      pairs.push_back(coupled_probability(p.data(), q.data(), 4, x, y));
      independent.push_back(static_cast<double>(p[x]) * q[y]);
    }
  }
  const auto pair = [&](int64_t i) { return 4 * race(p, keys, i, 2) + race(q, keys, i, 2); };
  EXPECT_GT(p_value(pairs, pair), kPasses);
  EXPECT_LT(p_value(independent, pair), kFails);
}

// ---- the rule ----

// One draft after a toy's text: `coupled` rows drawn with the noise of their positions, others as points.
Drafted drafted_with_noise(const Toy& toy, const Shape& shape, const Keyring& keys, int64_t request) {
  const Prefix prefix = {0, 1, 0};
  Drafted one{DraftTree::root_only(prefix.back()), 1, {}};
  for (size_t i = 0; i < shape.parent.size(); ++i) {
    const int parent = shape.parent[i];
    const Row q = toy.q(path_text(prefix, one.tree, parent));
    const int64_t position = static_cast<int64_t>(prefix.size()) + one.tree.depth(parent);
    Token x = race({q.begin(), q.end()}, keys, request, position);
    if (shape.draw[i] == Draw::kPoint) {
      const std::vector<int> siblings = one.tree.children(parent);
      x = !siblings.empty() && one.tree.token[siblings[0]] == 1 ? 2 : 1;
    }
    one.tree.add(x, parent, shape.draw[i], shape.draw[i] == Draw::kPoint ? -1 : parent);
  }
  give_q(toy, prefix, one.tree);
  one.p = p_rows(toy, prefix, one.tree);
  return one;
}

// Its closed form knows that a coupled draft shares the noise; runs of the rule with that very noise have its mean.
TEST(GumbelCoupled, TheClosedFormIsTheMeanOfRunsWithTheDraftsNoise) {
  const Draw C = Draw::kCoupled, P = Draw::kPoint;
  const auto rule = rule_named("gumbel_coupled");
  const Sampler plain;
  const Toy toy(4, 5, plain);
  const Keyring keys(3);
  constexpr int64_t kRuns = 8000;
  for (const Shape& shape : {Shape{"chain", {0, 1, 2}, {C, C, C}}, Shape{"beside a point", {0, 0, 1, 2}, {C, P, C, C}},
                             Shape{"points", {0, 0, 1}, {P, P, P}}}) {
    double form = 0, blind = 0, seen = 0, squares = 0;
    for (int64_t request = 0; request < kRuns; ++request) {
      const Drafted one = drafted_with_noise(toy, shape, keys, request);
      KeyedChance chance(keys, request, 3);
      const auto length = static_cast<double>(rule->verify(one.tree, {.p = one.p, .chance = chance}).path.size());
      const double expected = *rule->expected_accepted(one.tree, one.p);
      form += expected / kRuns;
      seen += length / kRuns;
      squares += (length - expected) * (length - expected) / kRuns;
      blind += *rule_named("agreement")->expected_accepted(one.tree, one.p) / kRuns;
    }
    const double error = std::sqrt(squares / kRuns);
    EXPECT_NEAR(seen, form, 5 * error) << shape.name;
    if (shape.draw[0] != C) continue;
    EXPECT_GT(std::abs(seen - blind), 9 * error) << shape.name << ": a form that ignores the noise would pass";
  }
}

TEST(GumbelCoupled, SeveralCoupledSiblingsHaveNoFigure) {
  const Sampler plain;
  const Toy toy(4, 5, plain);
  Drafted one = drafted_with_noise(toy, {"", {0, 0}, {Draw::kCoupled, Draw::kCoupled}}, Keyring(1), 1);
  EXPECT_TRUE(std::isnan(*rule_named("gumbel_coupled")->expected_accepted(one.tree, one.p)));
}

std::vector<Decoded> decoded(const std::string& drafter_name, const std::string& samplers, uint64_t seed) {
  return Bench({call_of_drafter(drafter_name), "gumbel_coupled"}, samplers).run(kPrompts, kRequests, 30, seed);
}

class EveryDrafterCoupled : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Registered, EveryDrafterCoupled, ::testing::ValuesIn(all_registries().drafters.order),
                         [](const auto& p) { return p.param; });

TEST_P(EveryDrafterCoupled, TextIsTheBaselinesSeedBySeed) {
  for (const char* samplers : {"temperature(1)", "temperature(0.7),top_p(0.8)",
                               "repetition_penalty(1.5),temperature(1.4),top_k(4)", "temperature(0)"}) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      const auto baseline = decoded("none", samplers, seed), text = decoded(GetParam(), samplers, seed);
      for (size_t b = 0; b < 3; ++b) EXPECT_EQ(text[b].tokens, baseline[b].tokens) << samplers << " seed " << seed;
    }
  }
  EXPECT_NE(decoded(GetParam(), "temperature(1)", 1)[0].tokens, decoded(GetParam(), "temperature(1)", 2)[0].tokens);
}

}  // namespace
}  // namespace specula::testing
