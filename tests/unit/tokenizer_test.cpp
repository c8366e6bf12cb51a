// The tokenizer on the demo model's vocabulary, and on folders that are wrong.
#include "framework/text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/core/keyring.h"

namespace specula {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kDemo = std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/target";

// A folder of its own for each test, with the demo's tokenizer in it.
class TokenizerFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              cat("specula_", ::testing::UnitTest::GetInstance()->current_test_info()->name(), "_", ::getpid());
    std::filesystem::create_directories(folder_);
    std::filesystem::copy_file(kDemo / "tokenizer.model", folder_ / "tokenizer.model",
                               std::filesystem::copy_options::overwrite_existing);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const char* name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::string error() {
    try {
      load_tokenizer(folder_);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  std::filesystem::path folder_;
};

TEST(Tokenizer, EncodesAsTheFolderSays) {
  const auto tokenizer = load_tokenizer(kDemo);
  EXPECT_EQ(tokenizer->vocab(), 4096);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->eos(), 2);
  const auto with = tokenizer->encode("Once upon a time", Tokenizer::Special::kWith);
  const auto without = tokenizer->encode("Once upon a time", Tokenizer::Special::kWithout);
  ASSERT_GT(with.size(), 1u);
  EXPECT_EQ(with.front(), 1);
  EXPECT_EQ(std::vector<Token>(with.begin() + 1, with.end()), without);
  EXPECT_EQ(tokenizer->decode(with), "Once upon a time");
}

TEST(Tokenizer, RoundTripsTextOfEveryKind) {
  const auto tokenizer = load_tokenizer(kDemo);
  for (const char* text :
       {"a", " leading", "trailing ", "two  spaces", "line\nline\n\n", "\tdef f(x):\n    return x", "na\xC3\xAFve",
        "\xE6\x97\xA5\xE6\x9C\xAC \xF0\x9F\x98\x80!", "<s>", "<unk></s>", "12345 + 6.7"}) {
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, Tokenizer::Special::kWith)), text);
  }
  EXPECT_THAT(tokenizer->encode("", Tokenizer::Special::kWith), ElementsAre(1));
  EXPECT_TRUE(tokenizer->encode("", Tokenizer::Special::kWithout).empty());
}

TEST(Tokenizer, WrittenSpecialsBecomeTheirIdsOnlyOnRequest) {
  const auto tokenizer = load_tokenizer(kDemo);
  const auto written = tokenizer->encode("<s>a</s>", Tokenizer::Special::kWritten);
  EXPECT_EQ(written.front(), 1);
  EXPECT_EQ(written.back(), 2);
  for (const Token id : tokenizer->encode("<s>a</s>", Tokenizer::Special::kWithout)) EXPECT_GT(id, 2);
}

TEST(Tokenizer, PieceBytes) {
  const auto tokenizer = load_tokenizer(kDemo);
  EXPECT_EQ(tokenizer->piece(1), "<s>");
  EXPECT_EQ(tokenizer->piece_bytes(1), "");
  EXPECT_EQ(tokenizer->piece_bytes(2), "");
  EXPECT_EQ(tokenizer->piece_bytes(0), " \xE2\x81\x87 ");  // how sentencepiece shows <unk>
  int byte_pieces = 0;
  for (Token id = 0; id < tokenizer->vocab(); ++id) {
    if (tokenizer->piece(id) == "<0xE2>") {
      EXPECT_EQ(tokenizer->piece_bytes(id), "\xE2");
    }
    byte_pieces += tokenizer->piece(id).rfind("<0x", 0) == 0 ? 1 : 0;
  }
  EXPECT_EQ(byte_pieces, 256);
  EXPECT_EQ(tokenizer->piece_bytes(tokenizer->encode("the", Tokenizer::Special::kWithout).front()), " the");
  EXPECT_THROW(tokenizer->piece_bytes(-1), Error);
  EXPECT_THROW(tokenizer->piece_bytes(4096), Error);
  EXPECT_THROW(tokenizer->decode({5, -1}), Error);
}

TEST(Tokenizer, VocabularyAgainstModel) {
  EXPECT_NO_THROW(check_vocabulary(4096, 4096, "model"));
  EXPECT_NO_THROW(check_vocabulary(4000, 4096, "model"));
  EXPECT_THROW(check_vocabulary(4097, 4096, "model"), ConfigError);
  EXPECT_THROW(check_vocabulary(4096, 32000, "model"), ConfigError);
}

TEST_F(TokenizerFolder, WithoutConfigFollowsTheVocabulary) {
  const auto tokenizer = load_tokenizer(folder_);
  EXPECT_EQ(tokenizer->bos(), 1);
  EXPECT_EQ(tokenizer->encode("a", Tokenizer::Special::kWith).front(), 1);
  EXPECT_EQ(tokenizer->chat_template(), "");
}

