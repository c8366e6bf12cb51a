// The random numbers: Random123's known answers, uniformity and independence with faults that the same test rejects,
// the audit that fails on a key drawn twice.
#include "framework/core/keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

namespace specula {
namespace {

using ::testing::HasSubstr;

// The upper tail of chi-square by Wilson and Hilferty 1931; better than 10 % of p for the degrees used here.
double chi_square_p(double x, double degrees) {
  const double v = 2 / (9 * degrees);
  return std::erfc((std::cbrt(x / degrees) - (1 - v)) / std::sqrt(2 * v)) / 2;
}

double p_of(const std::vector<int64_t>& counts) {
  double total = 0, x = 0;
  for (const int64_t count : counts) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(counts.size());
  for (const int64_t count : counts)
    x += (static_cast<double>(count) - expected) * (static_cast<double>(count) - expected) / expected;
  return chi_square_p(x, static_cast<double>(counts.size()) - 1);
}

constexpr int kDraws = 1000000;

double uniformity(const std::function<double(int)>& draw) {
  std::vector<int64_t> counts(100);
  for (int i = 0; i < kDraws; ++i) ++counts[static_cast<size_t>(draw(i) * 100)];
  return p_of(counts);
}

double independence(const std::function<std::pair<double, double>(int)>& draw) {
  std::vector<int64_t> counts(32 * 32);
  for (int i = 0; i < kDraws; ++i) {
    const auto [a, b] = draw(i);
    ++counts[static_cast<size_t>(a * 32) * 32 + static_cast<size_t>(b * 32)];
  }
  return p_of(counts);
}

TEST(Philox, KnownAnswersOfRandom123) {
  // kat_vectors of Random123 1.14, lines "philox4x32 10".
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (PhiloxCounter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32_10({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
            (PhiloxCounter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxCounter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Keyring, IsAFunctionOfItsArguments) {
  const Keyring a(42), b(42), other_seed(43);
  const double u = a.uniform(Use::kAccept, 3, 100, 7);
  EXPECT_EQ(u, b.uniform(Use::kAccept, 3, 100, 7));
  for (const double v :
       {a.uniform(Use::kDraft, 3, 100, 7), a.uniform(Use::kAccept, 4, 100, 7), a.uniform(Use::kAccept, 3, 101, 7),
        a.uniform(Use::kAccept, 3, 100, 8), a.uniform(Use::kAccept, 3 + (int64_t{1} << 32), 100, 7),
        other_seed.uniform(Use::kAccept, 3, 100, 7), a.fork(0).uniform(Use::kAccept, 3, 100, 7)}) {
    EXPECT_NE(u, v);
  }
}

TEST(Keyring, NestedKeysAreTheirOwnButForSharedUses) {
  const Keyring keys(42), nested = keys.nest(3);
  for (const Use use : {Use::kCoupled, Use::kProcessor}) {
    EXPECT_EQ(nested.uniform(use, 3, 100, 7), keys.uniform(use, 3, 100, 7));
    EXPECT_EQ(nested.nest(1).key(use), keys.key(use));
  }
  for (const Use use : {Use::kDraft, Use::kAccept, Use::kResidual, Use::kSearch, Use::kTarget}) {
    const double u = nested.uniform(use, 3, 100, 7);
    for (const Keyring& other : {keys, keys.fork(3), keys.nest(4), nested.nest(3)})
      EXPECT_NE(u, other.uniform(use, 3, 100, 7)) << static_cast<int>(use);
  }
}

TEST(Keyring, KeysWithinARoundDifferFromOneStartToAnotherAndNotByBatchMates) {
  const Keyring keys(42);
  const std::vector<int64_t> one{3}, two{3, 8}, at{90}, later{91}, both{90, 17};
  const Keyring within = keys.within(one, at);
  const double u = within.uniform(Use::kDraft, 3, 100, 7);
  EXPECT_EQ(u, keys.within(two, both).uniform(Use::kDraft, 3, 100, 7));
  for (const Use use : {Use::kCoupled, Use::kProcessor})
    EXPECT_EQ(within.uniform(use, 3, 100, 7), keys.uniform(use, 3, 100, 7));
  for (const Keyring& other : {keys, keys.within(one, later), within.within(one, at), within.fork(0), within.nest(0)})
    EXPECT_NE(u, other.uniform(Use::kDraft, 3, 100, 7));
  EXPECT_NE(within.fork(0).uniform(Use::kDraft, 3, 100, 7), keys.fork(0).uniform(Use::kDraft, 3, 100, 7));
  EXPECT_THROW(within.uniform(Use::kDraft, 4, 100, 7), std::logic_error);
}

TEST(Keyring, AnAuditTellsRoundsWithinARoundApart) {
  Keyring keys(42);
  keys.audit();
  const std::vector<int64_t> one{3}, at{90}, later{91};
  keys.within(one, at).uniform(Use::kDraft, 3, 100, 7);
  keys.within(one, later).uniform(Use::kDraft, 3, 100, 7);
  EXPECT_THROW(keys.within(one, at).uniform(Use::kDraft, 3, 100, 7), std::logic_error);
}

TEST(Keyring, IsUniform) {
  const Keyring keys(1);
  const auto draw = [&](int i) { return keys.uniform(Use::kAccept, i % 7, i / 7, static_cast<uint32_t>(i % 3)); };
  EXPECT_GT(uniformity(draw), 1e-4);
  EXPECT_LT(uniformity([&](int i) { return std::pow(draw(i), 1.02); }),
            1e-9);  // the planted fault: 1 % too low on average
}

TEST(Keyring, UsesRequestsPositionsIndicesAndForksAreIndependent) {
  const Keyring keys(2), left = keys.fork(0), right = keys.fork(1);
  const auto at = [&](int i, Use use, int request, int position, uint32_t index) {
    return keys.uniform(use, request, i + position, index);
  };
  const std::vector<std::function<std::pair<double, double>(int)>> pairs = {
      [&](int i) { return std::pair(at(i, Use::kDraft, 0, 0, 0), at(i, Use::kAccept, 0, 0, 0)); },
      [&](int i) { return std::pair(at(i, Use::kDraft, 0, 0, 0), at(i, Use::kDraft, 1, 0, 0)); },
      [&](int i) { return std::pair(at(i, Use::kDraft, 0, 0, 0), at(i, Use::kDraft, 0, 1, 0)); },
      [&](int i) { return std::pair(at(i, Use::kDraft, 0, 0, 0), at(i, Use::kDraft, 0, 0, 1)); },
      [&](int i) { return std::pair(at(i, Use::kDraft, 0, 0, 0), left.uniform(Use::kDraft, 0, i, 0)); },
      [&](int i) { return std::pair(left.uniform(Use::kDraft, 0, i, 0), right.uniform(Use::kDraft, 0, i, 0)); },
  };
  for (size_t k = 0; k < pairs.size(); ++k) EXPECT_GT(independence(pairs[k]), 1e-4) << "pair " << k;
  // The planted fault: one draw in twenty is shared.
  EXPECT_LT(independence([&](int i) {
              const auto [a, b] = pairs[0](i);
              return std::pair(a, i % 20 == 0 ? a : b);
            }),
            1e-9);
}

TEST(KeyAudit, FailsOnAKeyDrawnTwice) {
  Keyring keys(5);
  keys.uniform(Use::kDraft, 0, 1, 2);
  keys.uniform(Use::kDraft, 0, 1, 2);  // nobody watches
  keys.audit();
  keys.uniform(Use::kDraft, 0, 1, 2);
  keys.uniform(Use::kDraft, 0, 1, 3);
  keys.uniform(Use::kAccept, 0, 1, 2);
  try {
    keys.uniform(Use::kDraft, 0, 1, 2);
    FAIL() << "a reused key went unnoticed";
  } catch (const std::logic_error& e) {
    EXPECT_THAT(e.what(), HasSubstr("key drawn twice: use 0, request 0, position 1, index 2"));
  }
}

TEST(KeyAudit, WatchesCopiesAndForksTogether) {
  Keyring keys(5);
  keys.audit();
  const Keyring copy = keys, fork = keys.fork(9);
  copy.uniform(Use::kResidual, 1, 1, 0);
  EXPECT_THROW(keys.uniform(Use::kResidual, 1, 1, 0), std::logic_error);
  EXPECT_NO_THROW(fork.uniform(Use::kResidual, 1, 1, 0));  // another key
  EXPECT_THROW(keys.fork(9).uniform(Use::kResidual, 1, 1, 0), std::logic_error);
}

TEST(KeyAudit, TargetAndCoupledDrawsMayRepeat) {
  Keyring keys(5);
  keys.audit();
  for (const Use use : {Use::kTarget, Use::kCoupled}) {
    EXPECT_EQ(keys.uniform(use, 0, 1, 0), keys.uniform(use, 0, 1, 0));
  }
}

TEST(KeyTap, SeesAndReplacesEveryDraw) {
  struct Half final : KeyTap {
    int calls = 0;
    double uniform(uint64_t, Use, int64_t, int64_t, uint32_t, double) override { return ++calls, 0.5; }
  };
  const auto tap = std::make_shared<Half>();
  Keyring keys(5);
  keys.tap(tap);
  EXPECT_EQ(keys.uniform(Use::kDraft, 0, 0, 0), 0.5);
  EXPECT_EQ(keys.fork(1).uniform(Use::kDraft, 0, 0, 0), 0.5);
  EXPECT_EQ(tap->calls, 2);
}

}  // namespace
}  // namespace specula
