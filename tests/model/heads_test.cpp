// Heads in their published layouts against the equations of their papers in PyTorch (fixtures by
// tests/tools/make_head_fixtures.py), and the errors of heads that do not fit.
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/model/checkpoint/stored_tensor.h"
#include "framework/model/heads/block_heads.h"
#include "framework/model/random_model.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

fs::path fixture(const std::string& name) { return source_folder() / "tests/model/fixtures/heads" / name; }

struct Expected {
  std::vector<int64_t> token, draft;  // [T], [K]
  Tensor states;                      // [T,S,H]
  std::vector<float> logits;          // [T+K,V]
};

Expected expected_of(const std::string& name) {
  const auto file = open_tensor_file(fixture(name) / "expected.safetensors");
  Expected expected;
  for (const TensorEntry& entry : file->entries()) {
    if (entry.dtype == "I64") {
      std::vector<int64_t> ids(static_cast<size_t>(entry.elements()));
      file->read(entry, 0, {reinterpret_cast<uint8_t*>(ids.data()), ids.size() * sizeof(int64_t)});
      (entry.name == "token" ? expected.token : expected.draft) = ids;
      continue;
    }
    std::vector<float> values(static_cast<size_t>(entry.elements()));
    StoredTensor{file.get(), &entry}.read_rows(0, entry.shape.front(), values.data());
    if (entry.name == "logits") {
      expected.logits = values;
    } else {
      expected.states = at::tensor(values).view(entry.shape);
    }
  }
  return expected;
}

struct Loaded {
  std::unique_ptr<LoadedModel> target, head;
  explicit Loaded(const fs::path& folder, Dtype dtype = Dtype::kFloat32)
      : target(load_model(fixture("target"), {.dtype = dtype})),
        head(load_model(folder, {.dtype = dtype, .target = target.get()})) {}
};

// Rows of the text with the target's states, then drafted rows with the head's own, one by one.
std::vector<float> logits_of_head(const LanguageModel& head, const Expected& expected) {
  const HeadTraits& traits = *head.head_traits();
  const auto cache = head.new_cache(1, 0);
  const auto pass = [&](const Line& line, const Tensor& states) {
    Rows rows = to_rows({line});
    rows.hidden = states.view({1, states.size(0), states.size(1)});
    return head.forward(rows, *cache, {.logits = Logits::kAll, .hidden = {traits.own}});
  };
  if (traits.lag == 0) {  // every row carries a state of the target
    std::vector<int64_t> all = expected.token;
    all.insert(all.end(), expected.draft.begin(), expected.draft.end());
    return values(pass(chain(all), head.join(expected.states)).logits);
  }
  Pass last = pass(chain(expected.token), head.join(expected.states));
  std::vector<float> all = values(last.logits);
  const auto first = static_cast<int64_t>(all.size()) - static_cast<int64_t>(expected.logits.size()) +
                     static_cast<int64_t>(expected.draft.size()) * head.vocab();
  all.erase(all.begin(), all.begin() + first);  // of a head that speaks behind the text alone
  auto slots = static_cast<int>(expected.token.size());
  for (const int64_t token : expected.draft) {
    const Tensor own = last.hidden.select(0, 0).select(1, 0);
    last = pass(chain({token}, slots), own.narrow(0, own.size(0) - 1, 1).contiguous());
    const std::vector<float> more = values(last.logits);
    all.insert(all.end(), more.begin(), more.end());
    ++slots;
  }
  return all;
}

// The largest difference as a share of the range; infinite where one of both is -infinity alone.
double error_of(const std::vector<float>& own, const std::vector<float>& expected) {
  std::vector<float> a, b;
  for (size_t i = 0; i < expected.size(); ++i) {
    if (std::isinf(expected[i]) != std::isinf(own[i])) return INFINITY;
    if (std::isinf(expected[i])) continue;
    a.push_back(own[i]);
    b.push_back(expected[i]);
  }
  return largest_difference(a, b) / range_of(b);
}

class Heads : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Published, Heads,
                         ::testing::Values("medusa", "medusa_shared", "hydra", "hydra_prefix", "mlp_speculator",
                                           "mlp_speculator_tied", "eagle", "eagle3", "eagle3_speculators", "eagle3_1",
                                           "eagle3_normed", "peagle", "mtp", "kangaroo", "block_diffusion",
                                           "block_diffusion_speculators"),
                         [](const auto& kind) { return std::string(kind.param); });

TEST_P(Heads, GiveTheLogitsOfThePapersEquations) {
  const Expected expected = expected_of(GetParam());
  const Loaded loaded(fixture(GetParam()));
  const std::vector<float> own = logits_of_head(*loaded.head, expected);
  ASSERT_EQ(own.size(), expected.logits.size());
  EXPECT_LE(error_of(own, expected.logits), 2e-4);
  const Loaded rounded(fixture(GetParam()), Dtype::kBfloat16);
  EXPECT_LE(error_of(logits_of_head(*rounded.head, expected), expected.logits), 0.08);
}

