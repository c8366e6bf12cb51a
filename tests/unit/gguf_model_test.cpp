// What a GGUF file must say to become a model, and what is said where it does not.
#include "framework/convert/gguf_model.h"

#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numbers>

#include "framework/convert/model_shape.h"
#include "framework/text/tokenizer.h"
#include "tests/unit/convert_support.h"
#include "tests/unit/gguf_bytes.h"

namespace specula::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

// A llama of one layer whose parts can be left out or replaced.
class Llama {
 public:
  std::function<void(GgufBytes&)> more = [](GgufBytes& /*file*/) {};  // further metadata
  uint64_t num_more = 0;
  std::string architecture = "llama", without, extra;  // a tensor to leave out, and one to add
  uint32_t heads = 2;
  uint64_t wide = 8;  // of the gate

  std::string bytes() const {
    std::vector<std::pair<std::string, std::vector<uint64_t>>> tensors = {
        {"token_embd.weight", {4, 6}},     {"blk.0.attn_norm.weight", {4}},      {"blk.0.attn_q.weight", {4, 4}},
        {"blk.0.attn_k.weight", {4, 4}},   {"blk.0.attn_v.weight", {4, 4}},      {"blk.0.attn_output.weight", {4, 4}},
        {"blk.0.ffn_norm.weight", {4}},    {"blk.0.ffn_gate.weight", {4, wide}}, {"blk.0.ffn_up.weight", {4, 8}},
        {"blk.0.ffn_down.weight", {8, 4}}, {"output_norm.weight", {4}},          {"output.weight", {4, 6}}};
    std::erase_if(tensors, [&](const auto& tensor) { return !without.empty() && tensor.first.find(without) == 0; });
    if (!extra.empty()) tensors.push_back({extra, {4}});
    GgufBytes file;
    file.head(tensors.size(), 6 + num_more).word("general.architecture", architecture);
    const std::string prefix = architecture + ".";
    file.integer(prefix + "embedding_length", 4).integer(prefix + "block_count", 1);
    file.integer(prefix + "feed_forward_length", 8).integer(prefix + "attention.head_count", heads);
    file.number(prefix + "attention.layer_norm_rms_epsilon", 1e-5f);
    more(file);
    uint64_t offset = 0;
    for (const auto& [name, sizes] : tensors) {
      file.tensor(name, sizes, 0, offset);
      uint64_t values = 1;
      for (const uint64_t size : sizes) values *= size;
      offset += (4 * values + 31) / 32 * 32;
    }
    return file.data(offset).bytes();
  }
};

class GgufModel : public testing::Test {
 protected:
  ConvertedModel convert(const Llama& llama) const {
    write_file_atomically(folder_.path() / "m.gguf", llama.bytes());
    const GgufFile file(folder_.path() / "m.gguf");
    ConvertedModel model = convert_gguf(file, WrittenDtype::kAsStored);
    for (Weight& weight : model.weights) weight.read = nullptr;  // the file is gone
    return model;
  }
  std::string refusal(const Llama& llama) const {
    return refusal_of([&] { convert(llama); });
  }
  // With metadata of its own.
  std::string refusal_with(uint64_t count, std::function<void(GgufBytes&)> more) const {
    Llama llama;
    llama.num_more = count;
    llama.more = std::move(more);
    return refusal(llama);
  }
  Json config(const Llama& llama) const {
    for (const SmallFile& file : convert(llama).files) {
      if (file.name == "config.json") return Json::parse(file.content);
    }
    throw Error("no config.json");
  }
  ScratchFolder folder_;
};

TEST_F(GgufModel, WritesTheConfig) {
  Llama llama;
  llama.num_more = 3;
  llama.more = [](GgufBytes& file) {
    file.array("llama.attention.head_count_kv", 5, 1).put(int32_t{2}).number("llama.rope.freq_base", 10000.0f);
    file.integer("llama.context_length", 77);
  };
  const Json json = config(llama);
  EXPECT_EQ(json["architectures"], Json::array({"LlamaForCausalLM"}));
  EXPECT_EQ(json["vocab_size"], 6);
  EXPECT_EQ(json["head_dim"], 2);
  EXPECT_EQ(json["max_position_embeddings"], 77);
  EXPECT_EQ(json["rms_norm_eps"].dump(), "1e-05");  // as it was meant, not as float32 has it
  EXPECT_EQ(json["tie_word_embeddings"], false);
  EXPECT_EQ(json["rope_parameters"]["rope_type"], "default");
  llama.without = "output.weight";
  EXPECT_EQ(config(llama)["tie_word_embeddings"], true);
}

