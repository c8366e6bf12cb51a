// The own engine on every architecture of tests/model/fixtures, with random weights: against the reference forward, in
// every format, as a cache that lives through random rounds, and in passes that leave parts of the model out.
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "framework/model/invariance.h"
#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "tests/model/architectures.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

constexpr float kFloatError = 1e-4f;  // of the range of the logits: float32 sums in two orders

// Plain Llama models are what the other tests are about, and files of fewer bits hold the same architectures.
std::vector<std::string> other_families() {
  std::vector<std::string> names = fixture_names();
  std::erase_if(
      names, [](const std::string& name) { return name.starts_with("llama3") || name == "mha" || name == "gqa_bias"; });
  return names;
}

struct Family {
  explicit Family(const std::string& name) : config(parse_decoder_config(fixture_config(name), name)) {
    write_random_model(folder.path(), fixture_config(name), 5, Dtype::kFloat32);
  }
  std::unique_ptr<LoadedModel> load(Dtype dtype) const { return load_model(folder.path(), {.dtype = dtype}); }
  std::vector<float> exact(const Line& line, const Tensor& bias = {}) const {  // of all rows
    const ReferenceDecoder reference(folder.path());
    return values(reference.forward(at::tensor(line.token), at::tensor(line.parent), {}, bias).logits);
  }
  TemporaryFolder folder;
  DecoderConfig config;
};

class Families : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, Families, testing::ValuesIn(other_families()),
                         [](const auto& test) { return test.param; });

// The middle of the rows' errors: a row near the border between two experts may take the other one.
double error_of(const std::vector<float>& got, const std::vector<float>& wanted, size_t vocab) {
  std::vector<double> errors;
  for (size_t begin = 0; begin < wanted.size(); begin += vocab) {
    const auto row = [&](const std::vector<float>& all) {
      return std::vector<float>(all.begin() + static_cast<long>(begin), all.begin() + static_cast<long>(begin + vocab));
    };
    errors.push_back(largest_difference(row(got), row(wanted)) / range_of(wanted));
  }
  const auto middle = errors.begin() + static_cast<long>(errors.size() / 2);
  std::nth_element(errors.begin(), middle, errors.end());
  return *middle;
}

TEST_P(Families, EveryFormatIsNearTheReferenceAndInvariant) {
  const Family family(GetParam());
  Dice dice(1);
  const Line text = chain(random_tokens(dice, 70, family.config.vocab)),
             tree = random_tree(dice, 40, family.config.vocab);
  const std::vector<float> exact_text = family.exact(text), exact_tree = family.exact(tree);
  const auto vocab = static_cast<size_t>(family.config.vocab);
  // The bounds of parity_test.cpp; hidden sizes of 16 leave quantization little to average over.
  for (const auto& [dtype, bound] : std::vector<std::pair<Dtype, double>>{{Dtype::kFloat32, kFloatError},
                                                                          {Dtype::kBfloat16, 0.03},
                                                                          {Dtype::kInt8Weights, 0.03},
                                                                          {Dtype::kInt8, 0.05},
                                                                          {Dtype::kInt4, 0.4}}) {
    const auto model = family.load(dtype);
    for (const auto& [line, exact] : {std::pair{text, exact_text}, {tree, exact_tree}}) {
      const std::vector<float> got = values(run(*model, *model->new_cache(1, 0), line).logits);
      EXPECT_LE(error_of(got, exact, vocab), bound) << name_of(dtype);
      if (dtype == Dtype::kFloat32) {
        EXPECT_LE(largest_difference(got, exact) / range_of(exact), kFloatError);
      }
    }
    const InvarianceReport report = check_invariance(*model, quick_invariance());
    EXPECT_TRUE(report.held()) << name_of(dtype) << ": " << report.text();
  }
}

// Random rounds of draft, commit, rollback, truncation and fork in three sequences.  Windows of the fixtures are
// shorter than most texts and than some branches.
TEST_P(Families, RandomRoundsEqualTheReference) {
  const Family family(GetParam());
  const ReferenceDecoder reference(family.folder.path());
  const auto model = family.load(Dtype::kFloat32);
  Dice dice(2);
  auto cache = model->new_cache(3, 4);
  std::vector<std::vector<int64_t>> text(3);
  for (int round = 0; round < 16; ++round) {
    std::vector<Line> trees;
    for (int b = 0; b < 3; ++b)
      trees.push_back(dice.below(3) == 0 ? chain(random_tokens(dice, 1 + dice.below(11), family.config.vocab))
                                         : random_tree(dice, 1 + dice.below(9), family.config.vocab));
    const Pass pass = model->forward(to_rows(trees), *cache, {});
    for (int b = 0; b < 3; ++b) {
      const Line& tree = trees[static_cast<size_t>(b)];
      std::vector<int64_t>& before = text[static_cast<size_t>(b)];
      const int row = dice.below(static_cast<int>(tree.size()));
      std::vector<int64_t> whole = before;
      for (const int slot : path_to(tree, row)) whole.push_back(tree.token[static_cast<size_t>(slot)]);
      const Line line = chain(whole);
      const std::vector<float> wanted =
          values(reference.forward(at::tensor(line.token), at::tensor(line.parent)).logits[-1]);
      ASSERT_LE(largest_difference(logits_of(pass, b, row), wanted) / range_of(wanted), kFloatError)
          << "round " << round;
      const int action = dice.below(5);
      if (action == 0) {
        cache->rollback(b);
      } else if (action == 1 && !before.empty()) {
        before.resize(before.size() - static_cast<size_t>(dice.below(static_cast<int>(before.size()) + 1)) / 2);
        cache->truncate(b, static_cast<int64_t>(before.size()));
      } else {
        before = whole;
        cache->commit(b, path_to(tree, row));
      }
    }
    if (round % 4 == 3) cache = cache->fork();
  }
}

