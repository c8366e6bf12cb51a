// Passes that make another model of the target's layers: skipped blocks, early exits that resume, views of the cache.
// The own engine and LibTorch's operators against the reference forward, whose weights are changed so that it computes
// the same: a block is skipped where its last product is zero, and a view is a text without what it hides.
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <limits>

#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

struct Setting {
  std::string device;
  Dtype dtype;
  bool is_own() const { return device == "cpu"; }
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.device << " " << name_of(setting.dtype); }

struct TestModel {
  explicit TestModel(const Setting& setting) : config(odd_config()) {
    config.layers = 4;
    write_random_llama(folder.path(), config, 33, Dtype::kFloat32);
    model = load_model(folder.path(), {.dtype = setting.dtype, .device = setting.device});
  }
  // A cache that holds committed text.
  std::unique_ptr<KvCache> after(const std::vector<std::vector<int64_t>>& texts) const {
    auto cache = model->new_cache(static_cast<int>(texts.size()), 0);
    std::vector<Line> lines;
    for (const auto& text : texts) lines.push_back(chain(text));
    model->forward(to_rows(lines), *cache, {.logits = Logits::kNone});
    for (size_t b = 0; b < texts.size(); ++b)
      cache->commit(static_cast<int>(b), path_to(lines[b], static_cast<int>(texts[b].size()) - 1));
    return cache;
  }
  TemporaryFolder folder;
  DecoderConfig config;
  std::unique_ptr<LoadedModel> model;
};

class Engines : public testing::TestWithParam<Setting> {};
INSTANTIATE_TEST_SUITE_P(All, Engines,
                         testing::Values(Setting{"cpu", Dtype::kFloat32}, Setting{"cpu", Dtype::kBfloat16},
                                         Setting{"cpu", Dtype::kInt8}, Setting{"cpu", Dtype::kInt4},
                                         Setting{"aten", Dtype::kFloat32}, Setting{"aten", Dtype::kBfloat16}),
                         [](const auto& test) { return test.param.device + "_" + name_of(test.param.dtype); });

class Invariant : public testing::TestWithParam<Setting> {};  // LibTorch's operators promise no bits
INSTANTIATE_TEST_SUITE_P(Own, Invariant,
                         testing::Values(Setting{"cpu", Dtype::kFloat32}, Setting{"cpu", Dtype::kBfloat16},
                                         Setting{"cpu", Dtype::kInt8}, Setting{"cpu", Dtype::kInt8Weights},
                                         Setting{"cpu", Dtype::kInt4}),
                         [](const auto& test) { return name_of(test.param.dtype); });

class Exact : public testing::TestWithParam<Setting> {};  // float32, so that the reference may be compared
INSTANTIATE_TEST_SUITE_P(All, Exact, testing::Values(Setting{"cpu", Dtype::kFloat32}, Setting{"aten", Dtype::kFloat32}),
                         [](const auto& test) { return test.param.device; });

constexpr float kFloatError = 1e-4f;  // of the range of a row: float32 sums in two orders

void expect_near(const std::vector<float>& got, const std::vector<float>& wanted, const std::string& what) {
  EXPECT_LE(largest_difference(got, wanted) / range_of(wanted), kFloatError) << what;
}

// ---- skipped blocks ----

// Every block that is skipped adds nothing in the reference: its last product is zero.
std::vector<float> without_blocks(const TestModel& setup, const std::vector<int64_t>& text, const Ask& ask) {
  ReferenceDecoder reference(setup.folder.path());
  for (int64_t l = 0; l < setup.config.layers; ++l) {
    const auto clear = [&](const char* matrix) {
      for (const char* part : {".weight", ".bias"}) reference.parameters().at(cat("layers.", l, matrix, part)).zero_();
    };
    if (!ask.skip_attention.empty() && ask.skip_attention[static_cast<size_t>(l)] != 0) clear(".attention.output");
    if (!ask.skip_mlp.empty() && ask.skip_mlp[static_cast<size_t>(l)] != 0) clear(".mlp.down");
  }
  const Line line = chain(text);
  return values(reference.forward(at::tensor(line.token), at::tensor(line.parent)).logits[-1]);
}