TEST_F(GgufModel, RefusesWhatItCannotConvert) {
  Llama other;
  other.architecture = "mamba";
  EXPECT_THAT(refusal(other), HasSubstr("architecture 'mamba' cannot be converted; valid: llama, qwen2, qwen3"));
  EXPECT_THAT(refusal_with(1, [](GgufBytes& file) { file.integer("llama.expert_count", 8); }),
              HasSubstr("a mixture of experts cannot be converted"));
  EXPECT_THAT(refusal_with(1, [](GgufBytes& file) { file.integer("split.count", 3); }),
              HasSubstr("is one of 3 parts of a model; expected one file"));
  EXPECT_THAT(refusal_with(1, [](GgufBytes& file) { file.integer("llama.attention.sliding_window", 9); }),
              HasSubstr("a window of 9 tokens"));
  EXPECT_THAT(refusal_with(1, [](GgufBytes& file) { file.word("llama.rope.scaling.type", "yarn"); }),
              HasSubstr("'llama.rope.scaling.type' is 'yarn', which cannot be converted; valid: none, linear"));
  EXPECT_THAT(refusal_with(1,
                           [](GgufBytes& file) {
                             file.integers("llama.attention.head_count_kv", {2, 1});
                           }),
              HasSubstr("'llama.attention.head_count_kv' differs from layer to layer"));
  EXPECT_THAT(refusal_with(1, [](GgufBytes& file) { file.integer("llama.rope.dimension_count", 1); }),
              HasSubstr("'llama.rope.dimension_count' must be the size of a head, 2"));
  EXPECT_THAT(refusal_with(1, [](GgufBytes& file) { file.integer("llama.attention.head_count_kv", 3); }),
              HasSubstr("3 key heads do not divide 2"));
  Llama heads;
  heads.heads = 3;
  EXPECT_THAT(refusal(heads), HasSubstr("3 heads do not divide 4"));
}

TEST_F(GgufModel, NamesMissingUnexpectedAndMisshapenTensors) {
  Llama llama;
  llama.without = "blk.0.attn_q";
  EXPECT_THAT(refusal(llama), HasSubstr("1 tensor is missing: 'blk.0.attn_q.weight'"));
  llama.without = "blk.0";
  EXPECT_THAT(refusal(llama),
              AllOf(HasSubstr("9 tensors are missing: 'blk.0.attn_norm.weight', "), HasSubstr(", ...")));
  llama.without = "token_embd";
  EXPECT_THAT(refusal(llama), HasSubstr("'token_embd.weight' is missing"));
  llama.without = "";
  llama.extra = "blk.1.attn_norm.weight";
  EXPECT_THAT(refusal(llama), HasSubstr("unexpected tensor 'blk.1.attn_norm.weight'"));
  llama.extra = "";
  llama.wide = 12;
  EXPECT_THAT(refusal(llama),
              HasSubstr("'blk.0.ffn_gate.weight' has shape [12, 4]; the metadata asks for [8, 4] (outermost first)"));
  llama.wide = 8;
  llama.extra = "rope_freqs.weight";
  EXPECT_THAT(refusal(llama), HasSubstr("'rope_freqs.weight' must hold 1 factors"));
}

// A vocabulary of six tokens.
void vocabulary(GgufBytes& file, const std::string& kind, const std::vector<std::string>& tokens,
                const std::vector<int32_t>& types) {
  file.word("tokenizer.ggml.model", kind).words("tokenizer.ggml.tokens", tokens);
  file.integers("tokenizer.ggml.token_type", types);
}

