// Heads as they learn against heads as they draft: what a network gives level by level in training is what the head
// that it writes gives row by row; its gradients are those of finite differences; a few steps make it better.
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cmath>
#include <set>

#include "framework/core/files.h"
#include "framework/decode/head_cache.h"
#include "framework/train/adamw.h"
#include "framework/train/block_head.h"
#include "framework/train/chain_acceptance.h"
#include "framework/train/decoder_head.h"
#include "framework/train/head_training.h"
#include "framework/train/parallel_draft.h"
#include "framework/train/state_noise.h"
#include "framework/train/step_head.h"
#include "tests/model/gradients.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

namespace fs = std::filesystem;

constexpr int kLevels = 3;
const DecoderTraining kExact{.autocast = false, .written = WrittenDtype::kFloat32};

fs::path target_folder() { return source_folder() / "tests/model/fixtures/heads/target"; }

std::shared_ptr<FrozenTarget> target() { return std::make_shared<FrozenTarget>(target_folder(), kExact); }

constexpr Token kMask = 3;

std::unique_ptr<DraftNetwork> network(const std::string& kind, const DecoderTraining& training = kExact) {
  if (kind == "parallel")
    return make_parallel_draft(read_decoder(target_folder()), kMask, target()->config(), training);
  if (kind == "eagle" || kind == "mtp")
    return make_decoder_head({.kind = kind, .intermediate = 24, .heads = 2, .kv_heads = 1}, target(), 3, training);
  if (kind == "kangaroo") return make_decoder_head({.kind = kind, .kv_heads = 4, .sites = {2}}, target(), 3, training);
  if (kind == "eagle3")
    return make_decoder_head({.kind = kind, .draft_tokens = {1, 5, 7, 20, 33, 60}}, target(), 3, training);
  if (kind == "eagle3_sites") return make_decoder_head({.kind = "eagle3", .sites = {1, 4}}, target(), 3, training);
  if (kind == "eagle3_1")
    return make_decoder_head({.kind = "eagle3", .fc_norm = true, .norm_output = true}, target(), 3, training);
  if (kind == "peagle")
    return make_decoder_head({.kind = kind, .fc_norm = true, .named = kLevels, .mask = kMask}, target(), 3, training);
  if (kind == "eagle3_whole") return make_decoder_head({.kind = "eagle3"}, target(), 3, training);
  if (kind == "block_diffusion")
    return make_block_head({.sizes = {.layers = 2}, .block = kLevels + 1, .mask = kMask}, target(), 3, training);
  const bool is_shared = kind == "medusa_shared", has_prefix = kind == "hydra_prefix";
  return make_step_head({.kind = is_shared    ? "medusa"
                                 : has_prefix ? "hydra"
                                              : kind,
                         .levels = kLevels,
                         .blocks = kind == "hydra" ? 2 : 1,
                         .inner = 20,
                         .shared_output = is_shared,
                         .prefix = has_prefix},
                        target(), 3, training);
}

// Parameters that no initial zero hides.
void shake(const DraftNetwork& head) {
  const at::NoGradGuard no_grad;
  Dice dice(9);
  for (const Parameter& parameter : head.parameters()) {
    float* data = parameter.tensor.mutable_data_ptr<float>();
    for (int64_t i = 0; i < parameter.tensor.numel(); ++i) data[i] += 0.002F * static_cast<float>(dice.below(101) - 50);
  }
}

const auto kHeads =
    ::testing::Values("medusa", "medusa_shared", "hydra", "hydra_prefix", "mlp_speculator", "eagle", "eagle3",
                      "eagle3_whole", "eagle3_sites", "eagle3_1", "peagle", "mtp", "kangaroo", "block_diffusion");
std::string kind_of(const ::testing::TestParamInfo<const char*>& kind) { return kind.param; }
class HeadNetworks : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, HeadNetworks, kHeads, kind_of);
class DraftNetworks : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Heads, DraftNetworks, kHeads, kind_of);
INSTANTIATE_TEST_SUITE_P(Models, DraftNetworks, ::testing::Values("parallel"), kind_of);

