// tokenizer.json: what is refused and how that is told, what its settings do, and the folders that are older than it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "framework/core/error.h"
#include "framework/core/files.h"
#include "framework/text/tokenizer.h"

namespace specula {
namespace {

using Json = nlohmann::json;
using Ids = std::vector<Token>;
using Special = Tokenizer::Special;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const std::filesystem::path kFixtures = std::filesystem::path(SPECULA_SOURCE_DIR) / "tests/unit/fixtures/tokenizers";

// Three letters, one merge, a control token.
Json small() {
  return Json::parse(R"({
    "added_tokens": [{"id": 4, "content": "<end>", "special": true}, {"id": 7, "content": "<call>", "special": false}],
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "c": 2, "ab": 3}, "merges": ["a b"]},
    "decoder": {"type": "Fuse"}})");
}

class JsonFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(::testing::TempDir()) /
              cat("specula_", ::testing::UnitTest::GetInstance()->current_test_info()->name(), "_", ::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const char* name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::unique_ptr<Tokenizer> load(const Json& json) {
    write("tokenizer.json", json.dump());
    return load_tokenizer(folder_);
  }
  std::string error() {
    try {
      load_tokenizer(folder_);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  // The error after `path` (a JSON pointer) has become `value`.
  std::string error_with(const char* path, const Json& value, Json json = small()) {
    json[Json::json_pointer(path)] = value;
    write("tokenizer.json", json.dump());
    return error();
  }

  std::filesystem::path folder_;
};

TEST_F(JsonFolder, ReadsTheSmallOne) {
  const auto tokenizer = load(small());
  EXPECT_EQ(tokenizer->vocab(), 8);
  EXPECT_THAT(tokenizer->encode("abcab", Special::kWithout), ElementsAre(3, 2, 3));
  EXPECT_THAT(tokenizer->encode("xaby", Special::kWithout), ElementsAre(3));  // what is unknown is left out
  EXPECT_THAT(tokenizer->encode("", Special::kWith), ElementsAre());
}

TEST_F(JsonFolder, UnknownComponentsAreNamedWithTheValidOnes) {
  const Json unknown = {{"type", "Foo"}};
  EXPECT_THAT(error_with("/normalizer", unknown),
              HasSubstr("tokenizer.json.normalizer: unknown type 'Foo'; valid: BertNormalizer"));
  EXPECT_THAT(
      error_with("/pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {{{"type", "Whitespace"}}, unknown}}}),
      HasSubstr("tokenizer.json.pre_tokenizer.pretokenizers[1]: unknown type 'Foo'; valid: BertPreTokenizer"));
  EXPECT_THAT(error_with("/decoder", unknown), HasSubstr(".decoder: unknown type 'Foo'; valid: BPEDecoder"));
  EXPECT_THAT(error_with("/post_processor", unknown),
              HasSubstr(".post_processor: unknown type 'Foo'; valid: BertProcessing"));
  EXPECT_THAT(error_with("/model/type", "Foo"), HasSubstr(".model: unknown type 'Foo'; valid: BPE, Unigram"));
  EXPECT_THAT(error_with("/normalizer", Json::object()), HasSubstr("type must be a string, got nothing"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", "x"}}}, {"behavior", "Gone"}}),
              HasSubstr("behavior = 'Gone' is unknown; valid: Removed, Isolated"));
  EXPECT_THAT(error_with("/pre_tokenizer", {{"type", "Metaspace"}, {"prepend_scheme", "often"}}),
              HasSubstr("prepend_scheme = 'often' is unknown; valid: always, first, never"));
}

TEST_F(JsonFolder, WrongVocabulariesAreNamed) {
  EXPECT_THAT(error_with("/model/merges", {"a z"}), HasSubstr("merges[0] ('a', 'z'): 'z' is not in the vocabulary"));
  EXPECT_THAT(error_with("/model/merges", Json::parse(R"([["b", "c"]])")),
              HasSubstr("merges[0] ('b', 'c'): 'bc' is not in the vocabulary"));
  EXPECT_THAT(error_with("/model/merges", {"abc"}), HasSubstr("merges[0] must be \"left right\" or"));
  EXPECT_THAT(error_with("/model/merges", {7}), HasSubstr("merges[0] must be \"left right\" or"));
  EXPECT_THAT(error_with("/model/merges", "a b"), HasSubstr("merges must be a list, got string"));
  EXPECT_THAT(error_with("/model/vocab", {{"a", 0}, {"b", 0}}), HasSubstr("'a' and 'b' have the same id 0"));
  EXPECT_THAT(error_with("/model/vocab", {{"a", 99999999999}}),
              HasSubstr("the id of 'a' is 99999999999; valid: 0..4194303"));
  EXPECT_THAT(error_with("/model/vocab", {{"a", -1}}), HasSubstr("the id of 'a' is -1"));
  EXPECT_THAT(error_with("/model/vocab", {{"a", "0"}}), HasSubstr("the id of 'a' is \"0\""));
  EXPECT_THAT(error_with("/model/vocab", Json::object()), HasSubstr("model.vocab: is empty"));
  EXPECT_THAT(error_with("/model/vocab", Json::array()), HasSubstr("vocab must be an object, got array"));
  EXPECT_THAT(error_with("/model/dropout", 0.1), HasSubstr("dropout = 0.1: a text would have other ids each time"));
  EXPECT_THAT(error_with("/model/byte_fallback", "yes"), HasSubstr("byte_fallback must be true or false, got string"));
  const Json unigram = Json::parse(R"({"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["a", -1.5]]})");
  EXPECT_THAT(error_with("/model", unigram, {{"model", Json::object()}}), HasSubstr("no error"));
  EXPECT_THAT(error_with("/model/unk_id", 2, {{"model", unigram}}),
              HasSubstr("unk_id must be a whole number in 0..1, got 2"));
  EXPECT_THAT(error_with("/model/vocab", Json::array(), {{"model", unigram}}), HasSubstr("vocab is empty"));
  EXPECT_THAT(error_with("/model/vocab/1", Json::array({"a"}), {{"model", unigram}}),
              HasSubstr("vocab[1] must be [\"piece\", score], got [\"a\"]"));
}

TEST_F(JsonFolder, WrongAddedTokensAreNamed) {
  const auto added = [](Json id, const char* text) {
    return Json::array({{{"id", std::move(id)}, {"content", text}}});
  };
  EXPECT_THAT(error_with("/added_tokens", added(9, "ab")),
              HasSubstr("the added token 'ab' has id 9, but elsewhere it has 3"));
  EXPECT_THAT(error_with("/added_tokens", added(99999999, "<x>")),
              HasSubstr("id must be a whole number in 0..4194303, got 99999999"));
  EXPECT_THAT(error_with("/added_tokens", added("4", "<x>")), HasSubstr("added_tokens[0]: id must be a whole number"));
  EXPECT_THAT(error_with("/added_tokens/1/id", 4),
              HasSubstr("the added token '<call>' has id 4, which '<end>' has too"));
  EXPECT_THAT(
      error_with("/post_processor", Json::parse(R"({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A"}},
                         {"SpecialToken": {"id": "<end>"}}], "special_tokens": {}})")),
      HasSubstr("'<end>' is not in special_tokens"));
  EXPECT_THAT(error_with("/post_processor",
                         Json::parse(R"({"type": "TemplateProcessing", "single": [], "special_tokens": {}})")),
              HasSubstr("single must hold the sequence A once, but holds it 0 times"));
  EXPECT_THAT(
      error_with("/post_processor", Json::parse(R"({"type": "BertProcessing", "cls": ["<end>", 4], "sep": ["?", 6]})")),
      HasSubstr("post_processor adds id 6, which is no token"));
  write("tokenizer_config.json", R"({"eos_token": "<none>"})");
  EXPECT_THAT(error_with("/decoder", nullptr), HasSubstr("eos_token \"<none>\" is not a token of"));
}

