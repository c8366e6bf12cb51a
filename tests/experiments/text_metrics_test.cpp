// What the token ids of an arm's texts say, worked out with a pencil.
#include "experiments/report/text_metrics.h"

#include <gmock/gmock.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/report/metrics.h"
#include "experiments/report/summary.h"
#include "tests/experiments/runs_fixture.h"

namespace specula {
namespace {

Record text(const std::string& prompt, std::vector<Token> ids, int rep = 0) {
  Record r = RunsFolder::record("ar", prompt);
  r.key.rep = rep;
  r.out = std::move(ids);
  return r;
}

Summary summary_of(std::vector<Record> records) {
  return summarize(RunsFolder::info("t"), {.records = std::move(records)});
}
const Estimate& of(const Summary& summary, const std::string& metric) { return summary.cell("ar", "").at(metric); }

TEST(TextMetrics, DistinctIsOfAllTextsTogether) {
  const Summary s = summary_of({text("a", {1, 2, 1, 2}), text("b", {2, 3, 1})});
  EXPECT_DOUBLE_EQ(of(s, "distinct_1").value, 3 / 7.0);
  // 12, 21, 12 and 23, 31: no pair spans two texts.
  EXPECT_DOUBLE_EQ(of(s, "distinct_2").value, 4 / 5.0);
  EXPECT_EQ(of(s, "distinct_1").n, 2);
  EXPECT_TRUE(std::isnan(of(s, "distinct_1").interval.low));
  EXPECT_EQ(of(s, "distinct_1").why, "no_sum_over_groups");
}

TEST(TextMetrics, ARepetitionSaysTheSameOnceMore) {
  const std::vector<Record> once = {text("a", {1, 2, 1})};
  std::vector<Record> twice = once;
  twice.push_back(text("a", {1, 2, 1}, 1));
  EXPECT_DOUBLE_EQ(of(summary_of(once), "distinct_1").value, 2 / 3.0);
  EXPECT_DOUBLE_EQ(of(summary_of(twice), "distinct_1").value, 2 / 3.0);
}

TEST(TextMetrics, RepetitionCountsWhatStoodBeforeInTheSameText) {
  // Of 5 4-grams 1212, 2121, 1212, 2121, 1212 three stood before; of the other text's one none, though it is 1212.
  const Summary s = summary_of({text("a", {1, 2, 1, 2, 1, 2, 1, 2}), text("b", {1, 2, 1, 2}), text("c", {1, 1, 1})});
  EXPECT_DOUBLE_EQ(of(s, "repetition_frac").value, 3 / 6.0);
  EXPECT_EQ(of(s, "repetition_frac").n, 2) << "a text of three tokens has no 4-gram";
  EXPECT_FALSE(std::isnan(of(s, "repetition_frac").interval.low));
}

TEST(TextMetrics, WithoutWhatItTakesThereIsAReason) {
  const Summary none = summary_of({text("a", {})});
  EXPECT_EQ(of(none, "distinct_1").why, "short_texts");
  EXPECT_EQ(of(none, "repetition_frac").why, "short_texts");
  const Summary hidden = summary_of({text("a", {-1, -1, -1, -1, -1})});  // of a public copy
  EXPECT_EQ(of(hidden, "distinct_2").why, "no_ids");
  EXPECT_EQ(of(hidden, "repetition_frac").why, "no_ids");
  EXPECT_EQ(summary_of({}).cell("ar", "").at("distinct_1").why, "no_records");
}

TEST(TextMetrics, AreInTheSummary) {
  const auto json = nlohmann::json::parse(summary_json(RunsFolder::info("t"), summary_of({text("a", {1, 2, 1, 2})})));
  const auto& metrics = json.at("cells").at(0).at("metrics");
  EXPECT_EQ(metrics.at("distinct_1").at("value"), 0.5);
  EXPECT_EQ(metrics.at("distinct_1").at("ci_why"), "no_sum_over_groups");
  EXPECT_EQ(metrics.at("repetition_frac").at("unit"), "fraction");
}

}  // namespace
}  // namespace specula