// [levels][rows,V] of a text, by the network.
std::vector<Tensor> levels_of(const DraftNetwork& network, const Tensor& token) {
  const at::NoGradGuard no_grad;
  const Tensor text = token.narrow(1, 0, token.size(1) - 1);
  std::vector<Tensor> levels;
  for (const Tensor& features : network.unroll(text, target()->states(text, network.sites()), kLevels))
    levels.push_back(network.logits(static_cast<int>(levels.size()), features.flatten(0, 1)).contiguous());
  return levels;
}

TEST_P(HeadNetworks, SayInTrainingWhatTheySayInDrafting) {
  const auto head = network(GetParam());
  shake(*head);
  const TemporaryFolder folder;
  head->write(folder.path() / "head");
  const auto own_target = load_model(target_folder(), {});
  const auto loaded = load_model(folder.path() / "head", {.target = own_target.get()});
  Dice dice(4);
  const std::vector<int64_t> text = random_tokens(dice, 12, loaded->vocab());
  const std::vector<Tensor> levels = levels_of(*head, at::tensor(text).view({1, -1}));
  const Tensor tokens = head->draft_tokens();
  const Ask ask = unite({.logits = Logits::kNone}, {.logits = Logits::kNone, .hidden = loaded->head_traits()->sites});
  for (int64_t t = 0; t + kLevels + 1 < static_cast<int64_t>(text.size()); ++t) {
    const std::vector<Prefix> prefix = {{text.begin(), text.begin() + t + 2}};
    const auto cache = own_target->new_cache(1, 32);
    Pass prompt = prefill(*own_target, *cache, prefix, ask);
    prompt.sites = ask.hidden;
    HeadCache drafting(*loaded, prefix, prompt);
    RowList rows = RowList::chain(drafting.catch_up(0, prefix[0]));
    auto fed = static_cast<int>(rows.token.size());
    RowList from_root = {{prefix[0].back()}, {-1}};
    for (int level = 0; level < kLevels; ++level) {
      const Tensor below = loaded->head_traits()->lag > 0
                               ? Tensor()
                               : own_target->forward(make_rows({from_root}), *cache, ask).hidden.select(2, 0);
      Tensor own = drafting.forward({rows}, {.logits = Logits::kLast}, below).logits.view({-1});
      if (tokens.defined()) own = own.index_select(0, tokens);
      const std::vector<float> expected = values(levels[static_cast<size_t>(level)][t]);
      EXPECT_LE(largest_difference(values(own), expected), 1e-4F * range_of(expected))
          << "row " << t << " level " << level;
      rows = {{static_cast<Token>(text[static_cast<size_t>(t + 2 + level)])}, {fed++ - 1}};
      from_root = {rows.token, {level}};
    }
  }
}

// Level k of row t is the k-th mask's row behind the text up to t + 1.
TEST(ParallelDraft, SaysInTrainingWhatAPassOverMasksSays) {
  const auto draft = network("parallel");
  shake(*draft);
  const TemporaryFolder folder;
  draft->write(folder.path() / "draft");
  EXPECT_NE(read_file(folder.path() / "draft/config.json").find("\"pard_token\": 3"), std::string::npos);
  const auto loaded = load_model(folder.path() / "draft", {});
  Dice dice(4);
  const std::vector<int64_t> text = random_tokens(dice, 12, loaded->vocab());
  const std::vector<Tensor> levels = levels_of(*draft, at::tensor(text).view({1, -1}));
  for (int64_t t = 0; t + kLevels + 1 < static_cast<int64_t>(text.size()); ++t) {
    Prefix rows(text.begin(), text.begin() + t + 2);
    rows.resize(rows.size() + kLevels - 1, kMask);
    const auto cache = loaded->new_cache(1, 32);
    const Tensor logits = loaded->forward(make_rows({RowList::chain(rows)}), *cache, {.logits = Logits::kAll}).logits;
    for (int level = 0; level < kLevels; ++level) {
      const std::vector<float> expected = values(levels[static_cast<size_t>(level)][t]);
      EXPECT_LE(largest_difference(values(logits[0][t + 1 + level].contiguous()), expected), 1e-4F * range_of(expected))
          << "row " << t << " level " << level;
    }
  }
}

