// online_draft: what it hears is what the target said, learning from it makes its drafts better, and its texts stay the
// target's.  That a model learned before keeps the law is for the conformance tests, which set `every` to 1.
#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <numeric>

#include "framework/decode/rows.h"
#include "framework/train/online_distill.h"
#include "tests/decode/composition.h"
#include "tests/decode/toy_heads.h"

namespace specula::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::ThrowsMessage;

constexpr int64_t kVocab = 12, kTokens = 24;

// Tokens accepted in each of `times` decodings of one request, whose text is the same each time.
std::vector<int> accepted_in(const std::string& call, int times) {
  const InferenceScope decoding;  // as a run decodes: the drafter is made in it too
  const Bench bench({call, "agreement"}, "temperature(0.5)", {.vocab = kVocab});
  const Bench plain({"none", "agreement"}, "temperature(0.5)", {.vocab = kVocab});
  const Prefix expected = plain.run({kPrompts[0]}, {kRequests[0]}, kTokens)[0].tokens;
  std::vector<int> accepted;
  for (int i = 0; i < times; ++i) {
    Counts counts;
    Session session = bench.session(kTokens);
    session.keys = Keyring(17);  // the audit remembers keys
    session.log = &counts;
    EXPECT_EQ(decode(session, {kPrompts[0]}, std::vector<int64_t>{kRequests[0]})[0].tokens, expected) << call;
    accepted.push_back(counts.accepted);
  }
  return accepted;
}

TEST(OnlineDraft, DraftsBetterForHavingHeardTheTarget) {
  const auto learned = accepted_in("online_draft(model=\"llama\",every=16,learning_rate=0.02)", 40);
  const auto sum = [&](int first) { return std::accumulate(learned.begin() + first, learned.begin() + first + 8, 0); };
  EXPECT_GT(sum(32), 2 * sum(0)) << ::testing::PrintToString(learned);
  // The control: steps of size 0, and too few places for a step.
  for (const char* still : {"every=16,learning_rate=0", "every=100000,learning_rate=0.02"}) {
    const auto accepted = accepted_in(cat("online_draft(model=\"llama\",", still, ")"), 8);
    EXPECT_EQ(accepted, std::vector<int>(8, accepted.front())) << still;
  }
}

TEST(OnlineDraft, RefusesAModelThatNoFolderHolds) {
  EXPECT_THAT(
      [] {
        Bench({"online_draft(model=\"draft\")", "rejection"}, "temperature(1)");
      },
      ThrowsMessage<ConfigError>(HasSubstr("expected a model that is read from a folder")));
}

TEST(OnlineDraft, SaysThatItsTextsDependOnTheirOrder) {
  EXPECT_EQ((Pair{"online_draft(model=\"llama\")", "rejection"}.composed("temperature(1)").drafter.scope), Scope::kRun);
}

// The loss that a step reports is that of the model it hands out.
TEST(OnlineDistill, LearnsAndHandsOutWhatItLearned) {
  const LoadedModel& begun = toy_llama(kVocab);
  OnlineDistill learner(begun.info().path, Dtype::kFloat32, Divergence::kForwardKl, 0.01);
  HeardText heard{.text = {1, 4, 2, 7, 7, 3}, .place = {1, 2, 4}};
  for (int i = 0; i < 3; ++i) {
    Tensor logits = at::zeros({kVocab});
    logits[(5 * i + 2) % kVocab] = 3;
    heard.logits.push_back(logits);
  }
  const auto loss_of = [&](const LanguageModel& model) {
    const auto cache = model.new_cache(1, 16);
    const Tensor logits = model.forward(make_rows({RowList::chain(heard.text)}), *cache, {}).logits[0];
    double loss = 0;
    for (size_t i = 0; i < heard.place.size(); ++i) {
      const Tensor log_p = at::log_softmax(heard.logits[i], -1), log_q = at::log_softmax(logits[heard.place[i]], -1);
      loss += (log_p.exp() * (log_p - log_q)).sum().item<double>() / 3;
    }
    return loss;
  };
  double before = loss_of(begun);
  const double first = before;
  for (int step = 1; step <= 40; ++step) {
    EXPECT_NEAR(learner.learn({heard}), before, 1e-4) << step;
    before = loss_of(*learner.model());
  }
  EXPECT_LT(before, 0.3 * first);
  EXPECT_EQ(learner.steps(), 40);
}

TEST(OnlineDistill, StopsWhereTheLossIsNoNumber) {
  OnlineDistill learner(toy_llama(kVocab).info().path, Dtype::kFloat32, Divergence::kForwardKl, 1e38);
  const HeardText heard{.text = {1, 2}, .place = {0}, .logits = {at::zeros({kVocab})}};
  learner.learn({heard});
  EXPECT_THAT([&] { learner.learn({heard}); }, ThrowsMessage<Error>(HasSubstr("the loss of step 2 is")));
}

}  // namespace
}  // namespace specula::testing