std::unique_ptr<KvCache> after(const LanguageModel& model, const std::vector<int64_t>& text) {
  auto cache = model.new_cache(1, 0);
  const Line line = chain(text);
  run(model, *cache, line, {.logits = Logits::kNone});
  cache->commit(0, path_to(line, static_cast<int>(text.size()) - 1));
  return cache;
}

// A block that is skipped adds nothing in the reference: its last product, or the norm behind it, is zero.
std::vector<float> without_blocks(const Family& family, const Line& line, const Ask& ask) {
  ReferenceDecoder reference(family.folder.path());
  for (auto& [name, tensor] : reference.parameters()) {
    for (int64_t l = 0; l < family.config.layers; ++l) {
      const auto is_skipped = [&](const std::vector<char>& skipped) {
        return !skipped.empty() && skipped[static_cast<size_t>(l)] != 0;
      };
      const std::string layer = cat("layers.", l, ".");
      const bool is_last = name.find("post_norm") != std::string::npos || name.find("output.") != std::string::npos ||
                           name.find("down.") != std::string::npos;
      if (is_last && name.starts_with(layer + "attention.") && is_skipped(ask.skip_attention)) tensor.zero_();
      if (is_last && name.starts_with(layer + "mlp.") && is_skipped(ask.skip_mlp)) tensor.zero_();
    }
  }
  return values(reference.forward(at::tensor(line.token), at::tensor(line.parent)).logits[-1]);
}

TEST_P(Families, SkippedBlocksLeaveTheResidualStreamAsItIs) {
  const Family family(GetParam());
  if (family.config.places.sum) GTEST_SKIP() << "the reference would still normalise the stream";
  const auto model = family.load(Dtype::kFloat32);
  Dice dice(3);
  const Line line = chain(random_tokens(dice, 23, family.config.vocab));
  const auto layers = static_cast<size_t>(family.config.layers);
  std::vector<Ask> asks(3);
  for (Ask& ask : asks) ask.skip_attention = ask.skip_mlp = std::vector<char>(layers, 0);
  asks[0].skip_attention[1] = 1;
  asks[1].skip_mlp[0] = 1;
  asks[2].skip_attention[0] = asks[2].skip_mlp[0] = asks[2].skip_mlp[layers - 1] = 1;
  asks.push_back(exit_after(1, family.config.layers, Logits::kAll));
  for (size_t i = 0; i < asks.size(); ++i) {
    const std::vector<float> got = logits_of(run(*model, *model->new_cache(1, 0), line, asks[i]), 0, 22),
                             wanted = without_blocks(family, line, asks[i]);
    EXPECT_LE(largest_difference(got, wanted) / range_of(wanted), kFloatError) << "ask " << i;
  }
}

TEST_P(Families, APassThatResumesEqualsOnePass) {
  const Family family(GetParam());
  Dice dice(4);
  const std::vector<int64_t> text = random_tokens(dice, 25, family.config.vocab);
  const Line tree = random_tree(dice, 12, family.config.vocab);
  const int last = static_cast<int>(family.config.layers);
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kInt8}) {
    const auto model = family.load(dtype);
    const auto whole = after(*model, text);
    const Pass wanted = run(*model, *whole, tree, {.hidden = {last, last + 1}});
    for (int exit = 1; exit <= last; ++exit) {
      const auto cache = after(*model, text);
      Ask first = exit_after(exit, last, Logits::kLast);
      first.hidden = {exit};
      Rows rows = to_rows({tree});
      rows.hidden = model->forward(rows, *cache, first).hidden.select(2, 0).contiguous();
      const Pass pass = model->forward(rows, *cache, {.hidden = {last, last + 1}, .first_layer = exit});
      EXPECT_EQ(values(pass.logits), values(wanted.logits)) << name_of(dtype) << " exit " << exit;
      EXPECT_EQ(values(pass.hidden), values(wanted.hidden)) << name_of(dtype) << " exit " << exit;
    }
  }
}

