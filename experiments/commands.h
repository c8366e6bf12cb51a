// The subcommands of `specula`, one file each.  Results go to standard output, all else to standard error; wrong input
// is thrown as Error.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/config/config.h"

namespace specula {

Registries make_registries();  // every plug-in of the program

struct RunArgs {
  std::string config;
  ConfigOverrides overrides;
  std::string resume = "auto";  // auto, force, never
  std::vector<std::string> argv;
};
ExitCode run_command(const RunArgs& args);

ExitCode plan_command(const std::string& config, const ConfigOverrides& overrides);
ExitCode config_show_command(const std::string& config, const ConfigOverrides& overrides, const std::string& format);
ExitCode config_check_command(const std::vector<std::string>& configs, const ConfigOverrides& overrides);

struct ListArgs {
  std::string kind;             // "", drafters, verifiers, samplers
  std::string format = "text";  // text, markdown (the generated tables), json
};
ExitCode list_command(const ListArgs& args);
ExitCode explain_command(const std::string& name);  // a plug-in, an option, a config key or a metric

struct CompareArgs {
  std::vector<std::string> runs;
  std::string metric = "speedup";
  std::string format = "md";  // md, csv, json
};
ExitCode compare_command(const CompareArgs& args);

struct GenerateArgs {
  std::string model, draft_model;
  std::string prompt, ids;  // exactly one is given
  bool has_prompt = false, has_ids = false;
  int64_t max_new_tokens = 128;
  std::string drafter = "none", verifier, sampler = "temperature(0)";
  uint64_t seed = 0;
  int repeat = 1;
  int threads = 0;
  std::string dtype = "auto";
  std::string format = "text";  // text, json
  std::string color = "auto";   // auto, always, never
};
ExitCode generate_command(const GenerateArgs& args);

struct ScoreArgs {
  std::string model, ids, dtype = "auto", logits;
  int threads = 0;
};
ExitCode score_command(const ScoreArgs& args);

struct TokenizeArgs {
  std::string model, text;
  bool special = true;
};
ExitCode tokenize_command(const TokenizeArgs& args);

struct BenchArgs {
  std::string model, dtype = "auto", format = "json";
  std::vector<int> rows = {1, 2, 4, 5, 8, 16};
  int64_t context = 64, tokens = 64;
  int repeats = 21;
  int threads = 0;
};
ExitCode bench_forward_command(const BenchArgs& args);
ExitCode bench_decode_command(const BenchArgs& args);

ExitCode doctor_command(int threads);

}  // namespace specula
