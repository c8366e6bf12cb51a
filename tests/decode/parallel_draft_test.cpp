// parallel_draft names at each depth what the draft model says behind the text and so many masks, in one pass a round,
// whatever the shape; that it keeps the target's law is for the conformance tests.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "framework/decode/compose.h"
#include "tests/decode/composition.h"
#include "tests/decode/counting_model.h"

namespace specula::testing {
namespace {

using ::testing::HasSubstr;

constexpr Token kMask = 1;

struct HeardTrees final : RoundLog {
  std::vector<std::pair<int64_t, DraftTree>> trees;  // with the position of the round's first token
  void round(const RoundRecord& record, const PhaseClock& /*clock*/) override {
    trees.emplace_back(record.start, record.tree);
  }
};

struct Drafted {
  Prefix text;
  HeardTrees heard;
  int passes = 0;  // of the draft model, with logits
};

Drafted decoded(const std::string& options, const std::string& rule, const std::string& samplers) {
  const HashModel model({.seed = 6, .vocab = 7});
  const CountingModel counting(model);
  const Bench bench({cat("parallel_draft(mask_token=", kMask, ",", options, ")"), rule}, samplers,
                    {.draft = &counting});
  Drafted drafted;
  Session session = bench.session(40, 3);
  session.log = &drafted.heard;
  drafted.text = decode(session, {{2, 3}}, std::vector<int64_t>{1}).front().tokens;
  drafted.passes = counting.passes;
  return drafted;
}

std::vector<float> said(const Prefix& text, int masks) {
  Prefix rows = text;
  rows.resize(rows.size() + static_cast<size_t>(masks), kMask);
  return HashModel({.seed = 6, .vocab = 7}).logits(rows);
}

TEST(ParallelDraft, NamesWhatTheMasksSay) {
  const Drafted drafted = decoded("length=3", "greedy_match", "temperature(0)");
  int full = 0;
  for (const auto& [start, tree] : drafted.heard.trees) {
    const Prefix text(drafted.text.begin(), drafted.text.begin() + start);
    for (int depth = 1; depth < tree.size(); ++depth) {
      const std::vector<float> logits = said(text, depth - 1);
      EXPECT_EQ(tree.token[static_cast<size_t>(depth)], std::max_element(logits.begin(), logits.end()) - logits.begin())
          << "at " << start << ", depth " << depth;
    }
    full += tree.size() == 4 ? 1 : 0;
  }
  EXPECT_GE(full, 10);
}

TEST(ParallelDraft, TakesOnePassARound) {
  for (const char* shape : {"length=4", "tree=iid(widths=2x2x1)", "tree=without_replacement(widths=3x1x1)"}) {
    const Drafted drafted = decoded(shape, "rejection", "temperature(1)");
    const auto with_draft = std::count_if(drafted.heard.trees.begin(), drafted.heard.trees.end(),
                                          [](const auto& round) { return round.second.size() > 1; });
    EXPECT_EQ(drafted.passes, with_draft) << shape;
    EXPECT_GE(with_draft, 10) << shape;
  }
}

// The law that is declared for a row is that of its depth.
TEST(ParallelDraft, DeclaresTheLawOfTheDepth) {
  const Drafted drafted = decoded("tree=iid(widths=2x2x1)", "rejection", "temperature(1)");
  int rows = 0;
  for (const auto& [start, tree] : drafted.heard.trees) {
    const Prefix text(drafted.text.begin(), drafted.text.begin() + start);
    for (size_t row = 1; row < tree.token.size(); ++row, ++rows) {
      const std::vector<float> logits = said(text, tree.depth(static_cast<int>(row)) - 1);
      double sum = 0;
      for (const float logit : logits) sum += std::exp(logit);
      const float* q = tree.q.const_data_ptr<float>() + tree.q_row[row] * 7;
      for (size_t x = 0; x < logits.size(); ++x) EXPECT_NEAR(q[x], std::exp(logits[x]) / sum, 1e-5);
    }
  }
  EXPECT_GE(rows, 50);
}

TEST(ParallelDraft, IsRefusedWithoutAMaskAndUnderRulesThatMix) {
  const auto problems = [](const std::string& drafter, const std::string& rule) {
    const auto all = check_composition(all_registries(), {.drafter = call_of(drafter),
                                                          .verifier = call_of(rule),
                                                          .samplers = parse_samplers("temperature(1)", "test")})
                         .problems;
    return all.empty() ? std::string() : all.front();
  };
  EXPECT_EQ(problems("parallel_draft(mask_token=1)", "rejection"), "");
  EXPECT_THAT(problems("parallel_draft", "rejection"), HasSubstr("needs mask_token; expected \"pard_token\""));
  EXPECT_THAT(problems("parallel_draft(mask_token=1)", "ensemble"), HasSubstr("needs q after every row"));
  EXPECT_THROW(decoded("length=2,mask_token=7", "rejection", "temperature(1)"), ConfigError);
}

}  // namespace
}  // namespace specula::testing