TEST_P(Families, HiddenSites) {
  const Family family(GetParam());
  const auto model = family.load(Dtype::kFloat32);
  Dice dice(5);
  const Line tree = random_tree(dice, 19, family.config.vocab);
  std::vector<int> sites;
  for (int site = static_cast<int>(family.config.layers) + 1; site >= 0; --site) sites.push_back(site);
  const Pass pass = run(*model, *model->new_cache(1, 0), tree, {.logits = Logits::kNone, .hidden = sites});
  const ReferenceDecoder reference(family.folder.path());
  const Tensor wanted = reference.forward(at::tensor(tree.token), at::tensor(tree.parent), sites).hidden;
  for (size_t i = 0; i < sites.size(); ++i) {
    const std::vector<float> exact = values(wanted.select(1, static_cast<int64_t>(i)));
    EXPECT_LE(largest_difference(values(pass.hidden[0].select(1, static_cast<int64_t>(i))), exact) / range_of(exact),
              kFloatError)
        << "site " << sites[i];
  }
}

// A view hides the middle of the text, a window what is far: a key must be in both.
TEST_P(Families, ViewsAndWindowsIntersect) {
  const Family family(GetParam());
  const auto model = family.load(Dtype::kFloat32);
  Dice dice(6);
  const std::vector<int64_t> text = random_tokens(dice, 60, family.config.vocab);
  for (const KvView& view :
       {KvView{.sinks = 4, .window = 20}, KvView{.sinks = 0, .window = 3}, KvView{.sinks = 3, .window = 0},
        KvView{.sinks = 33, .window = 5, .rewind = 9}, KvView{.rewind = 7}}) {
    const Line tree = random_tree(dice, 14, family.config.vocab);
    Line all = chain({text.begin(), text.end() - view.rewind});
    const auto committed = static_cast<int64_t>(all.size());
    for (size_t row = 0; row < tree.size(); ++row) {
      all.token.push_back(tree.token[row]);
      all.parent.push_back(committed + tree.parent[row]);
    }
    const auto rows = static_cast<int64_t>(all.size());
    const Tensor bias = at::zeros({rows, rows});
    for (int64_t row = committed; row < rows && view.sinks >= 0; ++row) {
      for (int64_t slot = view.sinks; slot < committed - view.window; ++slot)
        bias[row][slot] = -std::numeric_limits<float>::infinity();
    }
    const ReferenceDecoder reference(family.folder.path());
    const auto wanted = values(
        reference.forward(at::tensor(all.token), at::tensor(all.parent), {}, bias).logits.narrow(0, committed, 14));
    const auto got = values(run(*model, *after(*model, text), tree, {.view = view}).logits);
    EXPECT_LE(largest_difference(got, wanted) / range_of(wanted), kFloatError)
        << view.sinks << " sinks, window " << view.window << ", rewind " << view.rewind;
  }
}

TEST_P(Families, PartialHeadsGiveTheLogitsOfTheWholeHead) {
  const Family family(GetParam());
  const std::vector<Token> tokens = {60, 3, 17, 0, 44};
  const Line line = chain({1, 2, 3, 4, 5, 6});
  for (const Dtype dtype : {Dtype::kFloat32, Dtype::kInt4}) {
    const auto model = family.load(dtype);
    const auto head = model->partial_head(tokens);
    const std::vector<float> all = logits_of(run(*model, *model->new_cache(1, 0), line), 0, 5);
    const std::vector<float> few = logits_of(run(*model, *model->new_cache(1, 0), line, {.head = head.get()}), 0, 5);
    ASSERT_EQ(few.size(), tokens.size());
    for (size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(few[i], all[static_cast<size_t>(tokens[i])]);
  }
}

TEST(LearnedPositions, EndWithTheirTable) {
  for (const char* name : {"gpt2", "opt"}) {
    const Family family(name);
    const auto model = family.load(Dtype::kFloat32);
    Dice dice(7);
    const auto cache = after(*model, random_tokens(dice, 126, family.config.vocab));
    Line wide = chain({1, 2});  // the last two positions, the last one thrice
    wide.token.insert(wide.token.end(), {3, 4});
    wide.parent.insert(wide.parent.end(), {0, 0});
    EXPECT_NO_THROW(run(*model, *cache, wide)) << name;
    EXPECT_THAT(
        [&] {
          run(*model, *cache, {{5}, {1}});
        },
        testing::ThrowsMessage<Error>(testing::HasSubstr("reaches position 128; the model has learned 0..127")));
    EXPECT_EQ(cache->tentative(0), 4) << "a refused pass must leave the cache as it was";
  }
}

}  // namespace
}  // namespace specula::test