TEST_P(Exact, SkippedBlocksLeaveTheResidualStreamAsItIs) {
  const TestModel setup(GetParam());
  Dice dice(1);
  const std::vector<int64_t> text = random_tokens(dice, 21, setup.config.vocab);
  const std::vector<Ask> asks = {
      {.skip_attention = {0, 1, 0, 0}},
      {.skip_mlp = {0, 0, 1, 0}},
      {.skip_attention = {0, 1, 1, 0}, .skip_mlp = {0, 0, 1, 0}},
      {.skip_attention = {1, 1, 1, 1}},
      {.skip_attention = {1, 1, 1, 1}, .skip_mlp = {1, 1, 1, 1}},
      exit_after(1, 4, Logits::kAll),
      exit_after(3, 4, Logits::kAll),
      exit_after(4, 4, Logits::kAll),
  };
  std::vector<std::vector<float>> seen;
  for (size_t i = 0; i < asks.size(); ++i) {
    const auto cache = setup.model->new_cache(1, 0);
    const Pass pass = run(*setup.model, *cache, chain(text), asks[i]);
    seen.push_back(logits_of(pass, 0, 20));
    expect_near(seen.back(), without_blocks(setup, text, asks[i]), cat("ask ", i));
    if (i == 0) continue;
    EXPECT_GT(largest_difference(seen[i], seen[i - 1]), 0.01f) << "asks " << i - 1 << " and " << i << " are one";
  }
}

TEST_P(Invariant, WhatIsSkippedDoesNotDependOnChunksAndBatch) {
  const TestModel setup(GetParam());
  Dice dice(2);
  const std::vector<int64_t> text = random_tokens(dice, 30, setup.config.vocab), more = {4, 5, 6};
  const Ask ask{.skip_attention = {0, 1, 0, 1}, .skip_mlp = {0, 0, 1, 1}};
  const auto whole = setup.after({text, {1, 2}});
  const Pass once = setup.model->forward(to_rows({chain(more), chain({7, 8})}), *whole, ask);
  const auto parts = setup.after({text});
  for (int row = 0; row < 3; ++row) {
    const Pass pass = run(*setup.model, *parts, chain({more[static_cast<size_t>(row)]}, row), ask);
    EXPECT_EQ(logits_of(pass, 0, 0), logits_of(once, 0, row)) << "row " << row;
  }
}

// ---- early exit, resumed ----

Tensor states_of(const Pass& pass) { return pass.hidden.select(2, 0).contiguous(); }

TEST_P(Engines, APassThatResumesEqualsOnePass) {
  const TestModel setup(GetParam());
  Dice dice(3);
  const std::vector<int64_t> text = random_tokens(dice, 40, setup.config.vocab);
  for (const int rows : {1, 5, 24, 300}) {  // 300: more than one chunk of the own engine
    const std::vector<Line> trees = {
        random_tree(dice, rows, setup.config.vocab), random_tree(dice, (rows + 1) / 2, setup.config.vocab), {}};
    const std::vector<std::vector<int64_t>> texts = {text, {text.begin(), text.begin() + 7}, {1}};
    const auto whole = setup.after(texts);
    const Pass wanted = setup.model->forward(to_rows(trees), *whole, {.hidden = {2, 5}});
    for (const int64_t exit : {1, 2, 4}) {
      const auto cache = setup.after(texts);
      Ask first = exit_after(exit, 4, Logits::kNone);
      first.hidden = {static_cast<int>(exit)};
      Rows all = to_rows(trees);
      all.hidden = states_of(setup.model->forward(to_rows(trees), *cache, first));
      const bool sees_two = exit <= 2;
      const Ask rest{.hidden = sees_two ? std::vector<int>{2, 5} : std::vector<int>{5},
                     .first_layer = static_cast<int>(exit)};
      const Pass pass = setup.model->forward(all, *cache, rest);
      for (int b = 0; b < 2; ++b) {
        const Line& tree = trees[static_cast<size_t>(b)];
        for (int row = 0; row < static_cast<int>(tree.size()); ++row) {
          const std::vector<float> got = logits_of(pass, b, row), one = logits_of(wanted, b, row);
          if (GetParam().is_own()) {
            ASSERT_EQ(got, one) << rows << " rows, exit " << exit << ", sequence " << b << " row " << row;
            ASSERT_EQ(values(pass.hidden[b][row][-1]), values(wanted.hidden[b][row][1]));
          } else {
            ASSERT_LE(largest_difference(got, one) / range_of(one), 0.02f);  // bfloat16 products of other shapes
          }
        }
        // What was resumed is whole: text that goes on from a kept path sees keys in every layer.
        const std::vector<int> path = path_to(tree, static_cast<int>(tree.size()) - 1);
        cache->commit(b, path);
        if (exit == 1) whole->commit(b, path);
      }
      if (!GetParam().is_own()) continue;
      const std::vector<Line> next = {chain({3}), chain({5}), {}};
      const auto copy = whole->fork();
      if (exit != 1) continue;
      const Pass a = setup.model->forward(to_rows(next), *cache, {}),
                 e = setup.model->forward(to_rows(next), *copy, {});
      for (int b = 0; b < 2; ++b) ASSERT_EQ(logits_of(a, b, 0), logits_of(e, b, 0));
    }
  }
}

