// Checkpoints and vocabularies of llama2.c that are wrong; those that are right are in tests/model/convert_test.cpp.
#include "framework/convert/llama2c.h"

#include <gmock/gmock.h>

#include <cstring>

#include "framework/text/tokenizer.h"
#include "tests/unit/convert_support.h"

namespace specula::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Llama2c : public testing::Test {
 protected:
  // A fixture with an integer replaced.
  std::string refusal(const std::string& name, size_t at, int32_t value) const {
    std::string bytes = read_file(convert_fixture(name));
    std::memcpy(bytes.data() + at, &value, sizeof value);
    return opening(bytes);
  }
  std::string opening(const std::string& bytes) const {
    write_file_atomically(folder_.path() / "m.bin", bytes);
    return refusal_of([&] { Llama2cFile(folder_.path() / "m.bin"); });
  }
  ScratchFolder folder_;
};

TEST_F(Llama2c, ReadsTheVersions) {
  const Llama2cFile legacy(convert_fixture("legacy.bin")), first(convert_fixture("version1.bin")),
      second(convert_fixture("version2.bin"));
  EXPECT_EQ(legacy.version(), 0);
  EXPECT_FALSE(legacy.shape().tied);
  EXPECT_EQ(legacy.shape().vocab, 40);
  EXPECT_EQ(first.version(), 1);
  EXPECT_TRUE(first.shape().tied);
  EXPECT_EQ(first.shape().vocab, 300);
  EXPECT_EQ(second.version(), 2);
  EXPECT_EQ(second.shape().kv_heads, 2);
}

TEST_F(Llama2c, BoundsTheHeader) {
  EXPECT_THAT(refusal("legacy.bin", 0, -1), HasSubstr("dim is -1; valid: 1..131072"));
  EXPECT_THAT(refusal("legacy.bin", 8, 9999), HasSubstr("n_layers is 9999; valid: 1..1024"));
  EXPECT_THAT(refusal("legacy.bin", 12, 5), HasSubstr("5 heads do not divide dim, 16"));
  EXPECT_THAT(refusal("legacy.bin", 16, 3), HasSubstr("3 key heads do not divide 4"));
  EXPECT_THAT(refusal("legacy.bin", 20, INT32_MIN), HasSubstr("vocab_size is -2147483648"));
  EXPECT_THAT(refusal("legacy.bin", 20, 40), AllOf(HasSubstr("has 21340 bytes"), HasSubstr("vocabulary 40) has")));
  EXPECT_THAT(refusal("version1.bin", 4, 3), HasSubstr("version 3 cannot be read; valid: legacy, 1, 2"));
  EXPECT_THAT(refusal("version1.bin", 36, 2), HasSubstr("the flag of a shared classifier is 2"));
  EXPECT_THAT(refusal("version2.bin", 37, 0), HasSubstr("the group size is 0"));
  EXPECT_THAT(refusal("version2.bin", 37, 7), HasSubstr("groups of 7 do not divide rows of 16"));
}

TEST_F(Llama2c, RefusesTruncatedAndOtherFiles) {
  for (const char* name : {"legacy.bin", "version1.bin", "version2.bin"}) {
    const std::string whole = read_file(convert_fixture(name));
    EXPECT_EQ(opening(whole), "nothing was thrown");
    EXPECT_THAT(opening(whole + "x"), HasSubstr("truncated, or no llama2.c checkpoint"));
    EXPECT_THAT(opening(whole.substr(0, whole.size() - 1)), HasSubstr("truncated, or no llama2.c checkpoint"));
    EXPECT_THAT(opening(whole.substr(0, 27)), HasSubstr("27 bytes are too few"));
  }
  EXPECT_THAT(opening(read_file(convert_fixture("version1.bin")).substr(0, 100)), HasSubstr("100 bytes are too few"));
  EXPECT_THAT(opening(std::string(64, 'x')), HasSubstr("no llama2.c checkpoint?"));
}

TEST_F(Llama2c, WritesTheVocabularyAsPieces) {
  write_file_atomically(folder_.path() / "tokenizer.model",
                        llama2c_tokenizer_model(convert_fixture("tokenizer.bin"), 300));
  const auto tokenizer = load_tokenizer(folder_.path());
  EXPECT_EQ(tokenizer->vocab(), 300);
  EXPECT_EQ(tokenizer->piece(2), "</s>");
  const std::string text = "Once upon \xE6\x97\xA5 two  spaces";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, Tokenizer::Special::kWith)), text);
}

TEST_F(Llama2c, RefusesVocabulariesOfOtherModels) {
  const auto reading = [&](int64_t vocab) {
    return refusal_of([&] { llama2c_tokenizer_model(convert_fixture("tokenizer.bin"), vocab); });
  };
  EXPECT_THAT(reading(299), HasSubstr("holds more than the 299 tokens of the model"));
  EXPECT_THAT(reading(301), HasSubstr("ends within token 300"));
  EXPECT_THAT(refusal_of([&] { llama2c_tokenizer_model(folder_.path() / "none", 300); }), HasSubstr("cannot open"));
  std::string bytes = read_file(convert_fixture("tokenizer.bin"));
  const int32_t huge = INT32_MAX;
  std::memcpy(bytes.data() + 8, &huge, sizeof huge);
  write_file_atomically(folder_.path() / "t.bin", bytes);
  EXPECT_THAT(refusal_of([&] { llama2c_tokenizer_model(folder_.path() / "t.bin", 300); }),
              HasSubstr("token 0 claims 2147483647 bytes"));
}

}  // namespace
}  // namespace specula::test
