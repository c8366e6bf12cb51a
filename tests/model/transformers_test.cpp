// Every forward against logits that transformers computed (tests/tools/make_llama_fixtures.py and
// make_architecture_fixtures.py made the fixtures): each architecture with its options, config.json in both spellings,
// shards, and all three stored dtypes.
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <cstring>

#include "framework/model/checkpoint/safetensors.h"
#include "framework/model/reference.h"
#include "tests/model/architectures.h"
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

constexpr float kFloatError = 2e-4f;  // of the range of the logits: float32 sums in other orders

struct Golden {
  explicit Golden(const std::string& name) : folder(fixture_folder(name)) {
    const SafetensorsFile expected(folder / "expected.safetensors");
    ids = read_tensor<int64_t>(expected, "ids");
    logits = read_tensor<float>(expected, "logits");
  }
  float error(const std::vector<float>& got) const { return largest_difference(got, logits) / range_of(logits); }
  // The logits of the first `count` rows.
  std::vector<float> first(size_t count) const {
    const size_t vocab = logits.size() / ids.size();
    return {logits.begin(), logits.begin() + static_cast<long>(count * vocab)};
  }
  std::filesystem::path folder;
  std::vector<int64_t> ids;
  std::vector<float> logits;
};

class Transformers : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Fixtures, Transformers, testing::ValuesIn(fixture_names()),
                         [](const auto& test) { return test.param; });

TEST_P(Transformers, ReferenceAgrees) {
  const Golden golden(GetParam());
  const Line line = chain(golden.ids);
  const auto output = ReferenceDecoder(golden.folder).forward(at::tensor(line.token), at::tensor(line.parent));
  EXPECT_LE(golden.error(values(output.logits)), 2e-5f);
}

// In one pass, and token by token into the cache.
void expect_agreement(const Golden& golden, const LoadedModel& model, float bound) {
  const auto whole = model.new_cache(1, 0), steps = model.new_cache(1, 0);
  EXPECT_LE(golden.error(values(run(model, *whole, chain(golden.ids)).logits)), bound);
  std::vector<float> rows;
  for (const int64_t id : golden.ids) {
    const std::vector<float> row = logits_of(run(model, *steps, chain({id})), 0, 0);
    rows.insert(rows.end(), row.begin(), row.end());
    steps->commit(0, std::vector<int>{0});
  }
  EXPECT_LE(golden.error(rows), bound);
}

// Three texts of different lengths, in two passes.
void expect_agreement_in_batch(const Golden& golden, const LoadedModel& model, float bound) {
  const std::vector<size_t> lengths = {golden.ids.size(), 5, 17};
  const auto cache = model.new_cache(3, 0);
  std::vector<Line> heads, tails;
  for (const size_t length : lengths) {
    const auto cut = golden.ids.begin() + static_cast<long>(length / 3),
               end = golden.ids.begin() + static_cast<long>(length);
    heads.push_back(chain({golden.ids.begin(), cut}));
    tails.push_back(chain({cut, end}, static_cast<int>(length / 3)));
  }
  const Pass first = model.forward(to_rows(heads), *cache, {}), second = model.forward(to_rows(tails), *cache, {});
  for (size_t b = 0; b < lengths.size(); ++b) {
    std::vector<float> rows;
    for (size_t r = 0; r < lengths[b]; ++r) {
      const size_t cut = lengths[b] / 3;
      const std::vector<float> row = r < cut ? logits_of(first, static_cast<int>(b), static_cast<int>(r))
                                             : logits_of(second, static_cast<int>(b), static_cast<int>(r - cut));
      rows.insert(rows.end(), row.begin(), row.end());
    }
    EXPECT_LE(largest_difference(rows, golden.first(lengths[b])) / range_of(golden.logits), bound) << "sequence " << b;
  }
}

TEST_P(Transformers, LibTorchModelAgrees) {
  const Golden golden(GetParam());
  const auto model = load_model(golden.folder, {.dtype = Dtype::kFloat32, .device = "aten"});
  expect_agreement(golden, *model, kFloatError);
  expect_agreement_in_batch(golden, *model, kFloatError);
}

class OwnEngine : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Fixtures, OwnEngine,
                         testing::Values("mha", "gqa_bias", "tied_linear_old", "llama3_new", "llama3_old_sharded",
                                         "llama_yarn", "llama_dynamic", "mistral_full", "qwen2"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(OwnEngine, Agrees) {
  const Golden golden(GetParam());
  const auto model = load_model(golden.folder, {.dtype = Dtype::kFloat32});
  expect_agreement(golden, *model, kFloatError);
  expect_agreement_in_batch(golden, *model, kFloatError);
  const auto half = load_model(golden.folder, {.dtype = Dtype::kBfloat16});
  const auto cache = half->new_cache(1, 0);
  EXPECT_LE(golden.error(values(run(*half, *cache, chain(golden.ids)).logits)), 0.05f);
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
