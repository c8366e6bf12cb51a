// Sliding windows that are longer than a tile of keys, in models with layers of several kinds: against the reference
// from scratch, bit by bit whatever the pass, and with a window that is one too long or too short.
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include "framework/model/invariance.h"
#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

constexpr float kFloatError = 1e-4f;

// Every second layer slides (Gemma 2), with head sizes and groups that fill no vector; soft caps.
std::string config_json(int64_t window, bool has_caps = true) {
  const std::string cap = has_caps ? "2.5" : "null";
  return cat(R"({"architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "vocab_size": 131, "hidden_size": 54,
      "intermediate_size": 77, "num_hidden_layers": 4, "num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 18,
      "query_pre_attn_scalar": 11, "max_position_embeddings": 512, "rms_norm_eps": 1e-6, "attn_logit_softcapping": )",
             cap, R"(, "final_logit_softcapping": null, "hidden_activation": "gelu_pytorch_tanh", "sliding_window": )",
             window, "}");
}

struct Windowed {
  explicit Windowed(int64_t window, Dtype dtype = Dtype::kFloat32, bool has_caps = true) {
    write_random_model(folder.path(), config_json(window, has_caps), 9, Dtype::kFloat32);
    model = load_model(folder.path(), {.dtype = dtype});
  }
  std::vector<float> exact(const std::vector<int64_t>& text) const {  // of the last token
    const Line line = chain(text);
    const ReferenceDecoder reference(folder.path());
    return values(reference.forward(at::tensor(line.token), at::tensor(line.parent)).logits[-1]);
  }
  TemporaryFolder folder;
  std::unique_ptr<LoadedModel> model;
};

void commit_all(KvCache& cache) {
  std::vector<int> slots;
  for (int slot = 0; slot < cache.tentative(0); ++slot) slots.push_back(slot);
  cache.commit(0, slots);
}

class Windows : public testing::TestWithParam<int64_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, Windows, testing::Values(1, 2, 15, 16, 17, 33, 40, 100),
                         [](const auto& test) { return std::to_string(test.param); });

TEST_P(Windows, RoundsOverTheirBordersEqualTheReference) {
  const Windowed setup(GetParam());
  Dice dice(1);
  auto cache = setup.model->new_cache(1, 0);
  std::vector<int64_t> text;
  for (int round = 0; round < 14; ++round) {
    // Branches that are longer than the smaller windows, and trees.
    const Line tree = round % 3 == 0 ? chain(random_tokens(dice, 1 + dice.below(45), 131)) : random_tree(dice, 25, 131);
    const Pass pass = run(*setup.model, *cache, tree);
    for (const int row : {static_cast<int>(tree.size()) - 1, dice.below(static_cast<int>(tree.size()))}) {
      std::vector<int64_t> whole = text;
      for (const int slot : path_to(tree, row)) whole.push_back(tree.token[static_cast<size_t>(slot)]);
      const std::vector<float> wanted = setup.exact(whole);
      ASSERT_LE(largest_difference(logits_of(pass, 0, row), wanted) / range_of(wanted), kFloatError)
          << "round " << round << " row " << row << " after " << text.size();
      if (row != static_cast<int>(tree.size()) - 1) continue;
    }
    const int row = dice.below(static_cast<int>(tree.size()));
    switch (dice.below(5)) {
      case 0:
        cache->rollback(0);
        break;
      case 1:
        text.resize(text.size() - static_cast<size_t>(dice.below(static_cast<int>(text.size()) / 2 + 1)));
        cache->truncate(0, static_cast<int64_t>(text.size()));
        break;
      default:
        for (const int slot : path_to(tree, row)) text.push_back(tree.token[static_cast<size_t>(slot)]);
        cache->commit(0, path_to(tree, row));
    }
    if (round % 4 == 2) cache = cache->fork();
  }
  EXPECT_GT(text.size(), 30U);
}

TEST_P(Windows, RowsKeepTheirBits) {
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kInt4}) {
    const Windowed setup(GetParam(), dtype);
    InvarianceOptions options = quick_invariance();
    options.text = 60;
    options.tree_rows = 63;  // branches that are longer than a small window
    const InvarianceReport report = check_invariance(*setup.model, options);
    EXPECT_TRUE(report.held()) << name_of(dtype) << ": " << report.text();
    // Chains that are longer than the window, in one pass and one by one.
    Dice dice(2);
    const std::vector<int64_t> text = random_tokens(dice, 90, 131);
    const Pass whole = run(*setup.model, *setup.model->new_cache(1, 0), chain(text));
    const auto cache = setup.model->new_cache(1, 0);
    for (int row = 0; row < 90; ++row) {
      ASSERT_EQ(logits_of(run(*setup.model, *cache, chain({text[static_cast<size_t>(row)]})), 0, 0),
                logits_of(whole, 0, row))
          << name_of(dtype) << " row " << row;
      commit_all(*cache);
    }
  }
}

// The planted fault: a window of another size must be told apart as soon as it hides another key, and not before.
TEST_P(Windows, OneKeyMoreOrLessIsNoticed) {
  const int64_t window = GetParam();
  const Windowed setup(window, Dtype::kFloat32, /*has_caps=*/false);
  Dice dice(3);
  const std::vector<int64_t> text = random_tokens(dice, static_cast<int>(window) + 3, 131);
  for (const int64_t wrong : {window - 1, window + 1}) {
    if (wrong == 0) continue;  // 0 is no window
    const Windowed other(wrong, Dtype::kFloat32, /*has_caps=*/false);
    const Pass a = run(*setup.model, *setup.model->new_cache(1, 0), chain(text)),
               b = run(*other.model, *other.model->new_cache(1, 0), chain(text));
    const auto first = static_cast<int>(std::min(window, wrong));  // the first position that the smaller one cuts
    EXPECT_EQ(logits_of(a, 0, first - 1), logits_of(b, 0, first - 1)) << wrong;
    const std::vector<float> wanted = setup.exact({text.begin(), text.begin() + first + 1});
    EXPECT_LE(largest_difference(logits_of(a, 0, first), wanted) / range_of(wanted), kFloatError) << wrong;
    EXPECT_GT(largest_difference(logits_of(b, 0, first), wanted) / range_of(wanted), 10 * kFloatError) << wrong;
  }
}

// What a window hides may hold anything: it is multiplied with nothing.
TEST(HiddenKeys, WeighNothing) {
  const Windowed setup(20);
  Dice dice(4);
  std::vector<int64_t> text = random_tokens(dice, 100, 131);
  const auto last = [&] { return logits_of(run(*setup.model, *setup.model->new_cache(1, 0), chain(text)), 0, 99); };
  Ask sliding;  // the layers that see everything are left out
  sliding.skip_attention = {0, 1, 0, 1};
  const auto only_sliding = [&] {
    return logits_of(run(*setup.model, *setup.model->new_cache(1, 0), chain(text), sliding), 0, 99);
  };
  const std::vector<float> before = last(), slid = only_sliding();
  text[60] = (text[60] + 1) % 131;  // two layers reach 2 * 19 positions back
  EXPECT_EQ(only_sliding(), slid);
  EXPECT_NE(last(), before) << "the other layers see it";
  text[62] = (text[62] + 1) % 131;
  EXPECT_NE(only_sliding(), slid);
}

}  // namespace
}  // namespace specula::test