// The states decide: a head that is given those of the wrong token says something else.
TEST_P(Heads, NoticeStatesOfAnotherToken) {
  Expected expected = expected_of(GetParam());
  const Loaded loaded(fixture(GetParam()));
  expected.states = expected.states.roll(1, -1).contiguous();
  EXPECT_GT(error_of(logits_of_head(*loaded.head, expected), expected.logits), 1e-2);
}

TEST_P(Heads, SayWhatTheyAre) {
  const ModelInfo info = read_model_info(fixture(GetParam()));
  EXPECT_EQ(std::string(GetParam()).rfind(info.head, 0), 0U) << info.head;
  EXPECT_EQ(info.vocab, 61);
  EXPECT_EQ(info.hidden, 32);
  EXPECT_EQ(info.fingerprint.size(), 64U);
}

std::string refusal(const fs::path& folder, const LoadOptions& options) {
  try {
    load_model(folder, options);
  } catch (const Error& error) {
    return error.what();
  }
  return "it was loaded";
}

TEST(HeadErrors, AHeadNeedsItsTarget) {
  EXPECT_THAT(refusal(fixture("eagle"), {}), AllOf(HasSubstr("eagle"), HasSubstr("without its target")));
  EXPECT_THAT(refusal(fixture("medusa"), {}), AllOf(HasSubstr("medusa"), HasSubstr("without its target")));
}

TEST(HeadErrors, ATargetOfAnotherSizeIsNamed) {
  const TemporaryFolder folder;
  write_random_llama(folder.path(), plain_config(), 1, Dtype::kFloat32);
  const auto other = load_model(folder.path(), {});
  for (const char* head : {"medusa", "eagle3"})
    EXPECT_THAT(refusal(fixture(head), {.target = other.get()}),
                AllOf(HasSubstr("for a target of hidden size 32"), HasSubstr("has ")));
  const Loaded loaded(fixture("eagle"));
  EXPECT_THAT(refusal(fixture("eagle"), {.dtype = Dtype::kBfloat16, .target = loaded.target.get()}),
              AllOf(HasSubstr("dtype"), HasSubstr("share tables")));
}

