// The model of LibTorch operators against the reference forward and against the own engine, on every device that this
// machine has (the names of the tests say which).
#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>

#include "framework/decode/decode.h"
#include "framework/model/aten/aten_model.h"
#include "framework/model/device.h"
#include "framework/model/random_model.h"
#include "framework/model/reference.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr double kFloat32Error = 1e-4, kBfloat16Error = 0.03;  // as in parity_test.cpp: shares of the logits' range

bool has_gpu() {
  try {
    check_device("cuda", "");
    return true;
  } catch (const ConfigError&) {
    return false;
  }
}

std::vector<std::string> devices() {
  return has_gpu() ? std::vector<std::string>{"aten", "cuda"} : std::vector<std::string>{"aten"};
}

std::vector<DecoderConfig> configs() {
  DecoderConfig grouped = odd_config();  // one key head for all, scaled positions
  grouped.heads = 4;
  grouped.kv_heads = 1;
  grouped.head_dim = 80;
  grouped.rope = {.theta = 5e5, .type = RopeType::kLlama3, .factor = 8, .original_max_position_embeddings = 32};
  return {odd_config(), plain_config(), grouped};
}

double error_of(const std::vector<float>& got, const std::vector<float>& exact) {
  return largest_difference(got, exact) / range_of(exact);
}

class Aten : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<LoadedModel> load(const DecoderConfig& config, Dtype dtype = Dtype::kFloat32) {
    write_random_llama(folder.path(), config, 31, dtype);
    return load_model(folder.path(), {.dtype = dtype, .device = GetParam()});
  }
  std::vector<float> exact(const Line& line) const {
    return values(ReferenceDecoder(folder.path()).forward(at::tensor(line.token), at::tensor(line.parent)).logits);
  }
  TemporaryFolder folder;
};
INSTANTIATE_TEST_SUITE_P(Devices, Aten, testing::ValuesIn(devices()), [](const auto& test) { return test.param; });

TEST_P(Aten, Float32EqualsTheReference) {
  Dice dice(41);
  for (const DecoderConfig& config : configs()) {
    const auto model = load(config);
    for (const Line& line : {chain(random_tokens(dice, 83, config.vocab)), random_tree(dice, 40, config.vocab)}) {
      const auto cache = model->new_cache(1, 0);
      EXPECT_LE(error_of(values(run(*model, *cache, line).logits), exact(line)), kFloat32Error);
    }
  }
}

TEST_P(Aten, Bfloat16IsNearTheReference) {
  Dice dice(42);
  for (const DecoderConfig& config : configs()) {
    const auto model = load(config, Dtype::kBfloat16);
    const Line tree = random_tree(dice, 60, config.vocab);
    const auto cache = model->new_cache(1, 0);
    EXPECT_LE(error_of(values(run(*model, *cache, tree).logits), exact(tree)), kBfloat16Error);
  }
}

// Row 3 hangs under 1; a mask that shows it 2 instead, at the same position, must not pass for right.
TEST_P(Aten, NoticesASiblingThatIsSeen) {
  const auto model = load(odd_config());
  const Line tree{{5, 6, 7, 8}, {-1, 0, 0, 1}}, wrong{{5, 6, 7, 8}, {-1, 0, 0, 2}};
  const auto right_cache = model->new_cache(1, 0), wrong_cache = model->new_cache(1, 0);
  EXPECT_LE(error_of(values(run(*model, *right_cache, tree).logits), exact(tree)), kFloat32Error);
  EXPECT_GT(error_of(values(run(*model, *wrong_cache, wrong).logits), exact(tree)), 10 * kFloat32Error);
}

