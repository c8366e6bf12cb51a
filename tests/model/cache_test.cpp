// The cache's verb and the promise behind greedy equality: a row's logits are the same bits alone, among others, in a
// tree, in a chain, in chunks and in a batch; and a cache that lived through random rounds equals a computation from
// scratch.
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

struct TestModel {
  explicit TestModel(Dtype dtype, const DecoderConfig& model_config = odd_config()) : config(model_config) {
    write_random_llama(folder.path(), config, 21, is_quantized(dtype) ? Dtype::kFloat32 : dtype);
    model = load_model(folder.path(), {.dtype = dtype});
  }
  std::vector<float> chain_logits(const std::vector<int64_t>& tokens) const {  // of the last token, from scratch
    const auto cache = model->new_cache(1, 0);
    return logits_of(run(*model, *cache, chain(tokens), {.logits = Logits::kLast}), 0, 0);
  }
  TemporaryFolder folder;
  DecoderConfig config;
  std::unique_ptr<LoadedModel> model;
};

class Formats : public testing::TestWithParam<Dtype> {};
INSTANTIATE_TEST_SUITE_P(Dtypes, Formats,
                         testing::Values(Dtype::kFloat32, Dtype::kBfloat16, Dtype::kInt8, Dtype::kInt8Weights,
                                         Dtype::kInt4),
                         [](const auto& test) { return name_of(test.param); });

std::vector<float> one_at_a_time(const LanguageModel& model, const std::vector<int64_t>& tokens) {
  const auto cache = model.new_cache(1, 8);
  std::vector<float> last;
  for (const int64_t token : tokens) {
    last = logits_of(run(model, *cache, chain({token})), 0, 0);
    cache->commit(0, std::vector<int>{0});
  }
  return last;
}

TEST_P(Formats, RowsDoNotDependOnTheirNumber) {
  const TestModel setup(GetParam());
  Dice dice(5);
  const std::vector<int64_t> prompt = random_tokens(dice, 37, setup.config.vocab),
                             more = random_tokens(dice, 20, setup.config.vocab);
  std::vector<std::vector<float>> single;
  std::vector<int64_t> text = prompt;
  for (const int64_t token : more) {
    text.push_back(token);
    single.push_back(one_at_a_time(*setup.model, text));
  }
  for (int rows = 1; rows <= 20; ++rows) {
    const auto cache = setup.model->new_cache(1, 64);
    run(*setup.model, *cache, chain(prompt), {.logits = Logits::kNone});
    std::vector<int> all(prompt.size());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
    cache->commit(0, all);
    const Pass pass = run(*setup.model, *cache, chain({more.begin(), more.begin() + rows}));
    for (int row = 0; row < rows; ++row) {
      ASSERT_EQ(logits_of(pass, 0, row), single[static_cast<size_t>(row)]) << rows << " rows, row " << row;
    }
  }
}

TEST_P(Formats, PrefillDoesNotDependOnItsChunks) {
  const TestModel setup(GetParam());
  Dice dice(6);
  const std::vector<int64_t> text = random_tokens(dice, 150, setup.config.vocab);
  const std::vector<float> whole = setup.chain_logits(text);
  for (const bool commits : {false, true}) {
    const auto cache = setup.model->new_cache(1, 0);
    std::vector<float> last;
    for (size_t at = 0; at < text.size();) {
      const size_t count = std::min<size_t>(1 + static_cast<size_t>(dice.below(40)), text.size() - at);
      const Line part =
          chain({text.begin() + long(at), text.begin() + long(at + count)}, commits ? 0 : static_cast<int>(at));
      last = logits_of(run(*setup.model, *cache, part, {.logits = Logits::kLast}), 0, 0);
      if (commits) cache->commit(0, path_to(part, static_cast<int>(count) - 1));
      at += count;
    }
    EXPECT_EQ(last, whole) << (commits ? "committed" : "tentative");
  }
}

std::vector<int64_t> text_of(const std::vector<int64_t>& prefix, const Line& tree, int row) {
  std::vector<int64_t> text = prefix;
  for (const int at : path_to(tree, row)) text.push_back(tree.token[static_cast<size_t>(at)]);
  return text;
}