TEST(ParallelDraft, RefusesAMaskThatIsNoToken) {
  for (const Token mask : {-1, 61}) {
    EXPECT_THROW(make_parallel_draft(read_decoder(target_folder()), mask, target()->config(), kExact), ConfigError)
        << mask;
  }
}

TEST(ParallelHeadTraining, RefusesAMaskThatIsNoToken) {
  const auto made = [](Token mask) {
    return make_decoder_head({.kind = "peagle", .named = 2, .mask = mask}, target(), 3, kExact);
  };
  EXPECT_THROW(made(61), ConfigError);
  EXPECT_THROW(made(-1), ConfigError);
  EXPECT_EQ(made(60)->levels(), 2);
}

TEST(BlockHeadTraining, RefusesWhatTheTargetDoesNotHave) {
  EXPECT_THROW(make_block_head({.mask = 61, .sites = {2}}, target(), 3, kExact), ConfigError);
  EXPECT_THROW(make_block_head({.sites = {6}}, target(), 3, kExact), ConfigError);
  EXPECT_THROW(make_block_head({.sites = {0}}, target(), 3, kExact), ConfigError);
}

TEST_P(DraftNetworks, HaveTheGradientsOfFiniteDifferences) {
  auto made = network(GetParam());
  shake(*made);
  const auto objective = make_head_training(
      std::move(made), target(), {.levels = kLevels, .gamma = kLevels, .data_share = 0.25, .feature_share = 0}, kExact);
  Dice dice(5);
  const Tensor token = at::tensor(random_tokens(dice, 22, 61)).view({2, 11});
  expect_gradients_of_finite_differences(*objective, {.token = token});
}

// In bfloat16, whether or not this CPU is fast at it.
TEST_P(DraftNetworks, LearnUnderAutocast) {
  const DecoderTraining training{.autocast = true, .written = WrittenDtype::kFloat32};
  const auto objective = [&](const DecoderTraining& how) {
    return make_head_training(network(GetParam(), how), std::make_shared<FrozenTarget>(target_folder(), how),
                              {.levels = kLevels, .gamma = kLevels}, how);
  };
  const auto rounded = objective(training), exact = objective(kExact);
  Dice dice(7);
  const Tensor token = at::tensor(random_tokens(dice, 48, 61)).view({2, 24});
  const double loss = loss_of(*exact, {.token = token});
  EXPECT_NEAR(loss_of(*rounded, {.token = token}), loss, 0.05 * loss);
  for (const Parameter& parameter : rounded->parameters())
    EXPECT_TRUE(parameter.tensor.grad().isfinite().all().item<bool>()) << parameter.name;
  EXPECT_NEAR(figure(rounded->validate(token), "overlap_1"), figure(exact->validate(token), "overlap_1"), 0.05);
}

TEST_P(DraftNetworks, LearnWhatTheTargetSays) {
  const auto objective =
      make_head_training(network(GetParam()), target(), {.levels = kLevels, .gamma = kLevels}, kExact);
  Dice dice(6);
  const Tensor token = at::tensor(random_tokens(dice, 96, 61)).view({4, 24});
  AdamW adamw(objective->parameters(), {});
  const double before = loss_of(*objective, {.token = token});
  const Figures begun = objective->validate(token);
  for (int step = 1; step <= 40; ++step) {
    adamw.forget_gradients();
    loss_of(*objective, {.token = token});
    adamw.step(1e-2, step);
  }
  EXPECT_LT(loss_of(*objective, {.token = token}), 0.8 * before);
  EXPECT_GT(figure(objective->validate(token), "accepted_t1"), figure(begun, "accepted_t1"));
}

