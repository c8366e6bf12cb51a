// Phase scopes around the calls of the decode loop.  kOff: nothing is timed but what is unbilled (headline speeds).
// kWall: each scope reads the clock.  kFenced: the device is drained at both ends, so that shares are true; the two
// kinds of number never come from one pass.  Unbilled time (an oracle's extra target pass) is kept in every mode and
// subtracted from what an arm is charged. Licence: Apache-2.0.
#pragma once

#include <array>
#include <chrono>
#include <functional>

namespace specula {

enum class Phase { kPrefill, kDraft, kTarget, kVerify, kCommit, kObserve };
inline constexpr int kNumPhases = 6;
inline constexpr std::array<const char*, kNumPhases> kPhaseNames = {"prefill", "draft",  "target",
                                                                    "verify",  "commit", "observe"};

inline double seconds_now() {  // monotonic
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class PhaseClock {
 public:
  enum class Mode { kOff, kWall, kFenced };
  explicit PhaseClock(Mode mode = Mode::kOff, std::function<void()> fence = {})
      : mode_(mode), fence_(std::move(fence)) {}

  class Scope {
   public:
    Scope(PhaseClock& clock, Phase phase) : clock_(clock), phase_(phase) {
      if (clock_.mode_ == Mode::kOff) return;
      clock_.drain();
      unbilled_ = clock_.unbilled_;
      start_ = seconds_now();
    }
    ~Scope() {
      if (clock_.mode_ == Mode::kOff) return;
      clock_.drain();
      clock_.seconds_[static_cast<int>(phase_)] += seconds_now() - start_ - (clock_.unbilled_ - unbilled_);
    }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PhaseClock& clock_;
    Phase phase_;
    double start_ = 0, unbilled_ = 0;
  };

  class Unbilled {  // time inside is charged to nobody; may stand inside a Scope, never inside another Unbilled
   public:
    explicit Unbilled(PhaseClock& clock) : clock_(clock), start_(seconds_now()) {}
    ~Unbilled() { clock_.unbilled_ += seconds_now() - start_; }
    Unbilled(const Unbilled&) = delete;
    Unbilled& operator=(const Unbilled&) = delete;

   private:
    PhaseClock& clock_;
    double start_;
  };

  Mode mode() const { return mode_; }
  double seconds(Phase phase) const { return seconds_[static_cast<int>(phase)]; }
  double unbilled() const { return unbilled_; }

 private:
  void drain() {
    if (mode_ == Mode::kFenced && fence_) fence_();
  }

  Mode mode_;
  std::function<void()> fence_;
  std::array<double, kNumPhases> seconds_{};
  double unbilled_ = 0;
};

}  // namespace specula