TEST_P(Formats, TreeRowsEqualChains) {
  const TestModel setup(GetParam());
  Dice dice(7);
  for (int round = 0; round < 6; ++round) {
    const std::vector<int64_t> prompt = random_tokens(dice, 3 + dice.below(40), setup.config.vocab);
    const Line tree = random_tree(dice, 24, setup.config.vocab);
    const auto cache = setup.model->new_cache(1, 0);
    const Line start = chain(prompt);
    run(*setup.model, *cache, start, {.logits = Logits::kNone});
    cache->commit(0, path_to(start, static_cast<int>(prompt.size()) - 1));
    // The tree in two passes: rows of the second hang under rows of the first.
    const auto cut = 1 + dice.below(23);
    const Line first{{tree.token.begin(), tree.token.begin() + cut}, {tree.parent.begin(), tree.parent.begin() + cut}};
    const Line second{{tree.token.begin() + cut, tree.token.end()}, {tree.parent.begin() + cut, tree.parent.end()}};
    const Pass one = run(*setup.model, *cache, first), two = run(*setup.model, *cache, second);
    for (int row = 0; row < 24; ++row) {
      const std::vector<float> got = row < cut ? logits_of(one, 0, row) : logits_of(two, 0, row - cut);
      ASSERT_EQ(got, setup.chain_logits(text_of(prompt, tree, row)))
          << "round " << round << " row " << row << " cut " << cut;
    }
  }
}

// The same with a wrong mask (each row under the row before it): the test above must be able to fail.
TEST_P(Formats, TreeTestNoticesAWrongParent) {
  const TestModel setup(GetParam());
  Dice dice(7);
  const Line tree = random_tree(dice, 24, setup.config.vocab);
  Line wrong = tree;
  const auto last = wrong.parent.size() - 1;
  wrong.parent[last] = tree.parent[last] == 0 ? 1 : 0;
  const auto cache = setup.model->new_cache(1, 0);
  const Pass pass = run(*setup.model, *cache, wrong);
  EXPECT_NE(logits_of(pass, 0, static_cast<int>(last)), setup.chain_logits(text_of({}, tree, static_cast<int>(last))));
}

TEST_P(Formats, BatchMatesChangeNothing) {
  const TestModel setup(GetParam());
  Dice dice(8);
  std::vector<Line> prompts, trees;
  for (int b = 0; b < 3; ++b) {
    prompts.push_back(chain(random_tokens(dice, 5 + 30 * b, setup.config.vocab)));
    trees.push_back(random_tree(dice, 9 - 4 * b, setup.config.vocab));
  }
  const auto together = setup.model->new_cache(3, 0);
  setup.model->forward(to_rows(prompts), *together, {.logits = Logits::kNone});
  for (int b = 0; b < 3; ++b)
    together->commit(b, path_to(prompts[size_t(b)], static_cast<int>(prompts[size_t(b)].size()) - 1));
  const Pass all = setup.model->forward(to_rows(trees), *together, {.logits = Logits::kAll, .hidden = {1, 4}});
  const Pass last =
      setup.model->forward(to_rows({chain({1}, 9), {}, chain({2, 3}, 1)}), *together, {.logits = Logits::kLast});
  EXPECT_EQ(together->tentative(1), 5);
  EXPECT_EQ(together->tentative(2), 3);
  for (int b = 0; b < 3; ++b) {
    const auto i = static_cast<size_t>(b);
    const auto cache = setup.model->new_cache(1, 0);
    run(*setup.model, *cache, prompts[i], {.logits = Logits::kNone});
    cache->commit(0, path_to(prompts[i], static_cast<int>(prompts[i].size()) - 1));
    const Pass alone = run(*setup.model, *cache, trees[i], {.logits = Logits::kAll, .hidden = {1, 4}});
    for (int row = 0; row < static_cast<int>(trees[i].size()); ++row) {
      ASSERT_EQ(logits_of(all, b, row), logits_of(alone, 0, row)) << "sequence " << b << " row " << row;
      ASSERT_EQ(values(all.hidden[b][row]), values(alone.hidden[0][row]));
    }
    if (b == 1) {
      EXPECT_EQ(logits_of(last, 1, 0), std::vector<float>(static_cast<size_t>(setup.config.vocab), 0.0f));
    } else {
      const Line more = b == 0 ? chain({1}, 9) : chain({2, 3}, 1);
      EXPECT_EQ(logits_of(last, b, 0), logits_of(run(*setup.model, *cache, more, {.logits = Logits::kLast}), 0, 0));
    }
  }
}

