// The run itself: plays the units of a plan that have no record yet, one prompt by all arms at a time.  Licence:
// Apache-2.0.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/run/progress.h"
#include "experiments/run/run_arm.h"
#include "experiments/run/run_folder.h"
#include "experiments/run/run_plan.h"

namespace specula {

// A drafter that learns from one request for the next starts each pass over the prompts (a repetition, or the fenced
// pass) knowing nothing, and hears them in the order of the plan.  So no pass tells another what its texts are, and a
// resumed run first decodes what the pass at hand had decoded already, without a record: its texts are those of a run
// that was never killed.
class Run {
 public:
  Run(const ArmRunner::Shared& shared, const Plan& plan, const Tokenizer& tokenizer, RunFolder& folder);

  bool has_work() const;
  // Each arm decodes the warm-up prompts; nothing is kept.  Throws what decoding throws: a run that cannot warm up
  // cannot run.
  void warm_up(Progress& progress);
  // Plays what is missing.  Returns early when the interrupt flag is up.  A failed prompt becomes a record and the run
  // goes on, unless nothing has succeeded yet.
  void play(Progress& progress);

  const RunStatus& status() const { return status_; }

 private:
  struct Played {  // a record and the prompt that its arm was given
    Record record;
    Prefix prompt;
    std::string trace;  // its frame, where rounds are recorded
  };
  // One turn of a batch by one arm; both vectors are parallel to the unit's prompts.
  struct Turn {
    std::vector<Record> records;
    Task task;
  };
  bool is_complete(const Unit& unit) const;
  void begin_pass(const Unit& unit);
  bool catch_up(Progress& progress);
  bool play_unit(const Unit& unit, std::vector<Played>& played);
  bool play_arm(const Unit& unit, ArmRunner& arm, SharedPrefill* prefill, std::vector<Played>& played);
  Turn next_turn(const Unit& unit, const ArmConfig& arm, int turn, std::vector<Dialogue>& dialogues) const;
  Record blank(const Unit& unit, size_t prompt, const ArmConfig& arm, int turn) const;
  const Record* find(const RecordKey& key) const;
  void compare_with_baseline(std::vector<Played>& played) const;
  void keep(std::vector<Played> played, Progress& progress);
  void open_traces();
  void heartbeat();

  const ArmRunner::Shared& shared_;
  const Plan& plan_;
  const Tokenizer& tokenizer_;
  RunFolder& folder_;
  std::vector<ArmRunner> arms_;
  std::vector<Unit> unheard_;  // decoded by an earlier segment in this pass: learning arms have not heard them
  std::pair<bool, int> pass_{false, -1};  // trace, rep
  std::map<RecordKey, Record> earlier_;   // successful ones of earlier segments, without rounds
  bool has_success_ = false;
  std::map<std::string, std::unique_ptr<TraceWriter>> traces_;  // of the arms whose rounds are recorded
  RunningSpeeds speeds_;
  RunStatus status_;
  double last_status_ = 0;
};

}  // namespace specula
