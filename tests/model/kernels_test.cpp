// Every set of kernels that this machine can run, not only the one it would choose: each against the reference, and
// each giving the same bits whatever the number of rows.
#include "framework/model/kernel_targets.h"
//
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <hwy/highway.h>

#include "framework/model/kernels.h"
#include "framework/model/llama_model.h"
#include "framework/model/random_llama.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

Kernels portable_kernels(bool bfloat16) {
  Kernels kernels;
  fill_linear_kernels(bfloat16, kernels);
  fill_row_kernels(bfloat16, kernels);
  fill_attention_kernels(bfloat16, kernels);
  return kernels;
}

// Tables of every Highway target, and the one that is chosen by itself.
std::vector<Kernels> all_kernels(bool bfloat16) {
  std::vector<Kernels> all = {make_kernels(bfloat16)};
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
    all.push_back(portable_kernels(bfloat16));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
  return all;
}

TEST(Kernels, EveryTargetIsRightAndInvariant) {
  const TemporaryFolder folder;
  const LlamaConfig config = odd_config();
  write_random_llama(folder.path(), config, 31, Dtype::kFloat32);
  const ReferenceLlama reference(folder.path());
  const Checkpoint checkpoint(folder.path());
  Dice dice(12);
  const Line tree = random_tree(dice, 30, config.vocab);
  const std::vector<float> exact = values(reference.forward(at::tensor(tree.token), at::tensor(tree.parent)).logits);
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16}) {
    const std::vector<Kernels> all = all_kernels(dtype == Dtype::kBfloat16);
    EXPECT_GE(all.size(), 2u);
    std::string targets;
    for (const Kernels& kernels : all) {
      targets += cat(kernels.target, " ");
      const LlamaModel model(checkpoint, dtype, kernels);
      const auto cache = model.new_cache(1, 0);
      const std::vector<float> logits = values(run(model, *cache, tree).logits);
      EXPECT_LE(largest_difference(logits, exact) / range_of(exact), dtype == Dtype::kFloat32 ? 1e-4 : 0.03)
          << kernels.target;
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
