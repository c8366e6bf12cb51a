// Wrong checkpoints: each is refused with a one-line text that names the place, what was given and what is valid, and
// with exit status 1, before anything is loaded.
#include <gmock/gmock.h>

#include <functional>

#include "framework/core/files.h"
#include "framework/model/checkpoint/safetensors.h"
#include "framework/model/random_model.h"
#include "tests/model/support.h"

namespace specula::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string refusal(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.code()), 1);
    EXPECT_THAT(error.what(), Not(HasSubstr("\n")));
    return error.what();
  }
  return "nothing was thrown";
}

std::string file_of(const std::string& header, const std::string& data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>((header.size() >> (8 * i)) & 255);
  return bytes + header + data;
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return cat("\"", name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape, ",\"data_offsets\":", offsets, "}");
}

class SafetensorsTest : public testing::Test {
 protected:
  std::string opening(const std::string& content) {
    write_file_atomically(folder_.path() / "m.safetensors", content);
    return refusal([&] { SafetensorsFile(folder_.path() / "m.safetensors"); });
  }
  std::string opening(const std::string& header, size_t data_size) {
    return opening(file_of(header, std::string(data_size, 'x')));
  }
  TemporaryFolder folder_;
};

TEST_F(SafetensorsTest, ReadsWhatIsRight) {
  const std::string header = cat("{\"__metadata__\":{\"format\":\"pt\"},", entry("b", "BF16", "[2,3]", "[4,16]"), ",",
                                 entry("a", "F32", "[]", "[0,4]"), ",", entry("none", "F16", "[0,7]", "[16,16]"), "}");
  write_file_atomically(folder_.path() / "m.safetensors", file_of(header, std::string(16, 'x')));
  const SafetensorsFile file(folder_.path() / "m.safetensors");
  ASSERT_EQ(file.entries().size(), 3u);
  EXPECT_EQ(file.entries()[0].name, "a");
  EXPECT_EQ(file.entries()[0].elements(), 1);
  EXPECT_EQ(shape_text(file.entries()[1].shape), "[2, 3]");
  std::string bytes(12, ' ');
  file.read(file.entries()[1], 0, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()});
  EXPECT_EQ(bytes, std::string(12, 'x'));
  std::array<uint8_t, 2> behind{};
  EXPECT_THROW(file.read(file.entries()[1], 11, behind), std::logic_error);
}

