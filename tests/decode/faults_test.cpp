// Every planted fault is refuted and its sound twin passes.
#include "framework/certify/faults.h"

#include <gtest/gtest.h>

#include <set>

namespace specula::testing {
namespace {

class EveryFault : public ::testing::TestWithParam<Fault> {};
INSTANTIATE_TEST_SUITE_P(Planted, EveryFault, ::testing::ValuesIn(all_faults()),
                         [](const auto& fault) { return fault.param.name; });

TEST_P(EveryFault, IsRefutedAndItsSoundTwinPasses) {
  const Finding finding = GetParam().find();
  EXPECT_GT(finding.tv, kRefuted);
  if (finding.chance_of_fault < 0) {
    EXPECT_LT(finding.sound, kSoundError);
  } else {
    EXPECT_LT(finding.chance_of_fault, kRefutedChance);
    EXPECT_GT(finding.chance_sound, kSoundChance);
    EXPECT_GT(finding.samples, 0);
  }
  EXPECT_TRUE(is_refuted(finding));
}

TEST_P(EveryFault, GivesTheSameFigureAgain) { EXPECT_EQ(GetParam().find().tv, GetParam().find().tv); }

TEST_P(EveryFault, SaysWhatItIs) {
  for (const std::string& text : {GetParam().theme, GetParam().name, GetParam().what, GetParam().instrument}) {
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text.find('|'), std::string::npos) << "it stands in a table";
  }
  EXPECT_TRUE(GetParam().what.ends_with("."));
}

TEST(Faults, AreManyAndHaveNamesOfTheirOwn) {
  std::set<std::string> names;
  for (const Fault& fault : all_faults()) EXPECT_TRUE(names.insert(fault.name).second) << fault.name;
  EXPECT_GE(names.size(), 45U);
}

TEST(Faults, AMutantWithoutAFaultOrATwinWithOneIsNotRefuted) {
  EXPECT_TRUE(is_refuted({.tv = 0.1, .sound = 1e-8}));
  EXPECT_FALSE(is_refuted({.tv = 1e-8, .sound = 1e-8}));
  EXPECT_FALSE(is_refuted({.tv = 0.1, .sound = 0.1}));
  EXPECT_FALSE(is_refuted({.tv = 0.1, .sound = 0, .samples = 9, .chance_of_fault = 0.1, .chance_sound = 0.5}));
  EXPECT_FALSE(is_refuted({.tv = 0.1, .sound = 0, .samples = 9, .chance_of_fault = 0, .chance_sound = 1e-6}));
}

}  // namespace
}  // namespace specula::testing
