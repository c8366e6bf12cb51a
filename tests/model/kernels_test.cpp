// Every set of kernels that this machine can run, not only the one it would choose: each against the reference, and
// each giving the same bits whatever the number of rows.
#include "framework/model/kernels/targets.h"
//
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <hwy/highway.h>

#include <cmath>
#include <limits>

#include "framework/model/engine/decoder_model.h"
#include "framework/model/kernels/kernels.h"
#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

// Tables of every Highway target, and the one that is chosen by itself.
std::vector<Kernels> all_kernels(Dtype dtype) {
  std::vector<Kernels> all = {make_kernels(dtype)};
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
    all.push_back(portable_kernels(dtype));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
  return all;
}

// Largest error over the range of the logits.  Quantization: steps of 1/127 and 1/8 of a row's or group's largest
// value, over the layers of a random model, whose weights have no structure to help.
const std::map<Dtype, double> kTolerances = {{Dtype::kFloat32, 1e-4},
                                             {Dtype::kBfloat16, 0.03},
                                             {Dtype::kInt8, 0.05},
                                             {Dtype::kInt8Weights, 0.03},
                                             {Dtype::kInt4, 0.25}};

TEST(Kernels, EveryTargetIsRightAndInvariant) {
  const TemporaryFolder folder;
  const DecoderConfig config = odd_config();
  write_random_llama(folder.path(), config, 31, Dtype::kFloat32);
  const ReferenceDecoder reference(folder.path());
  const Checkpoint checkpoint(folder.path());
  Dice dice(12);
  const Line tree = random_tree(dice, 30, config.vocab);
  const std::vector<float> exact = values(reference.forward(at::tensor(tree.token), at::tensor(tree.parent)).logits);
  for (const auto& [dtype, tolerance] : kTolerances) {
    const std::vector<Kernels> all = all_kernels(dtype);
    EXPECT_GE(all.size(), 2u);
    std::string targets;
    for (const Kernels& kernels : all) {
      targets += cat(kernels.target, " ");
      const DecoderModel model(checkpoint, kernels);
      const auto cache = model.new_cache(1, 0);
      const std::vector<float> logits = values(run(model, *cache, tree).logits);
      EXPECT_LE(largest_difference(logits, exact) / range_of(exact), tolerance) << kernels.target;
      for (const int row : {29, 17}) {
        std::vector<int64_t> text;
        for (const int at : path_to(tree, row)) text.push_back(tree.token[static_cast<size_t>(at)]);
        const auto single = model.new_cache(1, 0);
        std::vector<float> last;
        for (const int64_t token : text) {
          last = logits_of(run(model, *single, chain({token})), 0, 0);
          single->commit(0, std::vector<int>{0});
        }
        const auto begin = logits.begin() + row * config.vocab;
        EXPECT_EQ(last, std::vector<float>(begin, begin + config.vocab)) << kernels.target << " row " << row;
      }
    }
    RecordProperty(name_of(dtype), targets);
  }
}

double exact_activation(Activation activation, double x) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1 + std::exp(-x));
    case Activation::kGelu:
      return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::kGeluTanh:
      return x / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case Activation::kRelu:
      return std::max(x, 0.0);
  }
  return 0;
}

// From -30 to 30 and far beyond, on every target.  An erf that is off by 2e-7 costs 1e-7 of x.
TEST(Kernels, ActivationsAreExact) {
  std::vector<float> x;
  for (int i = -30000; i <= 30000; ++i) x.push_back(static_cast<float>(i) / 1000);
  x.insert(x.end(), {-1e30f, -1e10f, 1e10f, 1e30f, std::numeric_limits<float>::quiet_NaN()});
  for (const Kernels& kernels : all_kernels(Dtype::kFloat32)) {
    const int64_t panel = kernels.layer.panel, panels = (static_cast<int64_t>(x.size()) + panel - 1) / panel;
    std::vector<float> in(static_cast<size_t>(panels * panel)), out(in.size());
    std::copy(x.begin(), x.end(), in.begin());
    for (const Activation activation :
         {Activation::kSilu, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu}) {
      kernels.activation(activation, false)({.in = in.data(),
                                             .in_stride = panels * panel,
                                             .rows = 1,
                                             .first = 0,
                                             .last = panels,
                                             .weights = nullptr,
                                             .out = out.data(),
                                             .out_stride = panels * panel});
      for (size_t i = 0; i + 1 < x.size(); ++i) {
        const double wanted = exact_activation(activation, x[i]);
        ASSERT_NEAR(out[i], wanted, 2e-7 * std::max(1.0, std::abs(static_cast<double>(x[i]))))
            << kernels.target << " activation " << static_cast<int>(activation) << " of " << x[i];
      }
      EXPECT_TRUE(std::isnan(out[x.size() - 1])) << kernels.target << " loses a NaN";
    }
  }
}

}  // namespace
}  // namespace specula::test