TEST_F(GgufModel, RefusesLyingVocabularies) {
  const std::vector<std::string> tokens = {"<unk>", "<s>", "</s>", "a", "b"};
  const std::vector<int32_t> types = {2, 3, 3, 1, 1};
  const auto pieces = [&](const std::vector<std::string>& given, const std::vector<int32_t>& kinds, size_t scores = 5) {
    return refusal_with(4, [=](GgufBytes& file) {
      vocabulary(file, "llama", given, kinds);
      file.numbers("tokenizer.ggml.scores", std::vector<float>(scores, -1));
    });
  };
  EXPECT_EQ(pieces(tokens, types), "nothing was thrown");
  EXPECT_THAT(pieces(tokens, {2, 3, 3, 1}), HasSubstr("has 4 entries for 5 tokens"));
  EXPECT_THAT(pieces(tokens, {2, 3, 3, 1, 7}), HasSubstr("token 4 has type 7; valid: 1..6"));
  EXPECT_THAT(pieces(tokens, {1, 3, 3, 1, 1}), HasSubstr("there is no unknown token"));
  EXPECT_THAT(pieces(tokens, {2, 2, 3, 1, 1}), HasSubstr("tokens 0 and 1 are both the unknown one"));
  EXPECT_THAT(pieces(tokens, {2, 3, 3, 1, 6}), HasSubstr("none for <0x00>; expected none or all"));
  EXPECT_THAT(pieces({"<unk>", "<s>", "</s>", "a", "a"}, types), HasSubstr("tokens 3 and 4 are both 'a'"));
  EXPECT_THAT(pieces({"<unk>", "<s>", "</s>", "", "a"}, types), HasSubstr("token 3 is an empty text"));
  EXPECT_THAT(pieces(tokens, types, 4), HasSubstr("'tokenizer.ggml.scores' has 4 entries for 5 tokens"));
  EXPECT_THAT(pieces(std::vector<std::string>(7, "x"), std::vector<int32_t>(7, 1), 7),
              HasSubstr("lists 7 tokens; the embedding has 6 rows"));
  EXPECT_THAT(refusal_with(1, [](GgufBytes& file) { file.word("tokenizer.ggml.model", "bert"); }),
              HasSubstr("'tokenizer.ggml.model' is 'bert', which cannot be converted; valid: llama, gpt2, no_vocab"));
  EXPECT_THAT(refusal_with(5,
                           [&](GgufBytes& file) {
                             vocabulary(file, "llama", tokens, types);
                             file.numbers("tokenizer.ggml.scores", std::vector<float>(5, -1));
                             file.integer("tokenizer.ggml.eos_token_id", 5);
                           }),
              HasSubstr("'tokenizer.ggml.eos_token_id' is 5; valid: 0..4"));
}

TEST_F(GgufModel, RefusesLyingMerges) {
  const auto bytes = [&](const std::string& pre, const std::vector<std::string>& tokens, const std::string& merge) {
    return refusal_with(5, [=](GgufBytes& file) {
      vocabulary(file, "gpt2", tokens, {1, 1, 1});
      file.word("tokenizer.ggml.pre", pre).words("tokenizer.ggml.merges", {merge});
    });
  };
  EXPECT_EQ(bytes("gpt-2", {"a", "b", "ab"}, "a b"), "nothing was thrown");
  EXPECT_THAT(bytes("gpt-2", {"a", "b", "ab"}, "a"), HasSubstr("merge 'a' is not two tokens with a space between"));
  EXPECT_THAT(bytes("gpt-2", {"a", "b", "ba"}, "a b"), HasSubstr("merge 'a b' needs 'ab', which is no token"));
  EXPECT_THAT(bytes("gpt-2", {"a", "a", "aa"}, "a a"), HasSubstr("tokens 0 and 1 are both 'a'"));
  EXPECT_THAT(bytes("gpt-2", {"a", "b\xff", "ab\xff"}, "a b\xff"), HasSubstr("a text of the tokenizer is not UTF-8"));
  EXPECT_THAT(bytes("klingon", {"a", "b", "ab"}, "a b"),
              AllOf(HasSubstr("'tokenizer.ggml.pre' is 'klingon'"), HasSubstr("valid: llama-bpe")));
}