TEST_F(SafetensorsTest, RefusesLyingHeaders) {
  EXPECT_THAT(opening("abc"), HasSubstr("3 bytes are too few"));
  EXPECT_THAT(opening(std::string("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10)),
              AllOf(HasSubstr("claims 18446744073709551615 bytes"), HasSubstr("holds 2")));
  EXPECT_THAT(opening(std::string("\x03\0\0\0\0\0\0\0{}", 10)), HasSubstr("claims 3 bytes"));
  EXPECT_THAT(opening("{\"a\":", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(opening("[1,2]", 0), HasSubstr("not a JSON object"));
  EXPECT_THAT(opening("{\"w\":" + std::string(300000, '['), 0), HasSubstr("JSON nests more than 100 deep"));
  EXPECT_THAT(opening(cat("{", entry("a", "F32", "[1]", "[0,4]"), ",", entry("a", "F32", "[1]", "[4,8]"), "}"), 8),
              HasSubstr("key 'a' occurs twice"));
}

TEST_F(SafetensorsTest, RefusesLyingTensors) {
  const auto one = [&](const char* dtype, const char* shape, const char* offsets) {
    return opening(cat("{", entry("w", dtype, shape, offsets), "}"), 8);
  };
  EXPECT_EQ(one("F32", "[2]", "[0,8]"), "nothing was thrown");
  EXPECT_THAT(one("F33", "[2]", "[0,8]"), AllOf(HasSubstr("tensor 'w': unknown dtype \"F33\""), HasSubstr("BF16")));
  EXPECT_THAT(one("F32", "[3]", "[0,8]"), AllOf(HasSubstr("span 8 bytes"), HasSubstr("F32 [3] needs 12")));
  EXPECT_THAT(one("BF16", "[2]", "[0,8]"), HasSubstr("needs 4"));
  EXPECT_THAT(one("F32", "[-2]", "[0,8]"), HasSubstr("not a non-negative integer"));
  EXPECT_THAT(one("F32", "[2.0]", "[0,8]"), HasSubstr("not a non-negative integer"));
  EXPECT_THAT(one("F32", "[4294967296,4294967296,4]", "[0,8]"), HasSubstr("overflows"));
  EXPECT_THAT(one("F32", "\"2\"", "[0,8]"), HasSubstr("not a list"));
  EXPECT_THAT(one("F32", "[4]", "[0,16]"),
              AllOf(HasSubstr("outside the file's data of 8 bytes"), HasSubstr("truncated")));
  EXPECT_THAT(one("F32", "[2]", "[8,0]"), HasSubstr("outside the file's data"));
  EXPECT_THAT(one("F32", "[2]", "[0,8,9]"), HasSubstr("not two non-negative integers"));
  EXPECT_THAT(one("F32", "[1]", "[0,4]"), HasSubstr("4 bytes follow tensor 'w'"));
  EXPECT_THAT(one("F32", "[1]", "[4,8]"), HasSubstr("gap after the header"));
  EXPECT_THAT(opening("{\"w\":{\"dtype\":\"F32\"}}", 8), HasSubstr("expected exactly dtype, shape and data_offsets"));
  EXPECT_THAT(opening(cat("{", entry("a", "F32", "[2]", "[0,8]"), ",", entry("b", "F32", "[1]", "[4,8]"), "}"), 8),
              AllOf(HasSubstr("tensor 'b'"), HasSubstr("inside tensor 'a'")));
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() { write_random_llama(path(), odd_config(), 1, Dtype::kFloat32); }
  const fs::path& path() const { return folder_.path(); }
  std::string loading() const {
    std::string text = refusal([&] { load_model(path(), {.dtype = Dtype::kFloat32}); });
    EXPECT_EQ(text, refusal([&] { read_model_info(path()); })) << "what loading refuses is refused before loading";
    return text;
  }
  void replace(const char* file, const std::string& from, const std::string& to) const {
    std::string text = read_file(path() / file);
    const size_t at = text.find(from);
    SPECULA_CHECK(at != std::string::npos, from);
    write_file_atomically(path() / file, text.replace(at, from.size(), to));
  }
  TemporaryFolder folder_;
};

TEST_F(CheckpointTest, RefusesMissingFiles) {
  EXPECT_THAT(refusal([&] { read_model_info(path() / "nowhere"); }), HasSubstr("no such model folder"));
  fs::rename(path() / "model.safetensors", path() / "pytorch_model.bin");
  EXPECT_THAT(loading(), AllOf(HasSubstr("pytorch_model.bin"), HasSubstr("not a zip archive")));
  fs::remove(path() / "pytorch_model.bin");
  EXPECT_THAT(loading(), HasSubstr("it holds none of model.safetensors, pytorch_model.bin and no index of one"));
  fs::remove(path() / "config.json");
  EXPECT_THAT(loading(), HasSubstr("no config.json"));
}

TEST_F(CheckpointTest, RefusesATruncatedFile) {
  fs::resize_file(path() / "model.safetensors", fs::file_size(path() / "model.safetensors") - 100);
  EXPECT_THAT(loading(), AllOf(HasSubstr("model.safetensors: tensor 'lm_head.weight'"), HasSubstr("truncated")));
}

TEST_F(CheckpointTest, RefusesShapesThatDoNotFitTheConfig) {
  replace("config.json", "\"intermediate_size\": 77", "\"intermediate_size\": 78");
  EXPECT_THAT(loading(),
              AllOf(HasSubstr("model.layers.0.mlp.gate_proj.weight"), HasSubstr("[77, 54]"), HasSubstr("[78, 54]")));
}

TEST_F(CheckpointTest, NamesMissingAndUnexpectedTensors) {
  replace("config.json", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 4");
  EXPECT_THAT(loading(), AllOf(HasSubstr("tensors 'model.layers.3.input_layernorm.weight', "),
                               HasSubstr(" more are missing"), HasSubstr("model.safetensors")));
  replace("config.json", "\"num_hidden_layers\": 4", "\"num_hidden_layers\": 2");
  EXPECT_THAT(loading(), HasSubstr("unexpected tensors 'model.layers.2."));
  replace("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3");
  replace("config.json", "\"mlp_bias\": true", "\"mlp_bias\": false");
  EXPECT_THAT(loading(), AllOf(HasSubstr("mlp.down_proj.bias"), HasSubstr("no such biases")));
}

TEST_F(CheckpointTest, RefusesDtypesItCannotLoad) {
  replace("model.safetensors", "\"model.norm.weight\":{\"dtype\":\"F32\"", "\"model.norm.weight\":{\"dtype\":\"I32\"");
  EXPECT_THAT(loading(), AllOf(HasSubstr("model.norm.weight"), HasSubstr("dtype I32"), HasSubstr("F32, F16, BF16")));
}

TEST_F(CheckpointTest, RefusesLyingIndexes) {
  fs::rename(path() / "model.safetensors", path() / "part1.safetensors");
  const auto index = [&](const std::string& text) {
    write_file_atomically(path() / "model.safetensors.index.json", text);
    return loading();
  };
  EXPECT_THAT(index("{\"weight_map\":{\"model.norm.weight\":\"part2.safetensors\"}}"),
              AllOf(HasSubstr("'model.norm.weight'"), HasSubstr("'part2.safetensors'"), HasSubstr("no such file")));
  EXPECT_THAT(index("{\"weight_map\":{\"lost\":\"part1.safetensors\"}}"), HasSubstr("tensor 'lost' is said to be in"));
  EXPECT_THAT(index("{\"weight_map\":{\"w\":\"../part1.safetensors\"}}"), HasSubstr("not a plain file name"));
  EXPECT_THAT(index("{\"weight_map\":{\"w\":7}}"), HasSubstr("not a plain file name"));
  EXPECT_THAT(index("{}"), HasSubstr("'weight_map' is missing"));
  EXPECT_THAT(index("{"), HasSubstr("not valid JSON"));
}

TEST_F(CheckpointTest, BoundsTheConfig) {
  const std::string good = read_file(path() / "config.json");
  const auto changed = [&](const std::string& from, const std::string& to) {
    write_file_atomically(path() / "config.json", good);
    replace("config.json", from, to);
    return loading();
  };
  EXPECT_THAT(changed("LlamaForCausalLM", "GPT3LMHeadModel"),
              AllOf(HasSubstr("'architectures'"), HasSubstr("'GPT3LMHeadModel' (model_type 'llama')"),
                    HasSubstr("did you mean 'GPT2LMHeadModel'"), HasSubstr("valid: LlamaForCausalLM, ")));
  EXPECT_THAT(changed("\"silu\"", "\"selu\""),
              AllOf(HasSubstr("'hidden_act'"), HasSubstr("'selu'"), HasSubstr("valid: silu, ")));
  EXPECT_THAT(changed("\"rope_type\": \"default\"", "\"rope_type\": \"spiral\""),
              AllOf(HasSubstr("'rope_type'"), HasSubstr("'spiral'"), HasSubstr("default, linear, dynamic, ")));
  EXPECT_THAT(changed("\"rope_type\": \"default\"", "\"rope_type\": \"linear\""), HasSubstr("'factor' is missing"));
  EXPECT_THAT(changed("\"vocab_size\": 131", "\"vocab_size\": -1"),
              AllOf(HasSubstr("'vocab_size' is -1"), HasSubstr("1..4194304")));
  EXPECT_THAT(changed("\"vocab_size\": 131", "\"vocab_size\": 1e99"), HasSubstr("'vocab_size' is 1e+99"));
  EXPECT_THAT(changed("\"vocab_size\": 131", "\"vocab\": 131"), HasSubstr("'vocab_size' is missing"));
  EXPECT_THAT(changed("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 4"),
              HasSubstr("must divide num_attention_heads, 6"));
  EXPECT_THAT(changed("\"head_dim\": 10", "\"head_dim\": 9"), HasSubstr("'head_dim' is 9"));
  EXPECT_THAT(changed("\"mlp_bias\": true", "\"mlp_bias\": 1"), HasSubstr("expected true or false"));
  EXPECT_THAT(changed("{", "{{"), HasSubstr("config.json: not valid JSON"));
}

TEST(Dtypes, AreNamed) {
  EXPECT_EQ(parse_dtype("bf16", "--dtype"), Dtype::kBfloat16);
  EXPECT_STREQ(name_of(parse_dtype("fp32", "--dtype")), "fp32");
  EXPECT_THROW(parse_dtype("fp16", "--dtype"), ConfigError);
}

}  // namespace
}  // namespace specula::test