// As early_exit drafts: one token a pass, the last without logits, then one pass through what is left.
TEST_P(Invariant, TokensThatExitOneByOneResumeTogether) {
  const TestModel setup(GetParam());
  Dice dice(4);
  const std::vector<int64_t> text = random_tokens(dice, 33, setup.config.vocab), draft = {9, 8, 7, 6};
  const Pass wanted = run(*setup.model, *setup.after({text}), chain(draft));
  const auto cache = setup.after({text});
  Ask ask = exit_after(2, 4, Logits::kLast);
  ask.hidden = {2};
  Rows rows = to_rows({chain(draft)});
  rows.hidden = at::empty({1, 4, setup.config.hidden});
  for (int row = 0; row < 4; ++row) {
    const Pass pass = run(*setup.model, *cache, chain({draft[static_cast<size_t>(row)]}, row), ask);
    rows.hidden[0][row].copy_(pass.hidden[0][0][0]);
  }
  const Pass pass = setup.model->forward(rows, *cache, {.first_layer = 2});
  for (int row = 0; row < 4; ++row) EXPECT_EQ(logits_of(pass, 0, row), logits_of(wanted, 0, row));
  // The planted fault: another row's state.
  rows.hidden[0][2].copy_(rows.hidden[0][1]);
  const Pass wrong = setup.model->forward(rows, *cache, {.first_layer = 2});
  EXPECT_NE(logits_of(wrong, 0, 2), logits_of(wanted, 0, 2));
  EXPECT_EQ(logits_of(wrong, 0, 1), logits_of(wanted, 0, 1));
}

// ---- views ----

// Logits of the last row of `tree` after `text`; its rows see the text through the view.
std::vector<float> seen_by_hand(const TestModel& setup, const std::vector<int64_t>& text, const Line& tree,
                                const KvView& view) {
  const ReferenceDecoder reference(setup.folder.path());
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
  return values(reference.forward(at::tensor(all.token), at::tensor(all.parent), {}, bias).logits[-1]);
}

TEST_P(Exact, AViewHidesTheMiddleOfTheText) {
  const TestModel setup(GetParam());
  Dice dice(5);
  const std::vector<int64_t> text = random_tokens(dice, 150, setup.config.vocab);
  const std::vector<KvView> views = {{.sinks = 4, .window = 20},
                                     {.sinks = 0, .window = 1},
                                     {.sinks = 0, .window = 0},
                                     {.sinks = 33, .window = 64},
                                     {.sinks = 4, .window = 300},
                                     {.sinks = 20, .window = 16, .rewind = 50},
                                     {.rewind = 9},
                                     {.sinks = 100, .window = 0}};
  for (const int rows : {1, 3, 40}) {
    const Line tree = random_tree(dice, rows, setup.config.vocab);
    for (size_t i = 0; i < views.size(); ++i) {
      const auto cache = setup.after({text});
      const Pass pass = run(*setup.model, *cache, tree, {.view = views[i]});
      expect_near(logits_of(pass, 0, rows - 1), seen_by_hand(setup, text, tree, views[i]),
                  cat("view ", i, ", rows ", rows));
    }
  }
}

TEST_P(Exact, AViewOfEverythingIsNoneAndANarrowOneIsNot) {
  const TestModel setup(GetParam());
  Dice dice(6);
  const std::vector<int64_t> text = random_tokens(dice, 90, setup.config.vocab);
  const auto logits = [&](const KvView& view) {
    return logits_of(run(*setup.model, *setup.after({text}), chain({7, 8}), {.view = view}), 0, 1);
  };
  EXPECT_EQ(logits({.sinks = 10, .window = 80}), logits({}));
  EXPECT_EQ(logits({.sinks = 0, .window = 1 << 20}), logits({}));
  EXPECT_GT(largest_difference(logits({.sinks = 10, .window = 40}), logits({})), 0.01f);
}

TEST_P(Invariant, ARewoundPassIsThatAfterTheShorterText) {
  const TestModel setup(GetParam());
  Dice dice(7);
  const std::vector<int64_t> text = random_tokens(dice, 70, setup.config.vocab);
  const Line rows = chain({text.end() - 20, text.end()});
  const Pass wanted = run(*setup.model, *setup.after({{text.begin(), text.end() - 20}}), rows);
  const auto cache = setup.after({text});
  const Pass pass = run(*setup.model, *cache, rows, {.view = {.rewind = 20}});
  for (int row = 0; row < 20; ++row) EXPECT_EQ(logits_of(pass, 0, row), logits_of(wanted, 0, row)) << "row " << row;
  cache->rollback(0);
  EXPECT_EQ(cache->size(0), 70);
}