TEST_P(Aten, HiddenStatesOfAllSites) {
  const auto model = load(odd_config());
  Dice dice(43);
  const Line line = random_tree(dice, 21, model->vocab());
  const std::vector<int> sites = {4, 0, 2, 3, 0};
  const auto wanted = ReferenceDecoder(folder.path()).forward(at::tensor(line.token), at::tensor(line.parent), sites);
  for (const Logits logits : {Logits::kNone, Logits::kLast, Logits::kAll}) {
    const auto cache = model->new_cache(1, 0);
    const Pass pass = run(*model, *cache, line, {.logits = logits, .hidden = sites});
    EXPECT_LE(error_of(values(pass.hidden[0]), values(wanted.hidden)), 1e-5);
    EXPECT_EQ(pass.logits.defined(), logits != Logits::kNone);
    if (logits == Logits::kNone) continue;
    const bool all = logits == Logits::kAll;
    const Tensor got = all ? pass.logits[0] : pass.logits[0][0], expected = all ? wanted.logits : wanted.logits[-1];
    EXPECT_LE(error_of(values(got), values(expected)), kFloat32Error);
  }
}

// One life of a cache of three sequences, played by the own engine and by LibTorch: trees in one or two passes, ragged;
// paths kept, dropped, cut; forks; growth from 64 slots.
class TwoCaches {
 public:
  TwoCaches(const LanguageModel& own, const LanguageModel& aten)
      : own_(own), aten_(aten), own_cache_(own.new_cache(3, 0)), aten_cache_(aten.new_cache(3, 0)) {}

  double forward(const std::vector<Line>& lines, const Ask& ask) {
    const Pass a = own_.forward(to_rows(lines), *own_cache_, ask), b = aten_.forward(to_rows(lines), *aten_cache_, ask);
    if (ask.logits == Logits::kNone) return 0;
    EXPECT_EQ(b.logits.sizes(), a.logits.sizes());
    if (a.logits.numel() == 0) return 0;
    const auto expected = values(a.logits);
    return largest_difference(values(b.logits), expected) / std::max(range_of(expected), 1e-3f);
  }
  template <class Change>
  void both(Change change) {
    for (KvCache* cache : {own_cache_.get(), aten_cache_.get()}) change(*cache);
  }
  void fork() {
    auto own_copy = own_cache_->fork(), aten_copy = aten_cache_->fork();
    for (int b = 0; b < 3; ++b) both([&](KvCache& cache) { cache.truncate(b, 0); });  // the copies must not notice
    forward({chain({1, 2, 3}), chain({4, 5, 6}), chain({7, 8, 9})}, {.logits = Logits::kNone});
    own_cache_ = std::move(own_copy);
    aten_cache_ = std::move(aten_copy);
  }
  const KvCache& own() const { return *own_cache_; }
  void expect_same_sizes() const {
    for (int b = 0; b < 3; ++b) {
      EXPECT_EQ(aten_cache_->size(b), own_cache_->size(b));
      EXPECT_EQ(aten_cache_->tentative(b), own_cache_->tentative(b));
    }
  }

 private:
  const LanguageModel &own_, &aten_;
  std::unique_ptr<KvCache> own_cache_, aten_cache_;
};

// Ends the round of sequence b in one of four ways.
void end_round(TwoCaches& caches, Dice& dice, int b, const Line& tree) {
  const int action = dice.below(6), row = tree.size() == 0 ? -1 : dice.below(static_cast<int>(tree.size()));
  if (action == 0) {
    caches.both([&](KvCache& cache) { cache.rollback(b); });
  } else if (action == 1) {
    const int size = dice.below(static_cast<int>(caches.own().size(b)) + 1);
    caches.both([&](KvCache& cache) { cache.truncate(b, size); });
  } else {
    caches.both([&](KvCache& cache) { cache.commit(b, path_to(tree, row)); });
  }
}

