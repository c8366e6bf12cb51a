// Tokenizers of every family against what Python's libraries make of the same texts (tests/tools/
// make_tokenizer_fixtures.py made the fixtures), and what holds for each of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "framework/core/clock.h"
#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/text/foreign_text.h"
#include "framework/text/tokenizer.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<Token>;
using Special = Tokenizer::Special;

const std::filesystem::path kFixtures = std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/unit/fixtures/tokenizers";

Json json_of(const std::filesystem::path& file) { return Json::parse(read_file(file)); }

std::unique_ptr<Tokenizer> load(const std::string& family) { return load_tokenizer(kFixtures / family); }

// Token by token; each part is made of whole characters.
std::string streamed(const Tokenizer& tokenizer, const Ids& ids, bool at_text_start = true) {
  Detokenizer detokenizer(tokenizer, at_text_start);
  std::string text;
  for (const Token id : ids) {
    const std::string part = detokenizer.push(id);
    EXPECT_TRUE(is_well_formed(part));
    text += part;
  }
  return text + detokenizer.finish();
}

class Family : public ::testing::TestWithParam<const char*> {
 protected:
  const std::unique_ptr<Tokenizer> tokenizer_ = load(GetParam());
  const Json texts_ = json_of(kFixtures / "texts.json");
  const Json expected_ = json_of(kFixtures / GetParam() / "expected.json");
};

TEST_P(Family, EncodesAsTheLibrary) {
  for (const auto& [kind, special] : {std::pair{"with", Special::kWith}, std::pair{"without", Special::kWithout},
                                      std::pair{"written", Special::kWritten}}) {
    const Json ids = expected_.value(kind, Json::array());
    for (size_t i = 0; i < ids.size(); ++i) {
      const auto text = texts_[i].get<std::string>();
      ASSERT_EQ(tokenizer_->encode(text, special), ids[i].get<Ids>()) << kind << ": " << texts_[i];
    }
  }
  EXPECT_GT(expected_.at("without").size(), 100u);
}

TEST_P(Family, DecodesAsTheLibraryAndTokenByTokenTheSame) {
  const char* encoded = expected_.contains("written") ? "written" : "without";
  for (const auto& [ids, texts] : {std::pair{encoded, "decoded"}, std::pair{"ids", "texts"}}) {
    for (size_t i = 0; i < expected_.at(ids).size(); ++i) {
      const Ids list = expected_.at(ids)[i].get<Ids>();
      const auto text = expected_.at(texts)[i].get<std::string>();
      ASSERT_EQ(tokenizer_->decode(list), text) << expected_.at(ids)[i];
      ASSERT_EQ(streamed(*tokenizer_, list), text) << expected_.at(ids)[i];
    }
  }
}

// What may follow other text: the same text without what only its start is spared.
TEST_P(Family, BehindOtherTextNothingIsDropped) {
  const Ids anchor = tokenizer_->encode("The", Special::kWithout);
  const std::string before = tokenizer_->decode(anchor);
  for (const Json& list : expected_.at("ids")) {
    Ids both = anchor;
    const Ids ids = list.get<Ids>();
    both.insert(both.end(), ids.begin(), ids.end());
    if (std::string(GetParam()) == "gpt1") return;  // the end of the anchor depends on what follows
    ASSERT_EQ(before + streamed(*tokenizer_, ids, false), tokenizer_->decode(both)) << list;
  }
}

TEST_P(Family, InvalidBytesAreReplacedFirst) {
  for (const auto special : {Special::kWith, Special::kWithout, Special::kWritten}) {
    EXPECT_EQ(tokenizer_->encode("a\xFF z\xE2\x82g \xF0\x9F\x98 \xED\xA0\x80", special),
              tokenizer_->encode("a\uFFFD z\uFFFDg \uFFFD \uFFFD\uFFFD\uFFFD", special));
  }
}

