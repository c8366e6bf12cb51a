// What phase scopes charge, and what they leave out.
#include "framework/core/clock.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace specula {
namespace {

void work(double seconds) {
  for (const double end = seconds_now() + seconds; seconds_now() < end;) ::usleep(100);
}

TEST(PhaseClock, OffTakesNothingButUnbilledTime) {
  PhaseClock clock;
  {
    const PhaseClock::Scope scope(clock, Phase::kDraft);
    const PhaseClock::Unbilled unbilled(clock);
    work(0.002);
  }
  EXPECT_EQ(clock.seconds(Phase::kDraft), 0);
  EXPECT_GE(clock.unbilled(), 0.002);
}

TEST(PhaseClock, WallAddsUpByPhaseWithoutUnbilledTime) {
  PhaseClock clock(PhaseClock::Mode::kWall);
  const double start = seconds_now();
  for (int i = 0; i < 2; ++i) {
    const PhaseClock::Scope scope(clock, Phase::kTarget);
    work(0.003);
    const PhaseClock::Unbilled unbilled(clock);
    work(0.02);
  }
  const double wall = seconds_now() - start;
  EXPECT_GE(clock.seconds(Phase::kTarget), 0.006);
  EXPECT_GE(clock.unbilled(), 0.04);
  // The two kinds of time never overlap.  (No bound from above but the wall: the machine may be busy.)
  EXPECT_LE(clock.seconds(Phase::kTarget) + clock.unbilled(), wall);
  EXPECT_EQ(clock.seconds(Phase::kDraft), 0);
}

TEST(PhaseClock, FencesAtBothEndsOnlyWhenFenced) {
  int fences = 0;
  for (const auto mode : {PhaseClock::Mode::kOff, PhaseClock::Mode::kWall, PhaseClock::Mode::kFenced}) {
    fences = 0;
    PhaseClock clock(mode, [&] { ++fences; });
    { const PhaseClock::Scope scope(clock, Phase::kVerify); }
    EXPECT_EQ(fences, mode == PhaseClock::Mode::kFenced ? 2 : 0);
  }
}

TEST(PhaseClock, EveryPhaseHasAName) {
  EXPECT_STREQ(kPhaseNames[static_cast<int>(Phase::kPrefill)], "prefill");
  EXPECT_STREQ(kPhaseNames[static_cast<int>(Phase::kObserve)], "observe");
  EXPECT_EQ(static_cast<int>(Phase::kObserve) + 1, kNumPhases);
}

}  // namespace
}  // namespace specula
