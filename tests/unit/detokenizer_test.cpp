// Incremental text equals decoded text, and is made of whole characters, whatever the ids are.
#include <gtest/gtest.h>

#include "framework/core/keyring.h"
#include "framework/text/tokenizer.h"
#include "framework/text/utf8.h"

namespace specula {
namespace {

std::unique_ptr<Tokenizer> demo() {
  return load_tokenizer(std::filesystem::path(SPECULA_SOURCE_DIR) / "assets/demo/target");
}

bool whole_characters(std::string text) {
  const std::string copy = text;
  return take_characters(text) == copy && text.empty();
}

std::string stream(const Tokenizer& tokenizer, const std::vector<Token>& ids, bool at_text_start) {
  Detokenizer detokenizer(tokenizer, at_text_start);
  std::string text;
  for (const Token id : ids) {
    const std::string part = detokenizer.push(id);
    EXPECT_TRUE(whole_characters(part));
    text += part;
  }
  const std::string rest = detokenizer.finish();
  EXPECT_TRUE(whole_characters(rest));
  return text + rest;
}

TEST(Detokenizer, EqualsDecodeOverRandomIds) {
  const auto tokenizer = demo();
  std::vector<Token> byte_ids;
  for (Token id = 0; id < tokenizer->vocab(); ++id) {
    if (tokenizer->piece(id).rfind("<0x", 0) == 0) byte_ids.push_back(id);
  }
  const Keyring keys(11);
  int with_replacement = 0;
  for (int trial = 0; trial < 3000; ++trial) {
    uint32_t draw = 0;
    const auto below = [&](int64_t n) {
      return static_cast<int64_t>(keys.uniform(Use::kDraft, trial, 0, draw++) * static_cast<double>(n));
    };
    std::vector<Token> ids(static_cast<size_t>(below(12)));
    const double byte_share = keys.uniform(Use::kDraft, trial, 1, 0);
    for (Token& id : ids) {
      const bool byte = keys.uniform(Use::kDraft, trial, 2, draw++) < byte_share;
      id = byte ? byte_ids[static_cast<size_t>(below(256))] : static_cast<Token>(below(tokenizer->vocab() + 1));
    }
    const std::string whole = tokenizer->decode(ids);
    ASSERT_EQ(stream(*tokenizer, ids, true), whole) << "trial " << trial;
    with_replacement += whole.find(kReplacement) != std::string::npos ? 1 : 0;
    // After other text every space counts: decode() of an anchor and the ids shows the same.
    std::vector<Token> anchored = tokenizer->encode("x", Tokenizer::Special::kWithout);
    anchored.insert(anchored.end(), ids.begin(), ids.end());
    ASSERT_EQ("x" + stream(*tokenizer, ids, false), tokenizer->decode(anchored)) << "trial " << trial;
  }
  EXPECT_GT(with_replacement, 500);  // the hard case was there
}

TEST(Detokenizer, HoldsACharacterBackUntilItIsWhole) {
  const auto tokenizer = demo();
  const auto ids = tokenizer->encode("\xF0\x9F\xA6\x89", Tokenizer::Special::kWithout);  // an owl, in four byte pieces
  ASSERT_GE(ids.size(), 4u);
  Detokenizer detokenizer(*tokenizer, true);
  for (size_t i = 0; i + 1 < ids.size(); ++i) EXPECT_EQ(detokenizer.push(ids[i]), "");
  EXPECT_EQ(detokenizer.push(ids.back()), "\xF0\x9F\xA6\x89");
  EXPECT_EQ(detokenizer.finish(), "");
}

TEST(Detokenizer, HalfACharacterAtTheEndIsReplaced) {
  const auto tokenizer = demo();
  auto ids = tokenizer->encode("\xF0\x9F\xA6\x89", Tokenizer::Special::kWithout);
  ids.pop_back();
  EXPECT_EQ(stream(*tokenizer, ids, true), std::string(kReplacement) + kReplacement + kReplacement);
}

TEST(Detokenizer, LeadingSpace) {
  const auto tokenizer = demo();
  const auto ids = tokenizer->encode("the end", Tokenizer::Special::kWith);
  EXPECT_EQ(stream(*tokenizer, ids, true), "the end");
  EXPECT_EQ(stream(*tokenizer, ids, false), " the end");
}

TEST(Utf8, IllFormedSequences) {
  const std::vector<std::pair<std::string, int>> cases = {
      {"\x80", 1}, {"\xC0\x80", 2}, {"\xE0\x80\x80", 3}, {"\xED\xA0\x80", 3}, {"\xF4\x90\x80\x80", 4},
      {"\xFF", 1}, {"\xE2\x82", 2}};
  for (const auto& [bytes, replaced] : cases) {
    std::string input = bytes, expected;
    for (int i = 0; i < replaced; ++i) expected += kReplacement;
    EXPECT_EQ(take_all_characters(input), expected);
  }
  std::string half = "a\xE2\x82";
  EXPECT_EQ(take_characters(half), "a");
  EXPECT_EQ(half, "\xE2\x82");
}

}  // namespace
}  // namespace specula
