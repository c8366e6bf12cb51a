// Training to exit early: weights and rates by hand, gradients of finite differences, layers that are left out, and
// that the first layers learn to draft.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>

#include "framework/train/adamw.h"
#include "framework/train/early_exit.h"
#include "framework/train/learning_decoder.h"
#include "tests/model/gradients.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

const DecoderTraining kExact{.autocast = false, .written = WrittenDtype::kFloat32};

TrainableDecoder decoder() { return read_decoder(source_folder() / "tests/model/fixtures/heads/target"); }  // 6 layers

Tensor text(int64_t rows, int64_t length, uint64_t seed) {
  Dice dice(seed);
  return at::tensor(random_tokens(dice, rows * length, 61)).view({rows, length});
}

TEST(EarlyExitTraining, WeighsExitsAndLayersAsThePaperDoes) {
  const auto near = [](double x) { return DoubleNear(x, 1e-12); };
  // scale times 0, 1, 3 in front of the last layer, which has 3 + scale times 3.
  EXPECT_THAT(exit_weights(4, 0.2), ElementsAre(near(0), near(.2 / 4.4), near(.6 / 4.4), near(3.6 / 4.4)));
  EXPECT_THAT(exit_weights(3, 0), ElementsAre(near(0), near(0), near(1)));
  EXPECT_THAT(dropout_rates(3, 0.3), ElementsAre(near(0), near(.3 * (std::sqrt(2.0) - 1)), near(.3)));
}

TEST(EarlyExitTraining, RefusesAnExitThatTheDecoderDoesNotHave) {
  EXPECT_THROW(make_early_exit(decoder(), {.exit_layer = 6}, kExact), ConfigError);
  make_early_exit(decoder(), {.exit_layer = 5}, kExact);
}

TEST(EarlyExitTraining, ExitsAreTheStatesOfTheSites) {
  const at::NoGradGuard no_grad;
  const LearningDecoder model(decoder(), kExact);
  const Tensor token = text(2, 9, 1);
  const std::vector<Tensor> exits = model.exits(token, std::vector<Tensor>(6));
  ASSERT_EQ(exits.size(), 6U);
  EXPECT_LE((exits.back().flatten(0, 1) - model.final_states(token)).abs().max().item<double>(), 1e-5);
  EXPECT_GT((exits[2] - exits.back()).abs().max().item<double>(), 1e-2);
}

TEST(EarlyExitTraining, ALayerThatIsLeftOutIsAsIfItWereNotThere) {
  const at::NoGradGuard no_grad;
  const LearningDecoder whole(decoder(), kExact), pruned(keep_layers(decoder(), {0, 1, 3, 4, 5}), kExact);
  const Tensor token = text(2, 9, 2);
  std::vector<Tensor> left_out(6);
  left_out[2] = at::tensor(std::vector<int64_t>{0, 1}).to(at::kBool);  // for the second text alone
  const Tensor mixed = whole.exits(token, left_out).back();
  const auto apart = [&](const LearningDecoder& other, int64_t row) {
    return (mixed.select(0, row) - other.final_states(token.narrow(0, row, 1))).abs().max().item<double>();
  };
  EXPECT_LE(apart(whole, 0), 1e-5);
  EXPECT_LE(apart(pruned, 1), 1e-5);
  EXPECT_GT(apart(whole, 1), 1e-3);
}

TEST(EarlyExitTraining, HasTheGradientsOfFiniteDifferences) {
  const auto objective = make_early_exit(decoder(), {.exit_scale = 0.5, .dropout = 0.5}, kExact);
  expect_gradients_of_finite_differences(*objective, {.token = text(3, 11, 3), .first = 7});
}

// What is left out follows the number of a row, not the pass that it is in.
TEST(EarlyExitTraining, RowsAloneGiveTheGradientsOfTheBatch) {
  const EarlyExitOptions options{.dropout = 0.5};
  const auto whole = make_early_exit(decoder(), options, kExact), parts = make_early_exit(decoder(), options, kExact);
  const Tensor token = text(4, 8, 4);
  loss_of(*whole, {.token = token, .first = 20});
  for (int64_t row = 0; row < 4; ++row) loss_of(*parts, {.token = token.narrow(0, row, 1), .first = 20 + row}, 0.25);
  double largest = 0;
  for (size_t i = 0; i < whole->parameters().size(); ++i) {
    const Tensor a = whole->parameters()[i].tensor.grad(), b = parts->parameters()[i].tensor.grad();
    EXPECT_LE((a - b).abs().max().item<double>(), 1e-5) << whole->parameters()[i].name;
    largest = std::max(largest, a.abs().max().item<double>());
  }
  EXPECT_GT(largest, 1e-2);
}

// The last layer alone (scale 0) is the control: what it learns does not let layer 2 speak.
TEST(EarlyExitTraining, TeachesTheFirstLayersToDraft) {
  const Tensor token = text(4, 24, 6);
  const auto trained = [&](double scale) {
    const auto objective = make_early_exit(decoder(), {.exit_layer = 2, .exit_scale = scale, .gamma = 3}, kExact);
    AdamW adamw(objective->parameters(), {});
    for (int step = 1; step <= 40; ++step) {
      adamw.forget_gradients();
      loss_of(*objective, {.token = token});
      adamw.step(3e-3, step);
    }
    return objective->validate(token);
  };
  const Figures with = trained(1), without = trained(0);
  EXPECT_LT(figure(with, "exit_nats"), 0.7 * figure(without, "exit_nats"));
  EXPECT_GT(figure(with, "accepted_t1"), figure(without, "accepted_t1") + 0.1);
  EXPECT_LT(figure(with, "loss_nats"), 3.5);  // of log 61 = 4.1: the last layer learned too
}

}  // namespace
}  // namespace specula::test
