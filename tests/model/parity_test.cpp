// The fast forward against the reference forward: prompts and trees, both dtypes, awkward sizes, the committed demo
// models.
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "framework/model/invariance.h"
#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

struct Agreement {
  double largest_error = 0;  // of the logits, as a share of their range
  double same_argmax = 0;    // share of the rows
};

Agreement compare(const std::filesystem::path& folder, Dtype dtype, const Line& line) {
  const auto model = load_model(folder, {.dtype = dtype});
  const ReferenceDecoder reference(folder);
  const auto cache = model->new_cache(1, 0);
  const std::vector<float> fast = values(run(*model, *cache, line).logits);
  const std::vector<float> exact = values(reference.forward(at::tensor(line.token), at::tensor(line.parent)).logits);
  Agreement agreement{largest_difference(fast, exact) / range_of(exact), 0};
  const auto vocab = static_cast<size_t>(model->vocab());
  for (size_t row = 0; row < line.size(); ++row) {
    const auto argmax = [&](const std::vector<float>& all) {
      const auto begin = all.begin() + static_cast<long>(row * vocab);
      return std::max_element(begin, begin + static_cast<long>(vocab)) - begin;
    };
    agreement.same_argmax += argmax(fast) == argmax(exact) ? 1.0 / double(line.size()) : 0.0;
  }
  return agreement;
}

std::vector<DecoderConfig> configs() {
  std::vector<DecoderConfig> all = {odd_config(), plain_config()};
  DecoderConfig grouped = odd_config();  // one key head, a head larger than one vector chunk, scaled positions
  grouped.heads = 4;
  grouped.kv_heads = 1;
  grouped.head_dim = 80;
  grouped.rope = {.theta = 5e5, .type = RopeType::kLlama3, .factor = 8, .original_max_position_embeddings = 32};
  all.push_back(grouped);
  DecoderConfig narrow = plain_config();  // fewer outputs than a panel has
  narrow.hidden = 6;
  narrow.heads = narrow.kv_heads = 1;
  narrow.head_dim = 2;
  narrow.intermediate = 3;
  narrow.vocab = 7;
  narrow.rope = {.theta = 1e4, .type = RopeType::kLinear, .factor = 4};
  all.push_back(narrow);
  for (const int64_t head_dim :
       {64, 96, 128, 256}) {  // one key head, then as many as query heads; sizes that fill no vector
    DecoderConfig config = odd_config();
    config.hidden = 50;
    config.vocab = 77;
    config.head_dim = head_dim;
    config.heads = head_dim == 64 ? 1 : 2;
    config.kv_heads = head_dim == 128 ? 2 : 1;
    all.push_back(config);
  }
  return all;
}

TEST(Parity, Float32OnRandomConfigs) {
  Dice dice(1);
  for (const DecoderConfig& config : configs()) {
    const TemporaryFolder folder;
    write_random_llama(folder.path(), config, 11, Dtype::kFloat32);
    EXPECT_LE(compare(folder.path(), Dtype::kFloat32, chain(random_tokens(dice, 83, config.vocab))).largest_error,
              1e-4);
    EXPECT_LE(compare(folder.path(), Dtype::kFloat32, random_tree(dice, 40, config.vocab)).largest_error, 1e-4);
  }
}

TEST(Parity, Bfloat16OnRandomConfigs) {
  Dice dice(2);
  double same = 0;
  for (const DecoderConfig& config : configs()) {
    const TemporaryFolder folder;
    write_random_llama(folder.path(), config, 12, Dtype::kBfloat16);
    const Agreement agreement = compare(folder.path(), Dtype::kBfloat16, random_tree(dice, 60, config.vocab));
    EXPECT_LE(agreement.largest_error, 0.03);
    same += agreement.same_argmax / double(configs().size());
  }
  RecordProperty("bf16_argmax_agreement", cat(same));
  EXPECT_GE(same, 0.9);
}

