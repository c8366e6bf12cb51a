// Drafts of frequent tokens: the file of ranks, and texts whose law is the target's although the draft model may name
// a few tokens only.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "framework/certify/decode_law.h"
#include "framework/lookup/token_ranks.h"
#include "tests/decode/composition.h"

namespace specula::testing {
namespace {

namespace fs = std::filesystem;

struct RanksFile {
  explicit RanksFile(const std::vector<Token>& corpus, const std::string& tokenizer = "")
      : path(fs::temp_directory_path() / cat("specula-ranks-", ::testing::UnitTest::GetInstance()->random_seed(), "-",
                                             ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    ranker.add(corpus);
    ranker.write(path, tokenizer);
  }
  ~RanksFile() { fs::remove(path); }
  RanksFile(const RanksFile&) = delete;
  RanksFile& operator=(const RanksFile&) = delete;
  std::string call(const std::string& more = "", const std::string& drafter = "draft_model") const {
    return cat(drafter, "(token_ranks=\"", path.string(), "\"", more, ")");
  }
  TokenRanker ranker;
  fs::path path;
};

TEST(TokenRanks, ListWhatWasSeenFromTheMostFrequentDown) {
  const RanksFile file({5, 2, 2, 9, 5, 2, 0});
  EXPECT_EQ(ranked_tokens(file.path), 4);
  EXPECT_EQ(read_token_ranks(file.path, 4, {}), (std::vector<Token>{2, 5, 0, 9}));
  EXPECT_EQ(read_token_ranks(file.path, 2, {.model = {}, .vocab = 10}), (std::vector<Token>{2, 5}));
  EXPECT_DOUBLE_EQ(file.ranker.coverage(2), 5.0 / 7);
  EXPECT_DOUBLE_EQ(file.ranker.coverage(99), 1.0);
}

std::string error_of(const std::function<void()>& what) {
  try {
    what();
  } catch (const ConfigError& e) {
    return e.what();
  }
  return "";
}

TEST(TokenRanks, FilesThatDoNotFitAreRefused) {
  const RanksFile file({5, 2, 2, 9}, "another");
  EXPECT_NE(error_of([&] { read_token_ranks(file.path, 2, {}); }).find("tokenizer"), std::string::npos);
  const RanksFile plain({5, 2, 2, 9});
  EXPECT_NE(error_of([&] { read_token_ranks(plain.path, 4, {}); }).find("lists 3 tokens, not 4"), std::string::npos);
  EXPECT_NE(error_of([&] { read_token_ranks(plain.path, 2, {.model = {}, .vocab = 9}); }).find("token id 9"),
            std::string::npos);
  const auto facts = [](const std::string& call) {
    return join(Pair{call, "rejection"}.composed("temperature(1)").problems);
  };
  EXPECT_NE(facts(plain.call(",frequent_tokens=7")).find("lists 3"), std::string::npos);
  EXPECT_NE(facts("draft_model(frequent_tokens=7)").find("needs token_ranks"), std::string::npos);
  fs::resize_file(plain.path, fs::file_size(plain.path) - 4);
  EXPECT_NE(facts(plain.call()).find("cut short"), std::string::npos) << facts(plain.call());
}

TEST(FrequentDrafts, NameNoOtherTokensAndKeepTheLaw) {
  const RanksFile file({2, 2, 2, 0, 0, 1});
  for (const char* drafter : {"draft_model", "eagle", "eagle3", "medusa", "kangaroo", "block_diffusion"}) {
    for (const std::string verifier : {"rejection", "block"}) {
      for (const char* policy : {"temperature(0.8)", "repetition_penalty(1.5),temperature(1.2),top_k(2)"}) {
        const Bench bench({file.call(",frequent_tokens=2,length=2", drafter), verifier}, policy, {.vocab = 3});
        const auto target = [&](const Prefix& text) { return bench.target_law(text); };
        EXPECT_LT(law_error(bench.session(3), kRepeating, 1, target), 5e-6)
            << drafter << ", " << verifier << ", " << policy;
      }
    }
  }
}

// Hears every drafted token.
struct Drafted final : RoundLog {
  std::set<Token> tokens;
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    tokens.insert(record.tree.token.begin() + 1, record.tree.token.end());
  }
};

TEST(FrequentDrafts, AreOfTheFirstTokensOfTheFile) {
  const RanksFile file({2, 2, 2, 4, 4, 1, 0});
  for (const char* drafter : {"draft_model", "eagle", "mtp", "hydra", "kangaroo", "block_diffusion"}) {
    for (const auto& [count, expected] : {std::pair{0, std::set<Token>{0, 1, 2, 4}}, {2, std::set<Token>{2, 4}}}) {
      const Bench bench({file.call(cat(",frequent_tokens=", count), drafter), "rejection"}, "temperature(1.5)");
      Drafted heard;
      Session s = bench.session(60);
      s.log = &heard;
      decode(s, kPrompts, kRequests);
      EXPECT_EQ(heard.tokens, expected) << drafter;
    }
  }
}

}  // namespace
}  // namespace specula::testing