TEST_F(JsonFolder, DamagedFilesAreNamed) {
  const std::string good = small().dump();
  for (size_t length = 0; length < good.size(); length += 7) {
    write("tokenizer.json", good.substr(0, length));
    EXPECT_THAT(error(), HasSubstr("tokenizer.json: not valid JSON")) << length;
  }
  write("tokenizer.json", std::string(5000, '['));
  EXPECT_THAT(error(), HasSubstr("100 deep"));
  write("tokenizer.json", "[]");
  EXPECT_THAT(error(), HasSubstr("expected a JSON object, got array"));
  write("tokenizer.json", "{\"model\": \"\xFF\"}");
  EXPECT_THAT(error(), HasSubstr("not UTF-8"));
  write("tokenizer.json", "{}");
  EXPECT_THAT(error(), HasSubstr("model must be an object, got nothing"));
  write("tokenizer.json", R"({"model": {"vocab": {}}})");
  EXPECT_THAT(error(), HasSubstr("model: says no type; valid: BPE, Unigram, WordLevel, WordPiece"));
  for (const char* charsmap : {"", "!!", "AAAA", "////////", "BAAAAAAAAAB4"})
    EXPECT_THAT(error_with("/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", charsmap}}),
                HasSubstr("precompiled_charsmap is"));
}