void play_rounds(TwoCaches& caches, Dice& dice, int64_t vocab, double tolerance) {
  for (int round = 0; round < 40; ++round) {
    std::vector<Line> trees, first, second;
    for (int b = 0; b < 3; ++b) {
      trees.push_back(random_tree(dice, dice.below(13), vocab));
      const Line& tree = trees.back();
      const auto cut = static_cast<long>(tree.size()) - dice.below(2) * static_cast<long>(tree.size() / 2);
      first.push_back(
          {{tree.token.begin(), tree.token.begin() + cut}, {tree.parent.begin(), tree.parent.begin() + cut}});
      second.push_back({{tree.token.begin() + cut, tree.token.end()}, {tree.parent.begin() + cut, tree.parent.end()}});
    }
    const Logits logits[] = {Logits::kAll, Logits::kLast, Logits::kNone};
    ASSERT_LE(caches.forward(first, {.logits = logits[dice.below(3)]}), tolerance) << "round " << round;
    caches.expect_same_sizes();
    if (round % 7 == 3) caches.fork();
    ASSERT_LE(caches.forward(second, {.logits = Logits::kAll}), tolerance) << "round " << round;
    for (int b = 0; b < 3; ++b) end_round(caches, dice, b, trees[static_cast<size_t>(b)]);
    caches.expect_same_sizes();
  }
}

TEST_P(Aten, LivesAsTheOwnEngineDoes) {
  for (const DecoderConfig& config : configs()) {
    for (const Dtype dtype : {Dtype::kFloat32, Dtype::kBfloat16}) {
      const auto aten = load(config, dtype), own = load_model(folder.path(), {.dtype = dtype});
      TwoCaches caches(*own, *aten);
      Dice dice(44);
      play_rounds(caches, dice, config.vocab, dtype == Dtype::kFloat32 ? kFloat32Error : kBfloat16Error);
    }
  }
}

// More rows than are computed at once, ragged, into a cache that has to grow.
TEST_P(Aten, LongPassesOfRaggedSequences) {
  const auto aten = load(odd_config()), own = load_model(folder.path(), {});
  Dice dice(45);
  std::vector<Line> lines;
  for (const int rows : {520, 0, 700}) lines.push_back(chain(random_tokens(dice, rows, aten->vocab())));
  for (const Logits logits : {Logits::kAll, Logits::kLast}) {
    TwoCaches caches(*own, *aten);
    EXPECT_LE(caches.forward(lines, {.logits = logits}), kFloat32Error);
    EXPECT_LE(caches.forward({chain({1}, 520), chain({2, 3}), {}}, {.logits = logits}), kFloat32Error);
  }
}

TEST_P(Aten, CachesGrow) {
  const auto model = load(odd_config());
  const auto cache = model->new_cache(1, 3);
  const auto& own = dynamic_cast<const AtenCache&>(*cache);
  EXPECT_EQ(own.capacity(), 64);
  Dice dice(46);
  const Line line = chain(random_tokens(dice, 65, model->vocab()));
  run(*model, *cache, {{line.token.begin(), line.token.end() - 1}, {line.parent.begin(), line.parent.end() - 1}});
  EXPECT_EQ(own.capacity(), 64);
  const Pass pass = run(*model, *cache, {{line.token.back()}, {line.parent.back()}}, {.logits = Logits::kLast});
  EXPECT_EQ(own.capacity(), 128);
  const std::vector<float> all = exact(line);
  EXPECT_LE(error_of(values(pass.logits), {all.end() - model->vocab(), all.end()}), kFloat32Error);
}

// What an error says of the values; file, line and expression in front of it are each engine's own.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const std::logic_error& error) {
    const std::string text = error.what(), front = "broken invariant: ";
    const size_t at = text.find(front);
    return at == std::string::npos ? text : text.substr(text.find(": ", at + front.size()) + 2);
  }
  return "accepted";
}