TEST_P(Invariant, AViewDoesNotDependOnChunksAndBatch) {
  const TestModel setup(GetParam());
  Dice dice(8);
  const std::vector<int64_t> text = random_tokens(dice, 131, setup.config.vocab);
  const Ask ask{.view = {.sinks = 5, .window = 31}};
  const auto pair = setup.after({text, {text.begin(), text.begin() + 20}});
  const Pass once = setup.model->forward(to_rows({chain({1, 2, 3}), chain({4})}), *pair, ask);
  const auto cache = setup.after({text});
  for (int row = 0; row < 3; ++row) {
    const Pass pass = run(*setup.model, *cache, chain({row + 1}, row), ask);
    EXPECT_EQ(logits_of(pass, 0, 0), logits_of(once, 0, row)) << "row " << row;
  }
  const Pass small = run(*setup.model, *setup.after({{text.begin(), text.begin() + 20}}), chain({4}));
  EXPECT_EQ(logits_of(small, 0, 0), logits_of(once, 1, 0)) << "a text that the view shows whole";
}

// ---- what is refused ----

TEST_P(Engines, WrongAsksAreRefused) {
  const TestModel setup(GetParam());
  const auto refused = [&](const Ask& ask, const std::string& why, const Tensor& hidden = {}) {
    const auto cache = setup.after({{1, 2, 3}});
    run(*setup.model, *cache, chain({5, 6}), {.logits = Logits::kNone});
    Rows rows = to_rows({chain({5, 6})});
    rows.hidden = hidden;
    EXPECT_THAT([&] { setup.model->forward(rows, *cache, ask); }, ThrowsMessage<std::logic_error>(HasSubstr(why)));
    EXPECT_EQ(cache->tentative(0), 2) << why << ": nothing was added";
  };
  const Tensor states = at::zeros({1, 2, setup.config.hidden});
  refused({.skip_attention = {1, 0}}, "a list of 2 for 4 layers");
  refused({.skip_mlp = {1, 0, 0, 0, 0}}, "a list of 5 for 4 layers");
  refused({.first_layer = 5}, "first layer 5 of 0..4", states);
  refused({.first_layer = -1}, "first layer -1 of 0..4");
  refused({.first_layer = 2}, "starts at layer 2, without states");
  refused({}, "starts at layer 0, with states", states);
  refused({.first_layer = 2}, "expected [B R H]", at::zeros({1, 3, setup.config.hidden}));
  refused({.first_layer = 2}, "states of 7 numbers for a hidden size of 54", at::zeros({1, 2, 7}));
  refused({.hidden = {1}, .first_layer = 2}, "hidden site 1 of 2..5", states);
  refused({.view = {.sinks = 3}}, "view of 3 sinks, a window of -1");
  refused({.view = {.rewind = -1}}, "rewound by -1");
  refused({.view = {.rewind = 4}}, "rewind 4 of 3 committed slots");
  const auto cache = setup.after({{1, 2, 3}});
  Rows rows = to_rows({chain({5, 6})});
  rows.hidden = states;
  run(*setup.model, *cache, chain({5}), {.logits = Logits::kNone});
  EXPECT_THAT([&] { setup.model->forward(rows, *cache, {.first_layer = 1}); },
              ThrowsMessage<std::logic_error>(HasSubstr("resumes 2 of 1 tentative slots")));
  run(*setup.model, *cache, {{6}, {-1}}, {.logits = Logits::kNone});
  EXPECT_THAT([&] { setup.model->forward(rows, *cache, {.first_layer = 1}); },
              ThrowsMessage<std::logic_error>(HasSubstr("row 1 resumes under slot 0, its slot hangs under -1")));
}

TEST(Ask, OnlyPlainOnesAreUnited) {
  EXPECT_THROW(unite({.first_layer = 1}, {}), std::logic_error);
  EXPECT_THROW(unite({}, exit_after(1, 2, Logits::kLast)), std::logic_error);
  EXPECT_THROW(unite({}, {.view = {.rewind = 1}}), std::logic_error);
  EXPECT_THROW(exit_after(0, 2, Logits::kLast), std::logic_error);
  EXPECT_THROW(exit_after(3, 2, Logits::kLast), std::logic_error);
}

}  // namespace
}  // namespace specula::test