TEST_F(JsonFolder, RegularExpressionsAreBounded) {
  const auto split = [](const char* pattern) {
    return Json{{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}};
  };
  EXPECT_THAT(error_with("/pre_tokenizer", split("(a")), HasSubstr("pre_tokenizer.pattern: not a regular expression"));
  EXPECT_THAT(error_with("/pre_tokenizer", split("[a&&b]")), HasSubstr("&& at byte 2 of '[a&&b]' is not supported"));
  EXPECT_THAT(error_with("/pre_tokenizer", split("\\p{Nothing}")), HasSubstr("not a regular expression"));
  Json json = small();
  json["pre_tokenizer"] = split("(a+)+\\z");
  const auto tokenizer = load(json);
  EXPECT_EQ(tokenizer->encode("aaa", Special::kWithout).size(), 3u);
  try {
    tokenizer->encode(std::string(40, 'a') + "b", Special::kWithout);
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("pre_tokenizer.pattern: the pattern gives up at byte 0 of a text of 41 bytes"));
  }
  EXPECT_EQ(tokenizer->encode("aaa", Special::kWithout).size(), 3u);  // and goes on
}

TEST_F(JsonFolder, ControlTokensOnlyWhereTheyAreWanted) {
  write("tokenizer_config.json", R"({"eos_token": "<end>", "add_eos_token": true})");
  auto tokenizer = load(small());
  EXPECT_EQ(tokenizer->eos(), 4);
  EXPECT_THAT(tokenizer->encode("a<end>b<call>", Special::kWritten), ElementsAre(0, 4, 1, 7));
  EXPECT_THAT(tokenizer->encode("a<end>b<call>", Special::kWithout), ElementsAre(3, 7));
  EXPECT_THAT(tokenizer->encode("a<end>b<call>", Special::kWith), ElementsAre(3, 7, 4));
  EXPECT_EQ(tokenizer->decode({0, 4, 7, 3}), "a<call>ab");
  // What the chat template writes is how turns begin and end, whatever the file calls it.
  write("chat_template.jinja", "{{ '<call>' + message }}");
  tokenizer = load(small());
  EXPECT_THAT(tokenizer->encode("a<call>", Special::kWithout), ElementsAre(0, 2, 0));
  EXPECT_THAT(tokenizer->encode("a<call>", Special::kWritten), ElementsAre(0, 7));
}

TEST_F(JsonFolder, TheModelDoesNotSpellControlTokens) {
  Json json = Json::parse(R"({"added_tokens": [{"id": 1, "content": "</s>", "special": true}],
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["</s>", 0], ["s", -2], ["<", -2]]}})");
  EXPECT_THAT(load(json)->encode("</s>", Special::kWithout), ElementsAre(3, 0, 2, 0));
  EXPECT_THAT(load(json)->encode("</s>", Special::kWritten), ElementsAre(1));
  json["model"] = Json::parse(R"({"type": "WordPiece", "unk_token": "u", "vocab": {"u": 0, "</s>": 1}})");
  EXPECT_THAT(load(json)->encode("</s>", Special::kWithout), ElementsAre(0));
  json["model"] = Json::parse(R"({"type": "BPE", "ignore_merges": true, "vocab": {"<": 0, "</s>": 1, "/s>": 2},
                                  "merges": ["< /s>"]})");
  EXPECT_THAT(load(json)->encode("</s>", Special::kWithout), ElementsAre(0));
}

TEST_F(JsonFolder, GapsAmongTheIdsAreNoTokens) {
  const auto tokenizer = load(small());
  EXPECT_EQ(tokenizer->piece(5), "");
  EXPECT_EQ(tokenizer->piece_bytes(5), "");
  EXPECT_EQ(tokenizer->decode({0, 5, 1, 8, 9000}),
            "a\uFFFD"
            "b\uFFFD\uFFFD");
  EXPECT_THROW(tokenizer->piece(8), Error);
  EXPECT_THROW(tokenizer->decode({-1}), Error);
  EXPECT_NO_THROW(check_vocabulary(tokenizer->vocab(), 64, "model"));
}

TEST_F(JsonFolder, FingerprintIsOfTheMeaningNotOfTheSpelling) {
  const std::string print = load(small())->fingerprint();
  Json other = small();
  other["truncation"] = {{"max_length", 5}};
  other["post_processor"] = {{"type", "ByteLevel"}};
  other["model"]["merges"] = Json::parse(R"([["a", "b"]])");
  EXPECT_EQ(load(other)->fingerprint(), print);
  other["normalizer"] = {{"type", "NFC"}};
  EXPECT_NE(load(other)->fingerprint(), print);
  other = small();
  other["model"]["vocab"] = {{"a", 1}, {"b", 0}, {"c", 2}, {"ab", 3}};
  EXPECT_NE(load(other)->fingerprint(), print);
}