// Quantization costs what its steps cost: bounded errors, mostly the same best token.  And whatever the shape, a row
// keeps its bits in every format.
TEST(Parity, EveryFormatOnRandomConfigs) {
  struct Bound {
    Dtype dtype;
    double error, same_argmax;
  };
  Dice dice(6);
  for (const auto& [dtype, error, same_argmax] :
       {Bound{Dtype::kFloat32, 1e-4, 0.99}, Bound{Dtype::kBfloat16, 0.03, 0.9}, Bound{Dtype::kInt8, 0.05, 0.85},
        Bound{Dtype::kInt8Weights, 0.03, 0.9}, Bound{Dtype::kInt4, 0.4, 0.5}}) {
    double same = 0;
    for (const DecoderConfig& config : configs()) {
      const TemporaryFolder folder;
      write_random_llama(folder.path(), config, 13, Dtype::kFloat32);
      const Agreement agreement = compare(folder.path(), dtype, random_tree(dice, 30, config.vocab));
      EXPECT_LE(agreement.largest_error, error) << name_of(dtype) << " head_dim " << config.head_dim;
      same += agreement.same_argmax / double(configs().size());
      const InvarianceReport report =
          check_invariance(*load_model(folder.path(), {.dtype = dtype}), quick_invariance());
      EXPECT_TRUE(report.held()) << name_of(dtype) << " head_dim " << config.head_dim << ": " << report.text();
    }
    EXPECT_GE(same, same_argmax) << name_of(dtype);
  }
}

// A model whose weights differ in one value must be told apart: the comparison can fail.
TEST(Parity, NoticesAnotherModel) {
  const TemporaryFolder one, other;
  DecoderConfig config = odd_config();
  write_random_llama(one.path(), config, 11, Dtype::kFloat32);
  config.rope.theta = 11000;
  write_random_llama(other.path(), config, 11, Dtype::kFloat32);
  Dice dice(3);
  const Line line = chain(random_tokens(dice, 40, config.vocab));
  const auto model = load_model(other.path(), {.dtype = Dtype::kFloat32});
  const auto cache = model->new_cache(1, 64);
  const std::vector<float> fast = values(run(*model, *cache, line).logits);
  const std::vector<float> exact =
      values(ReferenceDecoder(one.path()).forward(at::tensor(line.token), at::tensor(line.parent)).logits);
  EXPECT_GT(largest_difference(fast, exact) / range_of(exact), 1e-4);
}

TEST(Parity, HiddenSites) {
  const TemporaryFolder folder;
  const DecoderConfig config = odd_config();
  write_random_llama(folder.path(), config, 4, Dtype::kFloat32);
  Dice dice(4);
  const Line line = random_tree(dice, 21, config.vocab);
  const std::vector<int> sites = {4, 0, 2, 3};
  const auto model = load_model(folder.path(), {.dtype = Dtype::kFloat32});
  const auto cache = model->new_cache(1, 64);
  const Pass pass = run(*model, *cache, line, {.logits = Logits::kNone, .hidden = sites});
  EXPECT_FALSE(pass.logits.defined());
  const auto reference =
      ReferenceDecoder(folder.path()).forward(at::tensor(line.token), at::tensor(line.parent), sites);
  const std::vector<float> fast = values(pass.hidden[0]), exact = values(reference.hidden);
  EXPECT_LE(largest_difference(fast, exact) / range_of(exact), 1e-5);
}

TEST(Parity, DemoModels) {
  const std::vector<int64_t> prompt = {1,   310, 278, 845, 1003, 17, 4000, 52, 9,  2048,
                                       777, 31,  640, 5,   288,  94, 1200, 3,  66, 2500};
  for (const char* name : {"target", "draft"}) {
    const auto folder = source_folder() / "assets/demo" / name;
    EXPECT_LE(compare(folder, Dtype::kFloat32, chain(prompt)).largest_error, 1e-4) << name;
    const Agreement half = compare(folder, Dtype::kBfloat16, chain(prompt));
    EXPECT_LE(half.largest_error, 0.03) << name;
    EXPECT_GE(half.same_argmax, 0.8) << name;
  }
}

}  // namespace
}  // namespace specula::test
