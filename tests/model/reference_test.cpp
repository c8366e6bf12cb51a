// What training needs of the reference forward, for every architecture: texts side by side give what each gives alone,
// gradients arrive at every parameter, and what is written is what was trained.
#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "framework/train/decoder_weights.h"
#include "tests/model/architectures.h"

namespace specula::test {
namespace {

class Reference : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    write_random_model(folder_.path() / "model", fixture_config(GetParam()), 5, Dtype::kFloat32);
  }
  TemporaryFolder folder_;
};
INSTANTIATE_TEST_SUITE_P(All, Reference, testing::ValuesIn(fixture_names()),
                         [](const auto& test) { return test.param; });

double largest(const Tensor& difference) { return difference.abs().max().item<double>(); }

TEST_P(Reference, TextsSideBySideAreWhatEachIsAlone) {
  const ReferenceDecoder model(folder_.path() / "model");
  const int64_t length = 9;
  const Tensor token = (at::arange(2 * length, at::kLong) * 7 + 3).remainder(model.config().vocab).view({2, length});
  const Tensor parent = at::arange(length, at::kLong) - 1;
  const std::vector<int> sites = {model.last_site(), 0, 1};
  const std::vector<Tensor> states = model.states(token, sites);
  for (int64_t b = 0; b < 2; ++b) {
    const ReferenceDecoder::Output alone = model.forward(token[b], parent, sites);
    EXPECT_LT(largest(model.logits(states[0][b]) - alone.logits), 1e-5 * (1 + largest(alone.logits)));
    for (size_t s = 0; s < sites.size(); ++s) {
      const Tensor wanted = alone.hidden.select(1, static_cast<int64_t>(s));
      EXPECT_LT(largest(states[s][b] - wanted), 1e-5 * (1 + largest(wanted))) << "site " << sites[s];
    }
  }
  EXPECT_LT(largest(model.run_layer(states[1], 0) - states[2]), 1e-5 * (1 + largest(states[2])));
}

TEST_P(Reference, GradientsArriveAtEveryParameter) {
  TrainableDecoder decoder = read_decoder(folder_.path() / "model");
  for (auto& [name, tensor] : decoder.parameters) tensor.requires_grad_();
  const ReferenceDecoder model(decoder.config, decoder.parameters);
  const Tensor token = at::arange(64, at::kLong).remainder(decoder.config.vocab).view({4, 16});
  at::log_softmax(model.logits(model.final_states(token)), -1).select(-1, 1).sum().backward();
  for (const auto& [name, tensor] : decoder.parameters) {
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_TRUE(at::isfinite(tensor.grad()).all().item<bool>()) << name;
  }
}

TEST_P(Reference, WhatIsWrittenIsReadAgain) {
  const TrainableDecoder before = read_decoder(folder_.path() / "model");
  write_decoder(before, WrittenDtype::kFloat32, folder_.path() / "again");
  const TrainableDecoder after = read_decoder(folder_.path() / "again");
  ASSERT_EQ(after.parameters.size(), before.parameters.size());
  for (const auto& [name, tensor] : before.parameters) {
    // Where a family's files keep norms less one, taking that off and adding it again may round.
    EXPECT_LT(largest(after.parameters.at(name) - tensor), 1e-6) << name;
  }
}

TEST(InitialParameters, HaveTheDeviationsOfTheirRoles) {
  DecoderConfig config{.vocab = 500, .hidden = 64, .intermediate = 128, .layers = 8, .heads = 4, .kv_heads = 2};
  config.head_dim = 16;
  config.context = 64;
  config.tied = true;
  const Parameters parameters = initial_parameters(config, 3);
  const auto deviation = [&](const std::string& name) { return parameters.at(name).std().item<double>(); };
  EXPECT_NEAR(deviation("embedding.weight"), 0.02, 0.0005);
  EXPECT_NEAR(parameters.at("embedding.weight").mean().item<double>(), 0, 0.0005);
  EXPECT_NEAR(deviation("layers.3.attention.q.weight"), 0.02, 0.001);
  EXPECT_NEAR(deviation("layers.3.attention.output.weight"), 0.005, 0.0005);
  EXPECT_NEAR(deviation("layers.3.mlp.down.weight"), 0.005, 0.0005);
  EXPECT_EQ(largest(parameters.at("final_norm.weight") - 1), 0);
  EXPECT_TRUE(at::equal(initial_parameters(config, 3).at("embedding.weight"), parameters.at("embedding.weight")));
  EXPECT_FALSE(at::equal(initial_parameters(config, 4).at("embedding.weight"), parameters.at("embedding.weight")));
}

}  // namespace
}  // namespace specula::test