TEST_F(JsonFolder, JsonComesBeforeTheOtherFiles) {
  std::filesystem::copy_file(std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/target/tokenizer.model",
                             folder_ / "tokenizer.model");
  EXPECT_EQ(load_tokenizer(folder_)->vocab(), 4096);
  EXPECT_EQ(load(small())->vocab(), 8);
}

// The older folders hold the same in other files.
TEST_F(JsonFolder, OlderFoldersReadAlike) {
  const auto texts = Json::parse(read_file(kFixtures / "texts.json")).get<std::vector<std::string>>();
  const auto alike = [&](const char* family) {
    const auto old = load_tokenizer(folder_), reference = load_tokenizer(kFixtures / family);
    for (const std::string& text : texts) {
      for (const auto special : {Special::kWith, Special::kWithout, Special::kWritten})
        ASSERT_EQ(old->encode(text, special), reference->encode(text, special)) << text;
    }
    EXPECT_EQ(old->bos(), reference->bos());
    EXPECT_EQ(old->eos(), reference->eos());
  };
  const auto write_byte_level = [&](const char* family) {
    const Json json = Json::parse(read_file(kFixtures / family / "tokenizer.json"));
    Json vocabulary = json["model"]["vocab"];
    for (const Json& token : json["added_tokens"]) vocabulary[token["content"].get<std::string>()] = token["id"];
    std::string merges = "#version: 0.2\n";
    for (const Json& merge : json["model"]["merges"])
      merges += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
    write("vocab.json", vocabulary.dump());
    write("merges.txt", merges);
  };
  write_byte_level("gpt2");
  alike("gpt2");
  write("tokenizer_config.json", R"({"tokenizer_class": "BloomTokenizer"})");
  EXPECT_THAT(
      error(),
      HasSubstr("tokenizer_class BloomTokenizer with vocab.json and merges.txt is not read; valid: GPT2Tokenizer"));
  write_byte_level("qwen2");
  Json config = Json::parse(read_file(kFixtures / "qwen2/tokenizer_config.json"));
  config["tokenizer_class"] = "Qwen2Tokenizer";
  const Json qwen2 = Json::parse(read_file(kFixtures / "qwen2/tokenizer.json"));
  for (const Json& token : qwen2["added_tokens"]) config["added_tokens_decoder"][token["id"].dump()] = token;
  write("tokenizer_config.json", config.dump());
  alike("qwen2");
  for (const char* name : {"vocab.json", "merges.txt", "tokenizer_config.json"})
    std::filesystem::remove(folder_ / name);
  std::string lines;
  std::vector<std::string> words;
  const Json bert = Json::parse(read_file(kFixtures / "bert/tokenizer.json"));
  for (const auto& [word, id] : bert["model"]["vocab"].items()) {
    words.resize(std::max(words.size(), id.get<size_t>() + 1));
    words[id.get<size_t>()] = word;
  }
  for (const std::string& word : words) lines += word + "\n";
  write("vocab.txt", lines);
  alike("bert");
  write("vocab.txt", lines + "the\n");
  EXPECT_THAT(error(), HasSubstr("'the' is there twice"));
}

TEST_F(JsonFolder, ANumberTooLargeIsRefused) {
  std::filesystem::remove(folder_ / "tokenizer.json");
  write("merges.txt", "#version: 0.2\n");
  write("vocab.json", R"({"a": 99998.99e900})");
  EXPECT_THAT(error(), HasSubstr("vocab.json: a number that no reader can hold"));
}

TEST_F(JsonFolder, RobertaPutsItsTokensAround) {
  write("vocab.json", R"({"<s>": 0, "</s>": 2, "a": 3, "<mask>": 9})");
  write("merges.txt", "#version: 0.2\n");
  write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizerFast", "eos_token": "</s>"})");
  const auto tokenizer = load_tokenizer(folder_);
  EXPECT_THAT(tokenizer->encode("aa", Special::kWith), ElementsAre(0, 3, 3, 2));
  EXPECT_THAT(tokenizer->encode("a  <mask>", Special::kWritten), ElementsAre(3, 9));  // which takes in spaces before it
  EXPECT_EQ(tokenizer->eos(), 2);
}

TEST_F(JsonFolder, ListsOfRanksAreRefused) {
  write("tokenizer.model", "IQ== 0\nIg== 1\n");
  EXPECT_FALSE(has_tokenizer(folder_));
  EXPECT_THAT(error(), HasSubstr("tokenizer.model is a list of ranks (tiktoken), which is not read: convert"));
  write("tekken.json", "{}");
  EXPECT_THAT(error(), HasSubstr("tekken.json is a list of ranks (tekken), which is not read"));
}

}  // namespace
}  // namespace specula
