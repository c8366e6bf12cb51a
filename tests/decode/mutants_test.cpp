// Faults that once went through every other test: rules that leave the contract of their chances, and lines whose
// change nothing else saw.
#include <gtest/gtest.h>

#include <functional>

#include "framework/decode/round_law.h"
#include "framework/decode/round_rows.h"
#include "tests/decode/rule_support.h"

namespace specula::testing {
namespace {

using Judge = std::function<Verdict(const RoundRows& rows, Chance& chance)>;

class RuleOf final : public Verifier {
 public:
  explicit RuleOf(Judge judge) : judge_(std::move(judge)) {}
  Verdict verify(const DraftTree& tree, const Evidence& evidence) const override {
    return judge_(RoundRows(tree, evidence.p), evidence.chance);
  }

 private:
  const Judge judge_;
};

// Accepts the only draft and ends as told.
void expect_refused(const Judge& judge) {
  const DraftTree tree = DraftTree::chain_of_points(0, {1});
  const Tensor p = tensor_of({{0.2, 0.5, 0.3}, {0.1, 0.2, 0.7}});
  EXPECT_THROW(law_of_round(RuleOf(judge), tree, p), std::logic_error);
}

TEST(LawOfRound, ARuleThatDoesNotEndWithWhatItDrewIsRefused) {
  expect_refused([](const RoundRows& rows, Chance& chance) {
    chance.emit({rows.p(1), rows.vocab()}, 1, 1);
    return Verdict{.path = {1}, .next = 2};
  });
  expect_refused([](const RoundRows& rows, Chance& chance) {
    chance.draw_target(rows.p(1), rows.vocab(), 1);
    return Verdict{.path = {1}, .next = 2};
  });
}

TEST(LawOfRound, ARuleThatDrawsItsEndForAnotherRowOrDepthIsRefused) {
  expect_refused([](const RoundRows& rows, Chance& chance) {
    return Verdict{.path = {1}, .next = chance.emit({rows.p(1), rows.vocab()}, 0, 1)};
  });
  expect_refused([](const RoundRows& rows, Chance& chance) {
    return Verdict{.path = {1}, .next = chance.emit({rows.p(1), rows.vocab()}, 1, 0)};
  });
  expect_refused([](const RoundRows& rows, Chance& chance) {
    return Verdict{.path = {1}, .next = chance.draw_target(rows.p(1), rows.vocab(), 0)};
  });
}

}  // namespace
}  // namespace specula::testing