// Copies of a fixture with one thing changed.
class WrongHead {
 public:
  explicit WrongHead(const std::string& name) {
    fs::copy(fixture(name), folder_.path() / name);
    path_ = folder_.path() / name;
  }
  const fs::path& path() const { return path_; }
  void replace(const std::string& file, const std::string& what, const std::string& by) {
    std::string text = read_file(path_ / file);
    const size_t at = text.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    text.replace(at, what.size(), by);
    std::ofstream(path_ / file, std::ios::binary) << text;
  }
  std::string refusal() const {
    const auto target = load_model(fixture("target"), {});
    return specula::test::refusal(path_, {.target = target.get()});
  }
  // Overwrites bytes of a tensor.
  void poke(const std::string& file, const std::string& tensor, size_t offset, const std::vector<uint8_t>& bytes) {
    const auto open = open_tensor_file(path_ / file);
    for (const TensorEntry& entry : open->entries()) {
      if (entry.name != tensor) continue;
      std::fstream out(path_ / file, std::ios::binary | std::ios::in | std::ios::out);
      out.seekp(static_cast<std::streamoff>(entry.begin + offset));
      out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
  }

 private:
  TemporaryFolder folder_;
  fs::path path_;
};

TEST(HeadErrors, TensorsThatAreMissingOrUnknownAreNamed) {
  WrongHead missing("mlp_speculator");
  missing.replace("model.safetensors", "head.3.weight", "haed.3.weight");
  EXPECT_THAT(missing.refusal(), AllOf(HasSubstr("'head.3.weight' is missing"), HasSubstr("model.safetensors")));
  WrongHead unknown("eagle3");
  unknown.replace("model.safetensors", "t2d", "t2e");
  EXPECT_THAT(unknown.refusal(), HasSubstr("t2e"));
  WrongHead gone("mtp");
  gone.replace("model.safetensors", "mtp.norm.weight", "mtp.nrom.weight");
  EXPECT_THAT(gone.refusal(), HasSubstr("mtp.norm.weight"));
}

TEST(HeadErrors, DraftTokensOutOfTheVocabularyAreNamed) {
  WrongHead far("eagle3");
  far.poke("model.safetensors", "d2t", 8, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f});
  EXPECT_THAT(far.refusal(), AllOf(HasSubstr("d2t"), HasSubstr("entry 1 is 9223372036854775807")));
  WrongHead twice("eagle3");
  twice.poke("model.safetensors", "d2t", 0, {60, 0, 0, 0, 0, 0, 0, 0});
  twice.poke("model.safetensors", "d2t", 8, {59, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_THAT(twice.refusal(), AllOf(HasSubstr("d2t"), HasSubstr("two entries lead to token 60")));
}

TEST(HeadErrors, NormsOfStatesThatAreMissingOrTwoAtOnce) {
  WrongHead missing("eagle3_1");
  missing.replace("model.safetensors", "fc_norm.1.weight", "fc_nrom.1.weight");
  EXPECT_THAT(missing.refusal(), HasSubstr("'fc_norm.1.weight' is missing"));
  WrongHead unsaid("eagle3_1");
  unsaid.replace("config.json", "\"fc_norm\": true", "\"fc_norm\": false");
  EXPECT_THAT(unsaid.refusal(), AllOf(HasSubstr("unexpected"), HasSubstr("fc_norm.0.weight")));
  WrongHead both("eagle3_1");
  both.replace("config.json", "\"fc_norm\": true", "\"fc_norm\": true, \"norm_before_fc\": true");
  EXPECT_THAT(both.refusal(), AllOf(HasSubstr("norm_before_fc"), HasSubstr("fc_norm")));
}

TEST(HeadErrors, LayersThatTheTargetDoesNotHave) {
  WrongHead head("eagle3_speculators");
  head.replace("config.json", "    4\n", "    9\n");
  EXPECT_THAT(head.refusal(), AllOf(HasSubstr("layer 9"), HasSubstr("the target has 6 layers")));
}

TEST(HeadErrors, KindsThatCannotBeComputed) {
  WrongHead head("hydra");
  head.replace("config.json", "\"mlp\"", "\"cross-attn\"");
  EXPECT_THAT(head.refusal(), AllOf(HasSubstr("hydra_head_arch"), HasSubstr("valid: mlp, prefix-mlp")));
}

TEST(HeadErrors, BlocksThatCannotBe) {
  const auto refused = [](const std::string& what, const std::string& by) {
    WrongHead head("block_diffusion");
    head.replace("config.json", what, by);
    return head.refusal();
  };
  EXPECT_THAT(refused("_id\": 5", "_id\": 61"), AllOf(HasSubstr("mask_token_id"), HasSubstr("61"), HasSubstr("0..60")));
  EXPECT_THAT(refused("\"mask_token_id\": 5,", ""), AllOf(HasSubstr("mask_token_id"), HasSubstr("is missing")));
  EXPECT_THAT(refused("\"block_size\": 6", "\"block_size\": 1"), HasSubstr("expected at least 2"));
  EXPECT_THAT(refused("\"block_size\": 6", "\"block_size\": 1000000000"), HasSubstr("block_size"));
  EXPECT_THAT(refused("      4\n", "      9\n"), AllOf(HasSubstr("layer 10"), HasSubstr("the target has 6 layers")));
  EXPECT_THAT(refused("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"), HasSubstr("layers.2.input_layernorm"));
}

// Where the file does not say it, the states are spread over the target's layers.
TEST(BlockHeads, ReadTheLayersThatDFlashSpreads) {
  WrongHead head("block_diffusion");
  head.replace("config.json", "\"target_layer_ids\"", "\"other\"");
  EXPECT_EQ(Loaded(head.path()).head->head_traits()->sites, (std::vector<int>{2, 4}));  // outputs of layers 1 and 3
}

// The instrument: a causal block would not notice how many masks follow.
TEST(BlockHeads, RowsOfABlockSeeThoseBehindThem) {
  const Expected expected = expected_of("block_diffusion");
  WrongHead changed("block_diffusion");
  changed.replace("config.json", "\"block_size\": 6", "\"block_size\": 3");
  const Loaded few(changed.path()), all(fixture("block_diffusion"));
  const auto first = [&](const LanguageModel& head) {
    std::vector<float> logits = logits_of_head(head, expected);
    logits.resize(61);
    return logits;
  };
  EXPECT_GT(error_of(first(*few.head), first(*all.head)), 1e-2);
  const ShorterRounds shorter(dynamic_cast<const RoundHeads&>(*all.head), 2);
  EXPECT_EQ(shorter.head_traits()->depth, 2);
  EXPECT_EQ(first(shorter), first(*few.head)) << "a block is as short as it is asked to be";
}

// P-EAGLE's masks are causal, so fewer of them say the same; the root is no mask.
TEST(ParallelHeads, MasksSeeWhatStandsInFrontOfThem) {
  const Expected expected = expected_of("peagle");
  const Loaded loaded(fixture("peagle"));
  const std::vector<float> all = logits_of_head(*loaded.head, expected);
  const auto first = [](std::vector<float> logits, size_t rows) {
    logits.resize(rows * 61);
    return logits;
  };
  const ShorterRounds fewer(dynamic_cast<const RoundHeads&>(*loaded.head), 2);
  const std::vector<float> two = logits_of_head(fewer, expected);
  EXPECT_EQ(first(two, 2), first(all, 2));
  EXPECT_NE(first(two, 3), first(all, 3)) << "what is deeper repeats the last mask";
  WrongHead changed("peagle");
  changed.replace("config.json", "\"mask_token_id\": 5", "\"mask_token_id\": 6");
  const Loaded other(changed.path());
  const std::vector<float> of_other = logits_of_head(*other.head, expected);
  EXPECT_EQ(first(of_other, 1), first(all, 1));
  EXPECT_GT(error_of(of_other, all), 1e-2);
}

// Of a root that was fed without a question the masks are named all the same.
TEST(ParallelHeads, MasksAreNamedBehindARootThatWasNotAsked) {
  const Expected expected = expected_of("peagle");
  const Loaded loaded(fixture("peagle"));
  const std::vector<float> all = logits_of_head(*loaded.head, expected);
  const auto cache = loaded.head->new_cache(1, 0);
  Rows text = to_rows({chain(expected.token)});
  text.hidden = loaded.head->join(expected.states).unsqueeze(0);
  loaded.head->forward(text, *cache, {.logits = Logits::kNone});
  Rows draft = to_rows({chain({expected.draft[0]}, static_cast<int>(expected.token.size()))});
  draft.hidden = at::zeros({1, 1, 32});
  const std::vector<float> second = values(loaded.head->forward(draft, *cache, {.logits = Logits::kLast}).logits);
  EXPECT_EQ(second, std::vector<float>(all.begin() + 61, all.begin() + 122));
}

TEST(HeadErrors, MasksAndLayersThatCannotBe) {
  WrongHead unsaid("peagle");
  unsaid.replace("config.json", "\"mask_token_id\"", "\"other\"");
  EXPECT_THAT(unsaid.refusal(), AllOf(HasSubstr("ptd_token_id"), HasSubstr("is missing")));
  WrongHead far("peagle");
  far.replace("config.json", "\"mask_token_id\": 5", "\"mask_token_id\": 61");
  EXPECT_THAT(far.refusal(), AllOf(HasSubstr("mask_token_id"), HasSubstr("61"), HasSubstr("0..60")));
  WrongHead short_state("peagle");
  short_state.replace("model.safetensors", "[1,1,96]", "[1,2,48]");
  EXPECT_THAT(short_state.refusal(), AllOf(HasSubstr("mask_hidden"), HasSubstr("asks for [1, 1, 96]")));
  WrongHead layers("eagle3");
  layers.replace("config.json", "\"num_hidden_layers\": 1", "\"num_hidden_layers\": 2");
  EXPECT_THAT(layers.refusal(), AllOf(HasSubstr("num_hidden_layers"), HasSubstr("midlayer")));
}

// 60 blocks are more rows than a pass takes at once.
TEST(BlockHeads, BlocksOfALargeBatchAreNotTornApart) {
  const Expected expected = expected_of("block_diffusion");
  const Loaded loaded(fixture("block_diffusion"));
  const auto behind = [&](const std::vector<int64_t>& roots) {
    std::vector<Line> lines;
    for (const int64_t root : roots) {
      lines.push_back(chain(expected.token));
      lines.back().token.back() = root;
    }
    const auto batch = static_cast<int64_t>(roots.size());
    Rows rows = to_rows(lines);
    rows.hidden = loaded.head->join(expected.states).unsqueeze(0).repeat({batch, 1, 1});
    const auto cache = loaded.head->new_cache(static_cast<int>(batch), 0);
    return values(loaded.head->forward(rows, *cache, {.logits = Logits::kLast}).logits);
  };
  std::vector<int64_t> roots(60);
  std::vector<float> alone;
  for (size_t b = 0; b < roots.size(); ++b) {
    roots[b] = static_cast<int64_t>(b);
    const std::vector<float> own = behind({roots[b]});
    alone.insert(alone.end(), own.begin(), own.end());
  }
  EXPECT_EQ(behind(roots), alone);
}

// The layer of Hydra++ is checked like a model's.
TEST(HeadErrors, APrefixLayerThatIsNotThere) {
  WrongHead head("hydra");
  head.replace("config.json", "\"mlp\"", "\"prefix-mlp\"");
  EXPECT_THAT(head.refusal(), HasSubstr("hydra_lm_head.pt"));
}

}  // namespace
}  // namespace specula::test
