// The page of a training shows what metrics.jsonl says, and names the line that it cannot read.
#include "experiments/train/training_page.h"

#include <gmock/gmock.h>

#include "experiments/runs/list_runs.h"
#include "experiments/runs/watched.h"
#include "experiments/train/training_status.h"
#include "framework/core/files.h"
#include "tests/experiments/config_fixture.h"

namespace specula {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class TrainingPage : public ConfigFolder {
 protected:
  // A training of two steps, whose third was being written when the process died.
  std::string training(const std::string& torn = R"({"k":"step","st)") const {
    write("t/training.json",
          R"({"kind": "eagle", "name": "a<b", "created_utc": "2026-01-02T03:04:05Z", "build": "1"})");
    write("t/metrics.jsonl",
          "{\"k\":\"step\",\"step\":1,\"tokens\":8,\"loss\":4.0,\"learning_rate\":0.1}\n"
          "{\"k\":\"step\",\"step\":2,\"tokens\":16,\"loss\":2.0,\"learning_rate\":0.2}\n"
          "{\"k\":\"validation\",\"step\":2,\"accepted_t1\":0.5,\"is_best\":true}\n" +
              torn);
    return path("t");
  }
};

TEST_F(TrainingPage, ReadsEveryFigureOfTheLinesThatAreWhole) {
  const TrainingCurves curves = read_training_curves(training());
  ASSERT_EQ(curves.batches.size(), 2U);
  EXPECT_EQ(curves.batches[0].name, "loss");
  EXPECT_THAT(curves.batches[0].points, ElementsAre(Pair(1, 4.0), Pair(2, 2.0)));
  EXPECT_THAT(curves.batches[1].points, ElementsAre(Pair(1, 0.1), Pair(2, 0.2)));
  ASSERT_EQ(curves.held_out.size(), 1U);
  EXPECT_EQ(curves.held_out[0].name, "accepted_t1");
  EXPECT_EQ(curves.best, 2);
}

TEST_F(TrainingPage, NamesTheLineThatIsNone) {
  try {
    read_training_curves(training("nothing\n"));
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("metrics.jsonl:4: no line of metrics"));
  }
}

TEST_F(TrainingPage, IsWrittenWithTheNamesOfItsFiguresAndNoMarkupOfOthers) {
  const std::string html = read_file(write_training_page(training()));
  EXPECT_THAT(html, AllOf(HasSubstr("<h1>a&lt;b</h1>"), HasSubstr("loss"), HasSubstr("accepted_t1"),
                          HasSubstr("best, after step 2"), HasSubstr("last 2.0000")));
}

TEST_F(TrainingPage, StatusTellsHowFarItIsAndWhatWasBest) {
  const std::string folder = training();
  write("t/status.json", R"({"state": "running", "heartbeat_utc": "2026-01-02T03:04:05Z", "done": 2, "total": 8,)"
                         R"( "failed_records": 0, "last_error": null})");
  ASSERT_THAT(find_trainings(path(".")), ::testing::SizeIs(1));
  const auto status = [&] { return training_status_text(find_trainings(folder).at(0), 0); };
  EXPECT_THAT(status(), HasSubstr(cat(folder, ": train eagle, running, 2 of 8 (25%)")));
  EXPECT_THAT(status(), HasSubstr("; best after step 2: accepted_t1 0.50\n"));
  for (const char* json : {"nothing", R"({"kind": 3})"}) {
    write("t/training.json", json);
    EXPECT_THAT(status(), HasSubstr("t: unreadable: "));
  }
}

// Beside runs, in a list and while it goes on.
TEST_F(TrainingPage, ListsAndWatchesAreOfTrainingsToo) {
  const std::string folder = training();
  const std::string state = R"({"state": "STATE", "heartbeat_utc": "2026-01-02T03:04:05Z", "done": 2, "total": 8,)"
                            R"( "failed_records": 0, "last_error": null})";
  write("t/status.json", std::string(state).replace(state.find("STATE"), 5, "running"));
  write("t/config.resolved.toml", "[head]\nlevels = 3\n");
  write("t/timing.jsonl", "{\"step\":1,\"elapsed_s\":10}\n{\"step\":2,\"elapsed_s\":15}\n{\"step\":3,\"ela");
  constexpr std::time_t kThen = 1767323049;  // four seconds after the heartbeat
  const std::string listed = runs_text(find_trainings(path(".")), "csv", kThen);
  EXPECT_THAT(listed, HasSubstr("\ntrain eagle,t,running,2,8,4.0,"));
  const std::vector<WatchedLine> lines = WatchedFolder(path(".")).look(kThen);
  ASSERT_THAT(lines, ::testing::SizeIs(1));
  EXPECT_EQ(lines[0].course, Course::kRunning);
  EXPECT_THAT(lines[0].text,
              AllOf(HasSubstr("running, 2 of 8 (25%), heartbeat 4 s ago, 30 s left; best after step 2")));
  write("t/status.json", std::string(state).replace(state.find("STATE"), 5, "failed"));
  EXPECT_EQ(WatchedFolder(folder).look(kThen).at(0).course, Course::kBroken);
  write("t/metrics.jsonl", "nothing\n");
  EXPECT_THAT(WatchedFolder(folder).look(kThen).at(0).text, HasSubstr("metrics.jsonl:1"));
}

// For tests/report/check_page.py.
TEST_F(TrainingPage, PagesForTheBrowser) {
  std::string lines;
  for (int step = 1; step <= 1000; ++step) {
    lines += cat("{\"k\":\"step\",\"step\":", step, ",\"tokens\":", step * 1024, ",\"loss\":", 8.0 / step + 2,
                 ",\"divergence\":", 8.0 / step + 1, ",\"learning_rate\":", 1e-5 * step, "}\n");
    if (step % 250 != 0) continue;
    lines += cat("{\"k\":\"validation\",\"step\":", step, ",\"accepted_t1\":", 1e-3 * step, ",\"accepted_t0\":0.5,",
                 "\"forward_kl_nats\":", 1000.0 / step, ",\"is_best\":", step == 750 ? "true" : "false", "}\n");
  }
  const std::string folder = training();
  write("t/metrics.jsonl", lines);
  const std::filesystem::path pages = std::filesystem::path(SPECULA_BINARY_DIR) / "report_pages";
  std::filesystem::create_directories(pages);
  write_file_atomically(pages / "training.html", read_file(write_training_page(folder)));
}

TEST(ThinnedCurve, HasTheMeansOfNeighboursAndKeepsShortOnes) {
  TrainingCurve curve{.name = "loss", .points = {}};
  for (int64_t step = 1; step <= 9; ++step) curve.points.emplace_back(step, static_cast<double>(step));
  EXPECT_EQ(thinned(curve, 9).points, curve.points);
  EXPECT_THAT(thinned(curve, 3).points, ElementsAre(Pair(2, 2.0), Pair(5, 5.0), Pair(8, 8.0)));
}

}  // namespace
}  // namespace specula