TEST_F(TokenizerFolder, ConfigDecidesBosAndEos) {
  write("tokenizer_config.json", R"({"add_bos_token": false, "add_eos_token": true, "bos_token": null,
                                     "eos_token": {"content": "</s>", "lstrip": false}, "chat_template": "{{ x }}"})");
  const auto tokenizer = load_tokenizer(folder_);
  EXPECT_EQ(tokenizer->bos(), -1);
  const auto ids = tokenizer->encode("a", Tokenizer::Special::kWith);
  EXPECT_NE(ids.front(), 1);
  EXPECT_EQ(ids.back(), 2);
  EXPECT_EQ(tokenizer->chat_template(), "{{ x }}");
  EXPECT_NE(tokenizer->fingerprint(), load_tokenizer(kDemo)->fingerprint());
}

TEST_F(TokenizerFolder, AddedTokensContinueTheVocabulary) {
  write("tokenizer_config.json",
        R"({"eos_token": "<|end|>", "added_tokens_decoder": {"2": {"content": "</s>"},
            "4097": {"content": "<tool>", "special": false}, "4096": {"content": "<|end|>", "special": true}}})");
  const auto tokenizer = load_tokenizer(folder_);
  EXPECT_EQ(tokenizer->vocab(), 4098);
  EXPECT_EQ(tokenizer->eos(), 4096);
  const auto ids = tokenizer->encode("a<|end|><tool>", Tokenizer::Special::kWritten);
  EXPECT_THAT(std::vector<Token>(ids.end() - 2, ids.end()), ElementsAre(4096, 4097));
  EXPECT_EQ(tokenizer->decode(ids), "a<tool>");
  write("tokenizer_config.json", R"({"added_tokens_decoder": {"5000": {"content": "<far>"}}})");
  EXPECT_THAT(error(), HasSubstr("has id 5000, but the next free one is 4096"));
}

TEST_F(TokenizerFolder, WrongConfigsAreNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{", "tokenizer_config.json: not valid JSON"},
      {"[1]", "expected a JSON object, got array"},
      {R"({"add_bos_token": "yes"})", "add_bos_token must be true or false, got string"},
      {R"({"eos_token": 2})", "eos_token must be a string"},
      {R"({"eos_token": "<|eot|>"})", "\"<|eot|>\" is not a piece of"},
      {R"({"chat_template": 1})", "chat_template must be"},
      {R"({"added_tokens_decoder": {"x": {"content": "a"}}})", "\"x\" is not an id"},
  };
  for (const auto& [config, expected] : cases) {
    write("tokenizer_config.json", config);
    EXPECT_THAT(error(), HasSubstr(expected)) << config;
    EXPECT_EQ(error().find('\n'), std::string::npos);
  }
}

TEST_F(TokenizerFolder, MissingAndDamagedModels) {
  const std::string good = read_file(folder_ / "tokenizer.model");
  const Keyring keys(7);
  for (uint32_t i = 0; i < 40;
       ++i) {  // cut anywhere: an error, or (a cut between two records) fewer pieces, never a crash
    const auto length = static_cast<size_t>(keys.uniform(Use::kDraft, 0, 0, i) * static_cast<double>(good.size()));
    write("tokenizer.model", good.substr(0, length));
    const std::string text = error();
    if (text != "no error") {
      EXPECT_THAT(text, HasSubstr("tokenizer.model"));
    }
  }
  write("tokenizer.model", "");
  EXPECT_THAT(error(), HasSubstr("not a SentencePiece model"));
  write("tokenizer.model", std::string(1000, 'x'));
  EXPECT_THAT(error(), HasSubstr("not a SentencePiece model"));
  // A piece of NULs, for which the library throws instead of saying so.
  const std::filesystem::path corpus = std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/fuzz/corpus/tokenizer_model";
  write("tokenizer.model", read_file(corpus / "nul_piece"));
  EXPECT_THAT(error(), HasSubstr("not a SentencePiece model"));
  // A denormalizer whose table points out of itself: the library would read there.
  write("tokenizer.model", read_file(corpus / "damaged_charsmap"));
  EXPECT_THAT(error(), HasSubstr("precompiled_charsmap is damaged"));
  std::filesystem::remove(folder_ / "tokenizer.model");
  EXPECT_THAT(error(), HasSubstr("there is no tokenizer that can be read; valid: tokenizer.json, tokenizer.model"));
  EXPECT_FALSE(has_tokenizer(folder_));
}

}  // namespace
}  // namespace specula
