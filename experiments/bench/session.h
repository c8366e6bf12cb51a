// What every benchmark has around its loop: checked flags, loaded models, the probe of the memory that is read in turns
// with the timed passes, and the output.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "experiments/bench/result.h"
#include "experiments/commands.h"
#include "experiments/stream.h"
#include "framework/decode/decode.h"
#include "framework/model/load.h"

namespace specula {

// A model that was checked and not loaded yet.
struct BenchChoice {
  std::string role, folder;  // role: model, target, draft
  ModelInfo info;
  Dtype dtype;
};
struct BenchWish {
  std::string role, folder;
  std::vector<std::string> dtypes;  // each once
  std::string flag = "--dtype";     // that gave them, for error texts
};
// One for each dtype.  Throws ConfigError for a wrong dtype or device.
std::vector<BenchChoice> choose_models(const BenchWish& wish, const std::string& device);
// Throws ConfigError unless the model has room for `positions` tokens; `what` says what needs them.
void check_room(const BenchChoice& choice, int64_t positions, const std::string& what);
void check_at_least(const std::string& flag, int64_t value, int64_t least);
void check_output(const std::string& output);  // "": no file

class BenchSession {
 public:
  // Checks the flags that all benchmarks share, reads the file to compare with, sets the threads.
  BenchSession(std::string command, const BenchArgs& args);

  // Stays loaded as long as this lives.
  const LoadedModel& load(const BenchChoice& choice);
  // Describes a model that was loaded elsewhere.
  void describe(const BenchChoice& choice, const LoadedModel& model);
  double read_stream();  // [GB/s]; kept for the result
  bool on_cpu() const { return args_.device == "cpu" || args_.device == "aten"; }
  // Prints and writes what was found; `context` tokens were in the cache at the first row.
  ExitCode finish(std::vector<BenchRow> rows, int64_t context);

 private:
  const BenchArgs& args_;
  InferenceScope inference_;
  BenchResult result_;
  StreamProbe probe_;
  std::vector<std::unique_ptr<LoadedModel>> models_;
};

// --- Passes ---

// [1,count] tokens that do not repeat soon; rows of a chain below the committed text.
Rows bench_rows(int64_t count, int64_t first_token, int64_t vocab);
// A cache that holds a text of `context` tokens, with room for `more`.
std::unique_ptr<KvCache> bench_cache(const LanguageModel& model, int64_t context, int64_t more);
// Seconds of a pass that asks for all logits; its rows are dropped.  An untimed pass before it brings the caches of
// the processor into the state that decoding finds them in.
double seconds_of_pass(const LanguageModel& model, KvCache& cache, const Rows& rows);

}  // namespace specula