TEST_P(Family, ControlTokensComeOfNoStrangersText) {
  const Ids with = tokenizer_->encode("", Special::kWith);
  for (Token id = 0; id < tokenizer_->vocab(); ++id) {
    const std::string piece = tokenizer_->piece(id);
    if (piece.empty() || !tokenizer_->piece_bytes(id).empty()) continue;
    const Ids ids = tokenizer_->encode("x " + piece + " y", Special::kWithout);
    if (piece == "<unk>" || piece == "[UNK]") continue;  // what is unknown may come of any text
    EXPECT_THAT(ids, ::testing::Not(::testing::Contains(id))) << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Family,
                         ::testing::Values("gpt2", "llama3", "qwen2", "tekken", "deepseek", "neox", "llama2", "mistral",
                                           "phi3", "gemma", "t5", "xlm_r", "albert", "unigram_bytes", "bert",
                                           "bert_cased", "word_level", "gpt1", "bpe_prefix", "sp_unigram", "sp_bpe",
                                           "sp_plain"),
                         [](const auto& test) { return std::string(test.param); });

// --- Several together ---

TEST(TokenizerFamilies, LongLinesTakeBoundedTime) {
  std::string letters, words;
  for (size_t i = 0; i < 1'000'000; ++i) letters += static_cast<char>('a' + i * i % 7919 % 26);
  for (size_t i = 0; i < 120'000; ++i) words += cat(" w", i);
  const double start = seconds_now();
  for (const char* family : {"gpt2", "llama3", "llama2", "xlm_r", "bert", "sp_bpe"}) {
    const auto tokenizer = load(family);
    for (const std::string& text : {letters, words, std::string(1'000'000, ' '), std::string(1'000'000, 'a')}) {
      const Ids ids = tokenizer->encode(text, Special::kWithout);
      EXPECT_EQ(streamed(*tokenizer, ids), tokenizer->decode(ids)) << family;
    }
  }
  EXPECT_LT(seconds_now() - start, 120);  // some seconds; what is quadratic takes hours
}

TEST(TokenizerFamilies, BytesOfPieces) {
  const auto llama3 = load("llama3"), llama2 = load("llama2"), bert = load("bert"), t5 = load("t5");
  const auto bytes = [](const Tokenizer& tokenizer, const std::string& text) {
    return bytes_of(tokenizer, tokenizer.encode(text, Special::kWithout));
  };
  EXPECT_EQ(bytes(*llama3, "It\u2019s na\u00EFve \U0001F600\n"), "It\u2019s na\u00EFve \U0001F600\n");
  EXPECT_EQ(bytes(*llama2, "na\u00EFve \U0001F600\n"), " na\u00EFve \U0001F600\n");
  EXPECT_EQ(bytes(*t5, "the end"), " the end");
  EXPECT_EQ(bytes(*bert, "The end,"), " the end,");
  EXPECT_EQ(llama3->piece_bytes(llama3->bos()), "");
}

TEST(TokenizerFamilies, ShareTokensByTheirBytes) {
  const auto gpt2 = load("gpt2"), llama3 = load("llama3"), llama2 = load("llama2"), mistral = load("mistral");
  const VocabularyMap alike(*llama2, *mistral), other(*gpt2, *llama3), across(*gpt2, *llama2);
  EXPECT_EQ(alike.shared(), llama2->vocab());
  EXPECT_GT(other.shared(), 300);  // the bytes and what both learned of the same text
  EXPECT_GT(across.shared(), 256);
  const auto one = [](const Tokenizer& tokenizer, const std::string& text) {
    return tokenizer.encode(text, Special::kWithout).at(0);
  };
  EXPECT_EQ(across.target_of(one(*gpt2, " the")), one(*llama2, "the"));
}

TEST(TokenizerFamilies, OneReadsTheTextOfAnother) {
  const std::string text = "The quick fox: na\u00EFve,  3.14 \U0001F600\nand so on";
  const std::vector<std::string> names = {"gpt2", "llama3", "llama2", "gemma", "sp_bpe"};
  for (const std::string& from_name : names) {
    for (const std::string& to_name : names) {
      const auto from = load(from_name), to = load(to_name);
      const VocabularyMap map(*to, *from);
      ForeignText foreign(*from, *to, map, 4, ForeignText::Shared::kReadAnew);
      const Ids ids = from->encode(text, Special::kWithout);
      for (size_t count = 1; count <= ids.size(); ++count)
        foreign.follow({ids.begin(), ids.begin() + static_cast<int64_t>(count)});
      EXPECT_EQ(to->decode(foreign.follow(ids)), text) << from_name << " to " << to_name;
    }
  }
}

TEST(TokenizerFamilies, FingerprintsTellThemApart) {
  std::vector<std::string> prints;
  for (const char* family : {"gpt2", "llama3", "qwen2", "llama2", "mistral", "gemma", "t5", "xlm_r", "bert", "gpt1"}) {
    prints.push_back(load(family)->fingerprint());
    EXPECT_EQ(prints.back(), load(family)->fingerprint());
  }
  std::sort(prints.begin(), prints.end());
  EXPECT_EQ(std::adjacent_find(prints.begin(), prints.end()), prints.end());
}

}  // namespace
}  // namespace specula