TEST(StateNoise, IsUniformAndKeyedByText) {
  const Keyring keys(3);
  const std::vector<Tensor> exact(2, at::full({4, 50, 30}, 2.0F));
  const std::vector<Tensor> noisy = with_noise(exact, 0.5, keys, 7);
  ASSERT_EQ(noisy.size(), 2U);
  const Tensor far = noisy[0] - exact[0];  // 6,000 numbers: the standard error of their mean is .0037
  EXPECT_NEAR(far.mean().item<double>(), 0, 0.015);
  EXPECT_NEAR(far.square().mean().item<double>(), 0.25 / 3, 0.004);
  EXPECT_LT(far.abs().max().item<double>(), 0.5);
  EXPECT_GT(far.abs().max().item<double>(), 0.49);
  EXPECT_EQ(std::set<float>(far.const_data_ptr<float>(), far.const_data_ptr<float>() + 120).size(), 120U);
  EXPECT_FALSE(noisy[0].equal(noisy[1])) << "two sites";
  EXPECT_TRUE(with_noise({exact[0].narrow(0, 2, 2)}, 0.5, keys, 9)[0].equal(noisy[0].narrow(0, 2, 2)));
  EXPECT_TRUE(with_noise({exact[0].narrow(1, 0, 9)}, 0.5, keys, 7)[0].equal(noisy[0].narrow(1, 0, 9)));
  EXPECT_FALSE(with_noise({exact[0]}, 0.5, keys, 8)[0].equal(noisy[0]));
  EXPECT_FALSE(with_noise({exact[0]}, 0.5, Keyring(4), 7)[0].equal(noisy[0]));
}

// A batch at once and text by text is the same; what is validated is exact.
TEST(HeadTraining, AddsNoiseOfEachTextToTheStatesThatItLearnsFrom) {
  const auto objective = [&](double noise) {
    return make_head_training(network("eagle"), target(), {.levels = 1, .gamma = kLevels, .noise = noise, .seed = 5},
                              kExact);
  };
  Dice dice(8);
  const Tensor token = at::tensor(random_tokens(dice, 36, 61)).view({2, 18});
  const auto noisy = objective(0.3), exact = objective(0);
  const double both = loss_of(*noisy, {.token = token, .first = 4});
  const double first = loss_of(*noisy, {.token = token.narrow(0, 0, 1), .first = 4});
  const double second = loss_of(*noisy, {.token = token.narrow(0, 1, 1), .first = 5});
  EXPECT_NEAR(both, (first + second) / 2, 1e-6);
  EXPECT_NE(second, loss_of(*noisy, {.token = token.narrow(0, 1, 1), .first = 4}));
  EXPECT_NE(both, loss_of(*exact, {.token = token, .first = 4}));
  EXPECT_EQ(noisy->validate(token), exact->validate(token));
}

// By hand: two levels, one text, two places that both reach.
TEST(ChainAcceptances, AreTheExpectedLengthsOfChains) {
  ChainAcceptance acceptance(2);
  const auto rows = [](const std::vector<double>& p) { return at::tensor(p).log().view({-1, 2}).to(at::kFloat); };
  const auto next = [](const std::vector<int64_t>& tokens) { return at::tensor(tokens); };
  acceptance.add(0, rows({.5, .5, .8, .2, .6, .4}), rows({.25, .75, .8, .2, .1, .9}), next({0, 1, 0}));
  acceptance.add(1, rows({.9, .1, .3, .7}), rows({.5, .5, .3, .7}), next({0, 1}));
  const Figures figures = acceptance.figures(1);
  // Overlaps of level 1: .75, 1, .5; of level 2: .6, 1.  min(1, q / p) of the text's own: .5 and 1.
  EXPECT_NEAR(figure(figures, "overlap_1"), (0.75 + 1 + 0.5) / 3, 1e-6);
  EXPECT_NEAR(figure(figures, "overlap_2"), 0.8, 1e-6);
  EXPECT_NEAR(figure(figures, "accepted_t1"), (0.75 + 0.5 * 0.6 + 1 + 1 * 1.0) / 2, 1e-6);
  // The most likely tokens: p 0, 0, 0 against q 1, 0, 1; p 0, 1 against q 0, 1 (a tie takes the first).
  EXPECT_NEAR(figure(figures, "accepted_t0"), (0 + 0 + 1 + 1) / 2.0, 1e-6);
}

}  // namespace
}  // namespace specula::test