TEST_P(Aten, RefusesWhatTheOwnEngineRefuses) {
  const auto aten = load(odd_config()), own = load_model(folder.path(), {});
  using Action = std::function<void(const LanguageModel&, KvCache&)>;
  const auto path = [](int b, const std::vector<int>& slots) -> Action {
    return [=](const LanguageModel&, KvCache& cache) { cache.commit(b, slots); };
  };
  const auto rows = [](const std::vector<Line>& lines, const Ask& ask = {}) -> Action {
    return [=](const LanguageModel& model, KvCache& cache) { model.forward(to_rows(lines), cache, ask); };
  };
  const std::vector<Action> actions = {
      path(0, {0, 2}),
      path(0, {1}),
      path(0, {3}),
      path(0, {-1}),
      path(2, {}),
      path(-1, {}),
      [](const LanguageModel&, KvCache& cache) { cache.truncate(0, 1); },
      [](const LanguageModel&, KvCache& cache) { cache.truncate(0, -1); },
      [](const LanguageModel&, KvCache& cache) { cache.truncate(2, 0); },
      [](const LanguageModel&, KvCache& cache) { (void)cache.size(2); },
      [](const LanguageModel& model, KvCache&) { model.new_cache(0, 1); },
      [](const LanguageModel& model, KvCache&) { model.new_cache(1, -1); },
      rows({chain({131}), {}}),
      rows({chain({-2}), {}}),
      rows({chain({1, 2}), chain({1, 2}, 5)}),
      rows({{{1}, {-2}}, {}}),
      rows({{{1, -1, 2}, {-1, -1, -1}}, {}}),
      rows({chain({1})}),
      rows({chain({1}), {}}, {.hidden = {5}}),
      rows({chain({1}), {}}, {.hidden = {-1}}),
      [](const LanguageModel& model, KvCache& cache) {
        Rows narrow = to_rows({chain({1}), {}});
        narrow.parent = narrow.parent.to(at::kInt);
        model.forward(narrow, cache, {});
      },
      [](const LanguageModel& model, KvCache& cache) {
        Rows uneven = to_rows({chain({1, 2}), {}});
        uneven.parent = uneven.parent.narrow(1, 0, 1);
        model.forward(uneven, cache, {});
      },
  };
  const auto own_cache = own->new_cache(2, 0), aten_cache = aten->new_cache(2, 0);
  for (const auto& [model, cache] : {std::pair{own.get(), own_cache.get()}, std::pair{aten.get(), aten_cache.get()}})
    model->forward(to_rows({chain({5, 6, 7}), chain({8})}), *cache, {});
  for (size_t i = 0; i < actions.size(); ++i) {
    const std::string wanted = refusal([&] { actions[i](*own, *own_cache); });
    EXPECT_NE(wanted, "accepted") << "action " << i;
    EXPECT_EQ(refusal([&] { actions[i](*aten, *aten_cache); }), wanted) << "action " << i;
    EXPECT_EQ(aten_cache->tentative(0), 3) << "a refused action must leave the cache as it was";
    EXPECT_EQ(aten_cache->tentative(1), 1);
  }
  EXPECT_THAT(refusal([&] { run(*aten, *own->new_cache(1, 0), chain({1})); }), HasSubstr("made by another model"));
  EXPECT_THAT(refusal([&] { run(*own, *aten->new_cache(1, 0), chain({1})); }), HasSubstr("made by another model"));
}

TEST_P(Aten, SaysWhatItIsAndCosts) {
  const auto untied = load(odd_config());
  if (GetParam() == "aten") {  // which of LibTorch's products is faster decides what follows
    EXPECT_THAT(untied->engine(), testing::MatchesRegex("ATen on cpu(, products oneDNN( for [1-4] of 5 shapes)?)?"));
  } else {
    EXPECT_EQ(untied->engine(), "ATen on cuda:0");
  }
  const int64_t embedding = int64_t{131} * 54;
  EXPECT_EQ(untied->weight_bytes(), 4 * (untied->info().parameters - embedding + 54));
  EXPECT_EQ(untied->kv_bytes_per_slot(), 2 * 3 * 2 * 10 * 4);
  const auto tied = load(plain_config(), Dtype::kBfloat16);
  const int64_t norms = 5 * 64;  // float32
  EXPECT_EQ(tied->weight_bytes(), 2 * (tied->info().parameters + 64) + 2 * norms);
  EXPECT_EQ(tied->kv_bytes_per_slot(), 2 * 2 * 4 * 16 * 2);
}

