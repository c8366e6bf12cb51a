// The table of subcommands: what each is for, how to call it, its flags.  Internal to cli*.cpp.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "experiments/commands.h"

namespace CLI {
class App;
}

namespace specula {

// Where the flags of every command are read to.
struct CommandLine {
  std::vector<std::string> given;  // flags and arguments, by name
  RunArgs run;
  PlanArgs plan;
  MergeArgs merge;
  SlurmArgs slurm;
  std::string config, other_config, format, shell;
  std::vector<std::string> configs, folders;
  ConfigOverrides overrides;
  std::string explained;
  VerifyArgs verify;
  ListArgs list;
  CompareArgs compare;
  LsArgs ls;
  WatchArgs watch;
  ChecklistArgs checklist;
  RerunArgs rerun;
  ExportArgs exported;
  std::string report;
  ScoreRunArgs score_run;
  ReplayArgs replay;
  PapersArgs papers;
  GenerateArgs generate;
  TraceArgs trace;
  RunTraceArgs run_trace;
  ScoringArgs score;
  TokenizeArgs tokenize;
  BenchForwardArgs bench_forward;
  BenchPrefillArgs bench_prefill;
  BenchDecodeArgs bench_decode;
  BenchRoundArgs bench_round;
  BenchArgs bench_load;
  BenchKernelsArgs bench_kernels;
  BenchDraftersArgs bench_drafters;
  BenchTokenizeArgs bench_tokenize;
  BenchRecordsArgs bench_records;
  TrainNgramCacheArgs train_ngram_cache;
  CorpusArgs train_retrieval, train_token_ranks;
  TrainModelArgs train_model;
  TrainPruneArgs train_prune;
  TrainAcceptanceArgs train_acceptance_vector;
  TrainSequoiaArgs train_sequoia;
  TreeArgs tree;
  ConvertArgs convert;
  DoctorArgs doctor;
};

struct Command {
  std::string name;  // "run", "config show"
  std::string summary;
  std::vector<std::string> examples;
  void (*define)(CLI::App& app, CommandLine& line);
  std::function<ExitCode(CommandLine& line)> run;
  std::vector<std::pair<std::string, std::string>> terms{};  // names in its results, and what they mean
};

// Each file's part of the table, in the order of the help.
std::vector<Command> experiment_commands();  // cli_experiments.cpp
std::vector<Command> run_commands();         // cli_runs.cpp
std::vector<Command> report_commands();      // cli_reports.cpp
std::vector<Command> text_commands();        // cli_texts.cpp
std::vector<Command> bench_commands();       // cli_bench.cpp
std::vector<Command> tool_commands();        // cli_tools.cpp
const std::vector<Command>& commands();

// Reads the flags of one command from `words` and runs it, or prints its help; `argv` is the whole command line, for
// the records. Throws ConfigError for a wrong flag.
ExitCode run_leaf(const Command& command, const std::vector<std::string>& words, std::vector<std::string> argv);

struct FlagHelp {
  std::string name, type, help;  // "--limit" "N"; an argument without dashes has no type
  bool required = false, many = false;
};

std::vector<FlagHelp> flags_of(const Command& command);  // and arguments, as the command defines them

std::string completion_script(const std::string& shell);  // bash, zsh or fish
std::string man_page();                                   // specula.1, in roff
std::string exit_codes();                                 // a line for two of them

// At most 80 columns, examples first, exit codes last.
std::string program_help();
std::string command_help(const Command& command, const std::vector<FlagHelp>& flags);

// `text` in lines of at most `width` columns, each behind `indent` spaces; words longer than that stay whole.
std::string wrapped(const std::string& text, size_t indent, size_t width = 80);
// An indented name, and beside it from the given column on the text, which goes on below itself.
std::string labelled(const std::string& name, const std::string& text, size_t column, size_t width = 80);

}  // namespace specula
