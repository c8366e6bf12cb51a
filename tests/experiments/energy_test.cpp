// Energy: counters that wrap, that may not be read or are not there; joules per token of hand-made records.
#include <gmock/gmock.h>

#include <cmath>
#include <fstream>

#include "experiments/report/summary.h"
#include "experiments/run/power_meter.h"
#include "framework/core/error.h"

namespace specula {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::Pair;

class PowerMeterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(sources_.powercap);
    zone("intel-rapl:0", "package-0", 262143e6);
    zone("intel-rapl:0:0", "core", 262143e6);
    zone("intel-rapl:0:1", "dram", 65712e6);
    zone("intel-rapl:1", "package-1", 262143e6);
    zone("intel-rapl-mmio:0", "package-0", 262143e6);
    zone("intel-rapl:2", "psys", 262143e6);
  }
  void TearDown() override { fs::remove_all(sources_.powercap); }

  void zone(const std::string& folder, const std::string& name, double range_uj) const {
    fs::create_directories(sources_.powercap / folder);
    std::ofstream(sources_.powercap / folder / "name") << name << "\n";
    std::ofstream(sources_.powercap / folder / "max_energy_range_uj") << static_cast<int64_t>(range_uj) << "\n";
    count(folder, 1e6);
  }
  void count(const std::string& folder, double microjoules) const {
    std::ofstream(sources_.powercap / folder / "energy_uj") << static_cast<int64_t>(microjoules) << "\n";
  }

  const PowerSources sources_{.powercap = fs::path(::testing::TempDir()) / "powercap", .nvml = "no_such_library.so"};
};

TEST_F(PowerMeterTest, PackagesAndMemoryAreCountedOnce) {
  PowerMeter meter(sources_);
  EXPECT_EQ(meter.why(), "");
  for (const char* const folder :
       {"intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "intel-rapl-mmio:0", "intel-rapl:2"})
    count(folder, 3e6);
  count("intel-rapl:0:1", 1.5e6);
  EXPECT_THAT(meter.read(), ElementsAre(Pair("cpu_pkg", 4), Pair("dram", 0.5)));
  EXPECT_DOUBLE_EQ(sum_of(meter.read()), 4.5);
}

TEST_F(PowerMeterTest, ACounterThatWrapsGoesOn) {
  count("intel-rapl:0:1", 65711e6);
  PowerMeter meter(sources_);
  count("intel-rapl:0:1", 2e6);
  const Joules first = meter.read();
  EXPECT_NEAR(first.at("dram"), 3, 1e-9);
  count("intel-rapl:0:1", 4e6);
  EXPECT_NEAR((meter.read() - first).at("dram"), 2, 1e-9);
}

TEST_F(PowerMeterTest, SaysWhyThereIsNone) {
  for (const char* const folder : {"intel-rapl:0", "intel-rapl:0:1", "intel-rapl:1"})
    std::ofstream(sources_.powercap / folder / "energy_uj") << "";  // what a reader without permission gets: nothing
  PowerMeter forbidden(sources_);
  EXPECT_EQ(forbidden.why(), "no_permission");
  PowerMeter none({.powercap = "/no/such/folder", .nvml = "no_such_library.so"});
  EXPECT_EQ(none.why(), "no_counter");
  EXPECT_TRUE(none.read().empty());
  EXPECT_TRUE(idle_power(none, 10).empty()) << "and does not wait for it";
}

TEST_F(PowerMeterTest, GpusAreReadFromALibraryThatIsLoaded) {
  PowerMeter meter({.powercap = "/no/such/folder", .nvml = SPECULA_FAKE_NVML});
  EXPECT_EQ(meter.why(), "");
  EXPECT_THAT(meter.read(), ElementsAre(Pair("gpu", 1.5)));
  EXPECT_THAT(meter.read(), ElementsAre(Pair("gpu", 3.0)));
}

Record record_of(const std::string& arm, const std::string& prompt, double seconds, double joules) {
  Record r;
  r.key = {.arm = arm, .prompt = prompt};
  r.group = prompt;
  r.category = "a";
  r.stop = "limit";
  r.out = {1, 2, 3, 4};
  r.rounds = {.drafted = {0, 0, 0, 0},
              .depth = {0, 0, 0, 0},
              .accepted = {0, 0, 0, 0},
              .kept = {1, 1, 1, 1},
              .ready_us = {1e5, 2e5, 3e5, 4e5}};
  r.e2e_us = seconds * 1e6;
  r.energy_j = {{"cpu_pkg", joules - 1}, {"dram", 1}};
  return r;
}

Summary summary_of(const std::vector<Record>& records, RunInfo info = {}) {
  info.arms = {{.name = "ar", .baseline = true}};
  info.idle_w = {{"cpu_pkg", 2}, {"dram", 0.5}};
  info.bootstrap = 100;
  return summarize(info, {.records = records});
}

TEST(EnergyMetrics, AreJoulesOfAllDomainsPerToken) {
  const std::vector<Record> records = {record_of("ar", "p", 6, 40), record_of("ar", "q", 6, 56)};
  const Summary summary = summary_of(records);
  const CellSummary& cell = summary.cell("ar", "");
  EXPECT_DOUBLE_EQ(cell.at("j_per_tok").value, 96.0 / 8);
  EXPECT_DOUBLE_EQ(cell.at("j_per_tok_net").value, (96 - 2.5 * 12) / 8);
  EXPECT_DOUBLE_EQ(cell.at("j_per_tok").interval.low, 10);
  EXPECT_DOUBLE_EQ(cell.at("j_per_tok").interval.high, 14);
  const Record read = parse_record(to_line(records[0]), "test");
  EXPECT_EQ(read.energy_j, records[0].energy_j);
}

TEST(EnergyMetrics, SayWhyTheyAreMissing) {
  const auto why = [](const std::vector<Record>& records, const RunInfo& info = {}) {
    return summary_of(records, info).cell("ar", "").at("j_per_tok").why;
  };
  EXPECT_EQ(why({record_of("ar", "p", 6, 40)}), "window_too_short");
  Record other = record_of("ar", "q", 6, 40);
  other.energy_j.clear();
  EXPECT_EQ(why({record_of("ar", "p", 6, 40), other}), "not_read");
  other = record_of("ar", "q", 6, 40);
  other.unbilled_us = 1e6;  // the counters saw it
  EXPECT_EQ(why({record_of("ar", "p", 6, 40), other}), "unbilled_work");
  RunInfo info;
  info.no_energy = "no_permission";
  EXPECT_EQ(why({record_of("ar", "p", 6, 40)}, info), "no_permission");
}

}  // namespace
}  // namespace specula