// What a run makes in its inference scope may be used after it, and the other way round.
TEST_P(Aten, InferenceScopesMayEndBetweenPasses) {
  const auto model = load(odd_config());
  const auto outside = model->new_cache(1, 0);
  std::unique_ptr<KvCache> inside;
  const Line line = chain({3, 4, 5});
  {
    const InferenceScope scope;
    inside = model->new_cache(1, 0);
    for (KvCache* cache : {outside.get(), inside.get()}) run(*model, *cache, {{3, 9, 4}, {-1, 0, 0}});
  }
  for (KvCache* cache : {outside.get(), inside.get()}) {
    cache->commit(0, std::vector<int>{0, 2});
    const std::vector<float> all = exact(line);
    EXPECT_LE(error_of(values(run(*model, *cache, chain({5})).logits), {all.end() - model->vocab(), all.end()}),
              kFloat32Error);
  }
}

// LibTorch's meta device has no memory: a pass that asks for nothing runs on it only if no value is read on the host,
// and one that asks for logits fails at the copy, and there only.
TEST(AtenOnMeta, NothingIsReadBeforeTheOneCopy) {
  const TemporaryFolder folder;
  write_random_llama(folder.path(), odd_config(), 32, Dtype::kFloat32);
  const AtenModel model(Checkpoint(folder.path()), Dtype::kBfloat16, at::Device(at::kMeta));
  const auto cache = model.new_cache(2, 0);
  const Rows rows = to_rows({Line{{5, 6, 7, 8}, {-1, 0, 0, 1}}, chain({1, 2})});
  model.forward(rows, *cache, {.logits = Logits::kNone});
  cache->commit(0, std::vector<int>{0, 1, 3});
  cache->rollback(1);
  const auto copy = cache->fork();
  EXPECT_EQ(copy->size(0), 3);
  for (const Ask& ask : {Ask{}, Ask{.logits = Logits::kLast, .hidden = {0, 4}}}) {
    try {
      model.forward(rows, *copy, ask);
      ADD_FAILURE() << "logits came out of a device without memory";
    } catch (const c10::Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("Cannot copy out of meta tensor"));
    }
    copy->rollback(0);
    copy->rollback(1);
  }
}

std::string device_error(const std::string& device) {
  try {
    check_device(device, "--device");
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(Device, UnknownOnesAreRefused) {
  EXPECT_EQ(device_error("cpu"), "");
  EXPECT_EQ(device_error("aten"), "");
  EXPECT_EQ(device_error("cdua"), "--device: unknown device 'cdua'; did you mean 'cuda'?");
  EXPECT_EQ(device_error("tpu-v5-pod"), "--device: unknown device 'tpu-v5-pod'; valid: cpu, aten, cuda, cuda:N");
  for (const char* wrong : {"", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "CPU"})
    EXPECT_THAT(device_error(wrong), HasSubstr(cat("--device: unknown device '", wrong, "'")));
}

TEST(Device, SaysWhyThereIsNoGpu) {
  const std::string text = device_error("cuda:99");
  EXPECT_THAT(text, HasSubstr("--device: device 'cuda:99'"));
  EXPECT_EQ(text.find('\n'), std::string::npos);
#ifdef SPECULA_CUDA
  EXPECT_THAT(text, HasSubstr(has_gpu() ? "; valid: cuda:0" : "CUDA finds none on this machine"));
#else
  EXPECT_THAT(text, AllOf(HasSubstr("needs a CUDA build of LibTorch"), HasSubstr("-DSPECULA_CUDA=ON")));
  EXPECT_THROW(load_model("no such folder", {.device = "cuda"}), ConfigError) << "before the folder is looked at";
#endif
}

TEST(Device, QuantizedDtypesBelongToTheOwnEngine) {
  check_device_dtype("cpu", Dtype::kInt8, "--dtype");
  check_device_dtype("aten", Dtype::kBfloat16, "--dtype");
  try {
    load_model("no such folder", {.dtype = Dtype::kInt4, .device = "aten"});
    ADD_FAILURE() << "int4 on aten";
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(),
                 "no such folder: dtype 'int4' is computed on device 'cpu' only; valid on 'aten': fp32, bf16");
  }
}

}  // namespace
}  // namespace specula::test
