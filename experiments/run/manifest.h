// What a run is, as its manifest.json says: written first, atomically, completed once when its models were loaded, and
// never changed after that, so that records can be read without the configuration and a resume can see what is
// different.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/config/expectations.h"
#include "framework/decode/quality.h"

namespace specula {

inline constexpr const char* kNoCertificate = "none";

struct ArmInfo {
  std::string name, target, drafter, verifier;  // plug-ins as text: draft_model(model = "small", length = 4)
  std::string guarantee;                        // exact, coupled, greedy exact, lossy; of a strategy what it finds
  bool baseline = false;
  std::string state = "request";  // how long the drafter's state lives: request, run, file
  bool tests_tokens = true;       // the rule accepts or rejects drafted tokens one by one, so that alpha is defined
  // File and verdict of `verify` for this composition and binary; kNoCertificate: there was none; empty: nobody looked.
  std::string certificate{}, certified{};
  std::string reference{};  // the arm that it is compared with; empty: the baseline
  std::string
      duplicate_of{};      // the arm that it repeats: a control, whose every difference from it is chance or a fault
  std::string strategy{};  // as text; empty: it has drafter and verifier
  // How it drafts: "lookup", "chain" (with draft_model) or "", see drafting.h; q_next: in each round a pass more, for q
  // after the last token.
  std::string drafting{}, draft_model{};
  bool q_next = false;
};

// What the numbers of a quantized model cost, against those that its checkpoint stores.
struct RunQuality {
  std::string against, text;  // a dtype; what was read
  Quality measured;           // means nothing if `why` says why it could not be measured
  std::string why;
};

struct RunModel {
  std::string name, path, dtype, fingerprint;
  int64_t parameters = 0, vocab = 0, context = 0;
  int64_t active = 0, layers = 0, attention_width = 0;  // see model_size.h; 0: an older manifest
  // Known when the model was loaded:
  int64_t weight_bytes = 0;                // that a pass over one row reads; 0: not known
  double gemm_gflop_s = 0;                 // of large products in its dtype, by all threads; 0: not measured
  std::string engine;                      // what computes its products; "" before
  std::map<std::string, bool> invariance;  // what was tried of batch invariance, and whether it held
  std::optional<RunQuality> quality;       // of quantized models

  bool batch_invariant() const;  // true before anything was tried
};

struct RunInfo {
  std::string run_id, experiment, cell, created_utc, cwd;
  std::string parent_run{};  // id of the run that this one repeats; empty: none
  std::vector<std::string> argv;
  std::vector<ArmInfo> arms;
  std::vector<RunModel> models;
  std::string prompts_file, tokenizer;  // tokenizer: its fingerprint
  int64_t num_prompts = 0, records_per_arm = 0, max_new_tokens = 0;
  std::string sampler;   // "temperature(0.7),top_p(0.9)"
  bool one_hot = false;  // temperature 0: the baseline's text is the only right one
  uint64_t seed = 0;
  double usd_per_hour = 0;                            // of the machine; 0: no price
  std::vector<Expectation> expectations{};            // of [[expect]]
  std::optional<std::vector<std::string>> scorers{};  // of [quality]; no value: no prompt has one
  bool nll = false;                                   // [quality] nll
  std::string sort = "config";                        // of the table: config, speedup
  int shards = 1;                                     // see shard.h
  int repetitions = 1, threads = 1, trace_prompts = 0, bootstrap = 10000;
  int batch = 1;                           // texts that an arm decodes at once
  std::map<std::string, double> idle_w{};  // watts before anything was decoded, by domain of power_meter.h
  std::string no_energy{};                 // why there is no energy counter; "" : there is one
  double stream_gb_s = 0;                  // what all threads read from memory, beside which speeds are judged
  std::string build;                       // "3f9c21a", "3f9c21a+changes"
  // What must be the same for a resume, by the name that an error shows: config, binary, machine, prompts,
  // model.<name>.
  std::map<std::string, std::string> identity;
  std::vector<std::string> mixed;  // read from segments.jsonl: what its speeds mix, see segments.h

  const ArmInfo& baseline() const;  // throws std::logic_error if there is none
  bool has_own_target(const ArmInfo& arm) const { return arm.target != baseline().target; }
  // Whether the arm's text is the baseline's, up to numerics: at temperature 0, or by a coupled rule.
  bool promises_same_text(const ArmInfo& arm) const {
    return !has_own_target(arm) && arm.guarantee != "lossy" && (one_hot || arm.guarantee == "coupled");
  }
  // The arm's guarantee as its target can keep it: see promise().  Of an arm with a target of its own it says which:
  // "exact for mid".
  std::string promise_of(const ArmInfo& arm) const;
};

// "greedy exact" and "coupled" promise the baseline's very text, which needs rows that do not depend on how many others
// a pass has; where they do, it is "greedy exact up to numerics".  Other guarantees stay as they are.
std::string promise(const std::string& guarantee, bool batch_invariant);

void write_manifest(const std::filesystem::path& run_folder, const RunInfo& info);
RunInfo read_manifest(const std::filesystem::path& run_folder);  // throws Error if it is not a run folder

// Names of identity fields that differ, each "name (was X, is Y)".
std::vector<std::string> differences(const RunInfo& before, const RunInfo& now);
// The same of loaded models: their engines, and what was found of their batch invariance.
std::vector<std::string> differences(const std::vector<RunModel>& before, const std::vector<RunModel>& now);

// A time-sortable id (ULID): 48 bits of milliseconds and 80 bits of hash, in Crockford's base 32.
std::string new_run_id();
std::string utc_now();  // RFC 3339

}  // namespace specula
