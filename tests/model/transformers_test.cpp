// Both forwards against logits that transformers computed (tests/tools/make_llama_fixtures.py made the fixtures): MHA,
// GQA with biases and its own head size, tied weights, linear and llama3 scaling in both spellings, shards, and all
// three stored dtypes.
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cstring>

#include "framework/model/checkpoint/safetensors.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

template <class T>
std::vector<T> read_tensor(const SafetensorsFile& file, const std::string& name) {
  for (const TensorEntry& entry : file.entries()) {
    if (entry.name != name) continue;
    std::vector<T> out(static_cast<size_t>(entry.elements()));
    SPECULA_CHECK(out.size() * sizeof(T) == entry.end - entry.begin, name);
    file.read(entry, 0, {reinterpret_cast<uint8_t*>(out.data()), out.size() * sizeof(T)});
    return out;
  }
  throw Error(cat(file.path(), ": no tensor ", name));
}

class Transformers : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Fixtures, Transformers,
                         testing::Values("mha", "gqa_bias", "tied_linear_old", "llama3_new", "llama3_old_sharded"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(Transformers, BothForwardsAgree) {
  const auto folder = source_folder() / "tests/model/fixtures" / GetParam();
  const SafetensorsFile expected(folder / "expected.safetensors");
  const auto ids = read_tensor<int64_t>(expected, "ids");
  const auto logits = read_tensor<float>(expected, "logits");
  const Line line = chain(ids);

  const auto exact = values(ReferenceLlama(folder).forward(at::tensor(line.token), at::tensor(line.parent)).logits);
  EXPECT_LE(largest_difference(exact, logits) / range_of(logits), 1e-5);

  const auto model = load_model(folder, {.dtype = Dtype::kFloat32});
  const auto cache = model->new_cache(1, 0);
  EXPECT_LE(largest_difference(values(run(*model, *cache, line).logits), logits) / range_of(logits), 1e-4);

  const auto half = load_model(folder, {.dtype = Dtype::kBfloat16});
  const auto half_cache = half->new_cache(1, 0);
  EXPECT_LE(largest_difference(values(run(*half, *half_cache, line).logits), logits) / range_of(logits), 0.05);
}

TEST(TransformersInfo, IsReadFromTheHeadersAlone) {
  const auto fixtures = source_folder() / "tests/model/fixtures";
  const ModelInfo info = read_model_info(fixtures / "llama3_old_sharded");
  EXPECT_EQ(info.vocab, 61);
  EXPECT_EQ(info.context, 128);
  EXPECT_EQ(info.layers, 2);
  EXPECT_EQ(info.hidden, 32);
  EXPECT_EQ(info.architecture, "LlamaForCausalLM");
  EXPECT_EQ(info.stored, Dtype::kBfloat16);
  EXPECT_EQ(read_model_info(fixtures / "llama3_new").stored, Dtype::kFloat32);
  EXPECT_EQ(info.fingerprint.size(), 64u);
  EXPECT_EQ(info.fingerprint, read_model_info(fixtures / "llama3_old_sharded").fingerprint);
  EXPECT_NE(info.fingerprint, read_model_info(fixtures / "llama3_new").fingerprint);
  // embedding and head, two layers of (attention 32x32 + 2 x 16x32 + 32x32, mlp 3 x 44x32, two norms), the last norm
  EXPECT_EQ(info.parameters, 2 * 61 * 32 + 2 * (2 * 32 * 32 + 2 * 16 * 32 + 3 * 44 * 32 + 2 * 32) + 32);
}

}  // namespace
}  // namespace specula::test
