// What a run is, as its manifest.json says: written first, atomically, and never changed, so that records can be read
// without the configuration and a resume can see what is different.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace specula {

struct ArmInfo {
  std::string name, target, drafter, verifier;  // plug-ins as text: draft_model(model = "small", length = 4)
  std::string guarantee;                        // exact, coupled, greedy_exact, lossy
  bool baseline = false;
  bool tests_tokens = true;  // the rule accepts or rejects drafted tokens one by one, so that alpha is defined
};

struct RunModel {
  std::string name, path, dtype, fingerprint;
  int64_t parameters = 0, vocab = 0, context = 0;
};

struct RunInfo {
  std::string run_id, experiment, cell, created_utc, cwd;
  std::vector<std::string> argv;
  std::vector<ArmInfo> arms;
  std::vector<RunModel> models;
  std::string prompts_file, tokenizer;  // tokenizer: its fingerprint
  int64_t num_prompts = 0, records_per_arm = 0, max_new_tokens = 0;
  std::string sampler;   // "temperature(0.7),top_p(0.9)"
  bool one_hot = false;  // temperature 0: the baseline's text is the only right one
  uint64_t seed = 0;
  int repetitions = 1, threads = 1, trace_prompts = 0, bootstrap = 10000;
  double stream_gb_s = 0;  // what all threads read from memory, beside which speeds are judged
  std::string build;       // "3f9c21a", "3f9c21a+changes"
  // What must be the same for a resume, by the name that an error shows: config, binary, machine, prompts,
  // model.<name>.
  std::map<std::string, std::string> identity;
  std::vector<std::string> mixed;  // read from segments.jsonl: what differed in later segments (--resume force)

  const ArmInfo& baseline() const;  // throws std::logic_error if there is none
};

void write_manifest(const std::filesystem::path& run_folder, const RunInfo& info);
RunInfo read_manifest(const std::filesystem::path& run_folder);  // throws Error if it is not a run folder

// Names of identity fields that differ, each "name (was X, is Y)".
std::vector<std::string> differences(const RunInfo& before, const RunInfo& now);

// A time-sortable id (ULID): 48 bits of milliseconds and 80 bits of hash, in Crockford's base 32.
std::string new_run_id();
std::string utc_now();  // RFC 3339

}  // namespace specula
