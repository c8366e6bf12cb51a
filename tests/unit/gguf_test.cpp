// The reader of GGUF files: every kind of metadata, and files that lie, each refused with a text that names the place.
#include "framework/convert/gguf.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "framework/core/error.h"
#include "tests/unit/gguf_bytes.h"

namespace specula::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Gguf : public testing::Test {
 protected:
  Gguf() : path_(fs::path(testing::TempDir()) / cat("specula-gguf-", ::getpid(), ".gguf")) {}
  ~Gguf() override { fs::remove(path_); }
  GgufFile open(const std::string& bytes) const {
    write_file_atomically(path_, bytes);
    return GgufFile(path_);
  }
  std::string opening(const std::string& bytes) const {
    try {
      open(bytes);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(path_.string()));
      return error.what();
    }
    return "nothing was thrown";
  }
  fs::path path_;
};

GgufBytes one_tensor(uint64_t offset = 0, uint32_t format = 0, const std::vector<uint64_t>& sizes = {4, 2}) {
  return GgufBytes().head(1, 0).tensor("w", sizes, format, offset);
}

TEST_F(Gguf, ReadsEveryKindOfValue) {
  GgufBytes file;
  file.head(0, 17);
  file.key("u8", 0).put(uint8_t{200}).key("i8", 1).put(int8_t{-3}).key("u16", 2).put(uint16_t{60000});
  file.key("i16", 3).put(int16_t{-300}).integer("u32", 4000000000u).key("i32", 5).put(int32_t{-70000});
  file.number("f32", 0.5f).flag("bool", true).word("text", "a b").key("u64", 10).put(uint64_t{1} << 40);
  file.key("i64", 11).put(int64_t{-1}).key("f64", 12).put(1e300).key("huge", 10).put(~uint64_t{0});
  file.words("words", {"x", ""}).integers("integers", {1, -2}).array("flags", 7, 2).put(uint8_t{1}).put(uint8_t{0});
  file.array("nested", 9, 2).put(uint32_t{4}).put(uint64_t{1}).put(uint32_t{7}).put(uint32_t{8}).put(uint64_t{0});
  const GgufFile gguf = open(file.bytes());
  EXPECT_EQ(gguf.integer("u8", 0, 255), 200);
  EXPECT_EQ(gguf.integer("i8", -3, 0), -3);
  EXPECT_EQ(gguf.integer("u16", 0, 60000), 60000);
  EXPECT_EQ(gguf.integer("i16", -300, 0), -300);
  EXPECT_EQ(gguf.integer("u32", 0, 4000000000), 4000000000);
  EXPECT_EQ(gguf.integer("i32", -70000, 0), -70000);
  EXPECT_EQ(gguf.integer("u64", 0, int64_t{1} << 41), int64_t{1} << 40);
  EXPECT_EQ(gguf.integer("i64", -1, -1), -1);
  EXPECT_EQ(gguf.number("f32", 0, 1), 0.5);
  EXPECT_EQ(gguf.number("f64", 0, 1e301), 1e300);
  EXPECT_TRUE(gguf.flag_or("bool", false));
  EXPECT_EQ(gguf.text("text"), "a b");
  EXPECT_THAT(gguf.texts("words"), ElementsAre("x", ""));
  EXPECT_THAT(gguf.integers("integers"), ElementsAre(1, -2));
  EXPECT_THAT(gguf.integers("flags"), ElementsAre(1, 0));
  EXPECT_EQ(kind_of(gguf.metadata().at("nested")), "a list of lists");
  EXPECT_EQ(kind_of(gguf.metadata().at("huge")), "a number");
  EXPECT_EQ(gguf.integer_or("absent", 7, 0, 9), 7);
  const auto asking = [](const auto& ask) -> std::string {
    try {
      ask();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  };
  EXPECT_THAT(asking([&] { gguf.integer("u8", 0, 9); }), HasSubstr("metadata 'u8' is 200; valid: 0..9"));
  EXPECT_THAT(asking([&] { gguf.number("u8", 0, 9); }), HasSubstr("metadata 'u8' is an integer; expected a number"));
  EXPECT_THAT(asking([&] { gguf.text("absent"); }), HasSubstr("metadata 'absent' is missing; expected a text"));
  EXPECT_THAT(asking([&] { gguf.texts("integers"); }), HasSubstr("is a list of integers; expected a list of texts"));
}

TEST_F(Gguf, ReadsTensorsOfBothVersionsAndAnyAlignment) {
  GgufBytes file;
  file.head(2, 1, 2).integer("general.alignment", 64);
  file.tensor("a", {4, 2}, 0, 64).tensor("b", {32}, 8, 0).data(96, 64);
  const GgufFile gguf = open(file.bytes());
  ASSERT_EQ(gguf.tensors().size(), 2u);
  EXPECT_THAT(gguf.tensors()[0].shape, ElementsAre(2, 4));
  EXPECT_EQ(gguf.tensors()[0].rows(), 2);
  EXPECT_EQ(gguf.tensors()[0].end - gguf.tensors()[0].begin, 32u);
  EXPECT_EQ(gguf.tensors()[0].begin % 64, 0u);
  EXPECT_EQ(gguf.tensors()[1].end - gguf.tensors()[1].begin, 34u);
  EXPECT_EQ(gguf.tensors()[1].rows(), 1);
}

TEST_F(Gguf, RefusesOtherFiles) {
  EXPECT_THAT(opening(""), AllOf(HasSubstr("the magic number takes 4 bytes"), HasSubstr("the file has 0 bytes")));
  EXPECT_THAT(opening("PK\3\4........................"), HasSubstr("does not begin with \"GGUF\""));
  EXPECT_THAT(opening(GgufBytes().head(0, 0, 1).bytes()), HasSubstr("version 1 cannot be read; valid: 2 and 3"));
  EXPECT_THAT(opening(GgufBytes().head(0, 0, 3u << 24).bytes()), HasSubstr("version 3 in big-endian byte order"));
  EXPECT_EQ(opening(GgufBytes().head(0, 0).bytes()), "nothing was thrown");
}

TEST_F(Gguf, RefusesClaimsThatTheFileCannotHold) {
  EXPECT_THAT(opening(GgufBytes().head(uint64_t{1} << 60, 0).bytes()),
              HasSubstr("the number of tensors is 1152921504606"));
  EXPECT_THAT(opening(GgufBytes().head(0, 9).bytes()), HasSubstr("the number of metadata values is 9, but 0 bytes"));
  GgufBytes key;
  EXPECT_THAT(opening(key.head(0, 1).put(~uint64_t{0}).data(32).bytes()),
              HasSubstr("the key of metadata value 0 claims 18446744073709551615 bytes; at most 65535"));
  GgufBytes text;
  EXPECT_THAT(opening(text.head(0, 1).key("k", 8).put(uint64_t{1000}).data(32).bytes()),
              HasSubstr("metadata 'k' claims 1000 bytes"));
  GgufBytes array;
  EXPECT_THAT(opening(array.head(0, 1).array("k", 10, uint64_t{1} << 61).data(32).bytes()),
              HasSubstr("metadata 'k': the length of an array is 2305843009213693952"));
  GgufBytes kind;
  EXPECT_THAT(opening(kind.head(0, 1).key("k", 13).data(32).bytes()),
              HasSubstr("metadata 'k' has type 13; valid: 0..12"));
  GgufBytes boolean;
  EXPECT_THAT(opening(boolean.head(0, 1).key("k", 7).put(uint8_t{2}).bytes()), HasSubstr("a boolean is 2"));
  GgufBytes twice;
  EXPECT_THAT(opening(twice.head(0, 2).integer("k", 1).integer("k", 1).bytes()),
              HasSubstr("metadata 'k' occurs twice"));
  GgufBytes deep;
  deep.head(0, 1).key("k", 9);
  for (int i = 0; i < 50; ++i) deep.put(uint32_t{9}).put(uint64_t{1});
  EXPECT_THAT(opening(deep.data(64).bytes()), HasSubstr("arrays are nested more than 4 deep"));
}

TEST_F(Gguf, RefusesEveryTruncation) {
  const std::string whole = one_tensor().data(32).bytes();
  EXPECT_EQ(opening(whole), "nothing was thrown");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_THAT(opening(whole.substr(0, size)), testing::Not("nothing was thrown")) << size;
  }
}

