// Every set of kernels that this machine can run, not only the one it would choose: each against the reference, and
// each giving the same bits whatever the number of rows.
#include "framework/model/kernels/targets.h"
//
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <hwy/highway.h>

#include "framework/model/engine/llama_model.h"
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
      const LlamaModel model(checkpoint, kernels);
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

}  // namespace
}  // namespace specula::test