TEST(SentencePieceFile, IsReadAsWritten) {
  const ScratchFolder folder;
  const GgufFile file(convert_fixture("pieces.gguf"));
  for (const SmallFile& small : convert_gguf(file, WrittenDtype::kAsStored).files)
    write_file_atomically(folder.path() / small.name, small.content);
  const auto tokenizer = load_tokenizer(folder.path());
  EXPECT_EQ(tokenizer->vocab(), 302);  // two tokens were added, two more pad the embedding
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  EXPECT_EQ(tokenizer->piece(300), "<|user|>");
  EXPECT_EQ(tokenizer->encode("<|user|>", Tokenizer::Special::kWritten), std::vector<Token>{300});
  EXPECT_THAT(tokenizer->chat_template(), HasSubstr("<|end|>"));
  const Json texts = Json::parse(read_file(convert_fixture("pieces.texts.json")));
  ASSERT_EQ(texts.size(), 6u);
  for (const Json& text : texts) {
    EXPECT_EQ(tokenizer->encode(text["text"], Tokenizer::Special::kWithout), text["ids"].get<std::vector<Token>>());
    EXPECT_EQ(tokenizer->encode(text["text"], Tokenizer::Special::kWith).front(), 1);
  }
  const Json config = Json::parse(read_file(folder.path() / "config.json"));
  EXPECT_EQ(config["eos_token_id"], Json::array({2, 301}));
  EXPECT_EQ(config["rope_parameters"]["rope_type"], "llama3");
}

TEST(ByteLevelFile, HoldsTheVocabularyAndItsRules) {
  const GgufFile file(convert_fixture("bytes.gguf"));
  std::map<std::string, Json> files;
  for (const SmallFile& small : convert_gguf(file, WrittenDtype::kAsStored).files)
    files[small.name] = Json::parse(small.content);
  const Json& tokenizer = files.at("tokenizer.json");
  EXPECT_EQ(tokenizer["normalizer"]["type"], "NFC");
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][0]["behavior"], "Isolated");
  EXPECT_THAT(tokenizer["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"].get<std::string>(),
              HasSubstr(R"(\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"));
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][1]["use_regex"], false);
  EXPECT_EQ(tokenizer["post_processor"]["type"], "ByteLevel");  // no begin token
  EXPECT_EQ(tokenizer["model"]["vocab"].size(), 290u);          // neither added nor padding
  EXPECT_EQ(tokenizer["model"]["vocab"]["!"], 0);
  EXPECT_EQ(tokenizer["model"]["merges"].size(), 290u - 256u);
  ASSERT_EQ(tokenizer["added_tokens"].size(), 3u);
  EXPECT_EQ(tokenizer["added_tokens"][2]["content"], "<|im_end|>");
  EXPECT_EQ(tokenizer["added_tokens"][2]["id"], 292);
  EXPECT_EQ(files.at("tokenizer_config.json")["eos_token"], "<|im_end|>");
  EXPECT_EQ(files.at("config.json")["eos_token_id"], 292);
  EXPECT_EQ(files.at("config.json")["architectures"], Json::array({"Qwen2ForCausalLM"}));
}

TEST(RopeFactors, AreTakenBackToTheirRule) {
  ModelShape shape{.heads = 1, .kv_heads = 1, .head_dim = 64, .rope_theta = 500000};
  std::vector<float> factors;
  for (int i = 0; i < 32; ++i) {  // as the model card of Llama 3.1 has it, for wavelengths
    const double wave = 2 * std::numbers::pi * std::pow(500000.0, i / 32.0);
    const double smooth = (8192 / wave - 1) / 3;
    const double divisor = wave < 8192 / 4.0 ? 1 : wave > 8192 ? 32 : 1 / ((1 - smooth) / 32 + smooth);
    factors.push_back(static_cast<float>(divisor));
  }
  const auto rule = rule_of_factors(factors, shape);
  ASSERT_TRUE(rule.has_value());
  EXPECT_EQ(rule->type, RotaryScaling::Type::kLlama3);
  EXPECT_EQ(rule->factor, 32);
  EXPECT_EQ(rule->original_context, 8192);
  factors[18] *= 1.01f;
  EXPECT_FALSE(rule_of_factors(factors, shape).has_value());
  EXPECT_EQ(rule_of_factors(std::vector<float>(32, 1.0f), shape)->type, RotaryScaling::Type::kNone);
  EXPECT_EQ(rule_of_factors(std::vector<float>(32, 4.0f), shape)->type, RotaryScaling::Type::kLinear);
  EXPECT_FALSE(rule_of_factors(std::vector<float>(32, NAN), shape).has_value());
  EXPECT_FALSE(rule_of_factors(std::vector<float>(32, 0.5f), shape).has_value());
}

}  // namespace
}  // namespace specula::test