// Random rounds of draft, commit of a path, rollback, truncation and growth in three sequences, against the reference
// from scratch.
TEST(Cache, RandomRoundsEqualTheReference) {
  const TestModel setup(Dtype::kFloat32);
  const ReferenceDecoder reference(setup.folder.path());
  Dice dice(9);
  for (const int batch : {1, 3}) {
    auto cache = setup.model->new_cache(batch, 4);
    std::vector<std::vector<int64_t>> text(static_cast<size_t>(batch));
    for (int round = 0; round < 14; ++round) {
      std::vector<Line> trees;
      for (int b = 0; b < batch; ++b)
        trees.push_back(random_tree(dice, dice.below(9) + (b == 0 ? 1 : 0), setup.config.vocab));
      const Pass pass = setup.model->forward(to_rows(trees), *cache, {});
      for (int b = 0; b < batch; ++b) {
        const Line& tree = trees[static_cast<size_t>(b)];
        std::vector<int64_t>& prefix = text[static_cast<size_t>(b)];
        if (tree.size() == 0) continue;
        const int row = dice.below(static_cast<int>(tree.size()));
        const Line whole = chain(text_of(prefix, tree, row));
        const Tensor exact = reference.forward(at::tensor(whole.token), at::tensor(whole.parent)).logits;
        const std::vector<float> wanted = values(exact[-1]);
        ASSERT_LE(largest_difference(logits_of(pass, b, row), wanted) / range_of(wanted), 1e-4) << "round " << round;
        const int action = dice.below(4);
        if (action == 0) {
          cache->rollback(b);
        } else if (action == 1 && !prefix.empty()) {
          prefix.resize(static_cast<size_t>(dice.below(static_cast<int>(prefix.size()) + 1)));
          cache->truncate(b, static_cast<int64_t>(prefix.size()));
        } else {
          prefix = whole.token;
          cache->commit(b, path_to(tree, row));
        }
        ASSERT_EQ(cache->size(b), static_cast<int64_t>(prefix.size()));
        ASSERT_EQ(cache->tentative(b), 0);
      }
      if (round % 5 == 4) cache = cache->fork();
    }
  }
}

TEST_P(Formats, ForkIsADeepCopy) {
  const TestModel setup(GetParam());
  Dice dice(10);
  const std::vector<int64_t> text = random_tokens(dice, 20, setup.config.vocab);
  const auto cache = setup.model->new_cache(1, 0);
  const Line start = chain(text);
  run(*setup.model, *cache, start);
  const auto copy = cache->fork();
  EXPECT_EQ(copy->tentative(0), 20);
  copy->commit(0, path_to(start, 19));
  cache->rollback(0);
  run(*setup.model, *cache, chain(random_tokens(dice, 20, setup.config.vocab)));  // writes over the original's slots
  std::vector<int64_t> longer = text;
  longer.push_back(3);
  EXPECT_EQ(logits_of(run(*setup.model, *copy, chain({3})), 0, 0), setup.chain_logits(longer));
}

TEST_P(Formats, CommitKeepsThePathAndNothingElse) {
  const TestModel setup(GetParam());
  Dice dice(11);
  Line tree = chain({5, 6, 7});  // 0-1-2 and a branch 0-3-4
  tree.token.insert(tree.token.end(), {8, 9});
  tree.parent.insert(tree.parent.end(), {0, 3});
  const auto right = setup.model->new_cache(1, 0), wrong = setup.model->new_cache(1, 0);
  for (const auto& cache : {right.get(), wrong.get()}) run(*setup.model, *cache, tree);
  right->commit(0, std::vector<int>{0, 3, 4});
  EXPECT_EQ(right->size(0), 3);
  EXPECT_EQ(logits_of(run(*setup.model, *right, chain({1})), 0, 0), setup.chain_logits({5, 8, 9, 1}));
  wrong->commit(0, std::vector<int>{0, 1, 2});  // the fault that the line above must notice
  EXPECT_NE(logits_of(run(*setup.model, *wrong, chain({1})), 0, 0), setup.chain_logits({5, 8, 9, 1}));
}

TEST(Cache, RefusesWhatIsNotAPath) {
  const TestModel setup(Dtype::kFloat32);
  const auto cache = setup.model->new_cache(1, 0);
  run(*setup.model, *cache, chain({5, 6, 7}));
  EXPECT_THROW(cache->commit(0, std::vector<int>{0, 2}), std::logic_error);
  EXPECT_THROW(cache->commit(0, std::vector<int>{1}), std::logic_error);
  EXPECT_THROW(cache->commit(0, std::vector<int>{3}), std::logic_error);
  EXPECT_THROW(cache->truncate(0, 1), std::logic_error);
  EXPECT_EQ(cache->tentative(0), 3);
  EXPECT_THROW(run(*setup.model, *cache, chain({131})), std::logic_error);      // token outside the vocabulary
  EXPECT_THROW(run(*setup.model, *cache, chain({1, 2}, 5)), std::logic_error);  // parent behind its row
  EXPECT_THROW(setup.model->forward(to_rows({chain({1}), chain({2})}), *cache, {}), std::logic_error);
  EXPECT_EQ(cache->tentative(0), 3) << "a refused pass must leave the cache as it was";
  const TestModel other(Dtype::kFloat32, plain_config());
  EXPECT_THROW(run(*other.model, *cache, chain({1})), std::logic_error);
}

}  // namespace
}  // namespace specula::test