TEST_F(Gguf, RefusesLyingTensors) {
  EXPECT_THAT(opening(one_tensor(0, 77).data(32).bytes()), HasSubstr("tensor 'w': number format unknown (id 77)"));
  EXPECT_THAT(opening(one_tensor(0, 8).data(99).bytes()),
              HasSubstr("rows of 4 values are no whole blocks of 32 (Q8_0)"));
  EXPECT_THAT(opening(one_tensor(8).data(64).bytes()), HasSubstr("starts at data byte 8, which is no multiple of 32"));
  EXPECT_THAT(opening(one_tensor(uint64_t{1} << 63).data(32).bytes()),
              HasSubstr("takes 32 bytes from data byte 92233"));
  EXPECT_THAT(opening(one_tensor(0, 0, {4, 3}).data(32).bytes()), HasSubstr("takes 48 bytes from data byte 0"));
  EXPECT_THAT(opening(one_tensor(0, 0, {}).data(32).bytes()), HasSubstr("has 0 dimensions; valid: 1..4"));
  EXPECT_THAT(opening(one_tensor(0, 0, {1, 1, 1, 1, 1}).data(32).bytes()), HasSubstr("has 5 dimensions"));
  EXPECT_THAT(opening(one_tensor(0, 0, {4, 0}).data(32).bytes()), HasSubstr("dimension 1 is 0, which fits no file"));
  EXPECT_THAT(opening(one_tensor(0, 0, {uint64_t{1} << 40, uint64_t{1} << 40}).data(32).bytes()),
              HasSubstr("dimension 1 is 1099511627776, which fits no file"));
  GgufBytes twice;
  twice.head(2, 0).tensor("w", {4}, 0, 0).tensor("w", {4}, 0, 32).data(64);
  EXPECT_THAT(opening(twice.bytes()), HasSubstr("tensor 'w' occurs twice"));
  GgufBytes overlap;
  overlap.head(2, 0).tensor("v", {12}, 0, 0).tensor("w", {4}, 0, 32).data(64);
  EXPECT_THAT(opening(overlap.bytes()), AllOf(HasSubstr("tensor 'w' starts at"), HasSubstr("inside tensor 'v'")));
  GgufBytes aligned;
  EXPECT_THAT(opening(aligned.head(0, 1).integer("general.alignment", 24).bytes()),
              HasSubstr("general.alignment is 24; valid: a power of two"));
}

}  // namespace
}  // namespace specula::test
