// The subcommands of `specula`, one file each.  Results go to standard output, all else to standard error; wrong input
// is thrown as Error.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/config/config.h"

namespace specula {

Registries make_registries();  // every plug-in of the program

struct RunArgs {
  std::string config;
  ConfigOverrides overrides;
  std::string resume = "auto";  // auto, force, never
  std::string shard{};          // "0/4"; empty: the whole run
  std::vector<std::string> argv;
  std::string parent{};  // folder of the run that is run again; empty: none
};
ExitCode run_command(const RunArgs& args);

struct PlanArgs {
  std::string config;
  ConfigOverrides overrides;
  std::string pilot;    // a run folder, to plan the number of prompts from; empty: none
  double power = 0.02;  // the relative difference that is to be seen
};
ExitCode plan_command(const PlanArgs& args);
struct MergeArgs {
  std::string folder;  // of a run or a study whose shards have ended
  bool force = false;  // joins what there is, whatever is wrong with it
};
ExitCode merge_command(const MergeArgs& args);

struct SlurmArgs {
  std::string config;
  ConfigOverrides overrides;
  bool print = false, submit = false, retry_failed = false;  // exactly one
  int shards = 0;                                            // 0: as begun, else 8
  int parallel = 0;                                          // at once; 0: no bound
  int max_requeue = 5;                                       // of a task
  std::string sbatch;                                        // arguments of sbatch, as a shell takes them
  std::string launcher = "slurm";                            // slurm, local
};
ExitCode slurm_command(const SlurmArgs& args);

ExitCode config_show_command(const std::string& config, const ConfigOverrides& overrides, const std::string& format);
ExitCode config_diff_command(const std::string& a, const std::string& b);  // files, or folders of runs
ExitCode config_schema_command();
ExitCode config_check_command(const std::vector<std::string>& configs, const ConfigOverrides& overrides);

struct VerifyArgs {
  std::string config;
  ConfigOverrides overrides;
  std::vector<std::string> rungs;  // of L0, L1, L2, L3; empty: all
  int64_t draws = 300000;          // of L1, an arm, after its first text
  std::string plant;               // a fault for every arm's rule; empty: none
  double max_tv = -1;              // of arms that set none; < 0: as configured
  std::string format = "text";     // text, json
};
ExitCode verify_command(const VerifyArgs& args);

struct ListArgs {
  std::string kind;             // "", drafters, verifiers, samplers, strategies, stoppers, shapes
  std::string format = "text";  // text, markdown (the generated tables), json
};
ExitCode list_command(const ListArgs& args);
ExitCode faults_command(const std::string& format);  // text, markdown (the generated table), json
ExitCode explain_command(const std::string& name);   // a plug-in, an option, a config key or a metric

struct CompareArgs {
  std::vector<std::string> runs;
  std::string metric = "speedup";
  std::string fail_if{};      // "speedup<0.98"; empty: nothing fails
  std::string format = "md";  // md, csv, json
};
ExitCode compare_command(const CompareArgs& args);

ExitCode report_command(const std::string& folder);  // of a run or a study: writes its pages and tables into it

struct ScoreRunArgs {
  std::string folder;                // of a run
  std::vector<std::string> scorers;  // as in [quality]; empty: those of the run
  bool run_code = false;             // where a scorer needs it
  bool nll = false;                  // also computes nll.jsonl
};
ExitCode score_run_command(const ScoreRunArgs& args);

struct LsArgs {
  std::string folder = "runs";
  std::vector<std::string> where;  // "key=value", "key!=value"; all must hold
  std::string format = "md";       // md, csv, json
};
ExitCode ls_command(const LsArgs& args);
struct RerunArgs {
  std::string folder;  // of a run
  std::vector<std::string> argv;
};
ExitCode rerun_command(const RerunArgs& args);
struct ExportArgs {
  std::string folder;              // of a run
  std::string format = "csv";      // csv, jsonl, sqlite
  std::string out, public_folder;  // exactly one is given
};
ExitCode export_command(const ExportArgs& args);
ExitCode status_command(const std::vector<std::string>& folders);  // runs, trainings, or folders of them
struct WatchArgs {
  std::string folder;  // of a run, a study, a training, or of many
  double interval_s = 2;
  bool once = false;  // shows it and ends
};
ExitCode watch_command(const WatchArgs& args);
struct ChecklistArgs {
  std::string folder;         // of a run
  std::string format = "md";  // md, json
};
ExitCode checklist_command(const ChecklistArgs& args);

struct PapersArgs {
  std::vector<std::string> names;
  bool all = false;
  bool write = false;  // the outcomes into the README.md of each paper
  int64_t limit = -1;  // prompts of each run; < 0: as configured
  std::string out = "runs/papers";
  std::string folder = "experiments/papers";
  std::vector<std::string> argv;
};
ExitCode papers_list_command(const std::string& format);  // text, markdown (the generated table)
ExitCode papers_run_command(const PapersArgs& args);

struct ReplayArgs {
  std::string run;                // folder of a run with traces
  std::vector<std::string> arms;  // whose traces; empty: all
  std::string verifiers;          // "rejection,block"; empty: every registered rule that fits
  std::string out;                // folder of the new run; empty: <run>/replay
  int draws = 1000;               // behind expected lengths that have no exact form
  std::vector<std::string> argv;
};
ExitCode replay_command(const ReplayArgs& args);

struct GenerateArgs {
  std::string model, draft_model;
  std::string prompt, ids;  // exactly one is given
  bool has_prompt = false, has_ids = false;
  std::string chat = kNoFormat;  // of chat_format_choices(); the prompt is then the first message of a chat
  int64_t max_new_tokens = 128;
  std::string drafter, verifier;  // empty: none, and the rule that fits the sampler
  std::string strategy;           // in the place of both; empty: none
  std::string sampler = "temperature(0)";
  uint64_t seed = 0;
  int repeat = 1;
  int threads = 0;
  std::string dtype = "auto";
  std::string draft_dtype;      // empty: as dtype
  std::string device = "cpu";   // of both models
  std::string format = "text";  // text, json
  std::string color = "auto";   // auto, always, never
};
ExitCode generate_command(const GenerateArgs& args);

struct TraceArgs : GenerateArgs {
  TraceArgs() { max_new_tokens = 8; }
  int top = 5;             // tokens shown of each distribution
  bool layers = false;     // also times the layers
  bool attention = false;  // also tells how far attention spreads, by the reference forward
};
ExitCode trace_command(const TraceArgs& args);
struct RunTraceArgs {
  std::string folder, prompt;  // of a run; an id
  std::string arm;             // empty: all
  int turn = 0, rep = 0;
  std::string format = "text";  // text, json, html
  std::string out;              // a file; empty: standard output
  std::string color = "auto";   // auto, always, never
};
ExitCode run_trace_command(const RunTraceArgs& args);
// The schema of their JSON, for the help: name and meaning.
const std::vector<std::pair<std::string, std::string>>& trace_schema();

struct ScoringArgs {
  std::string model;
  std::string ids, text;  // exactly one is given; text: a file
  std::string dtype = "auto", device = "cpu", logits;
  std::string against;  // a dtype to compare with; empty: none
  int64_t chunk = 0;    // tokens of a pass; 0: as many as usual
  int threads = 0;
};
ExitCode score_command(const ScoringArgs& args);

struct TokenizeArgs {
  std::string model;
  std::string text, file;  // exactly one is given
  bool has_text = true;
  bool special = true;   // what the folder adds to a text
  bool written = false;  // control tokens that are spelled out
  bool pieces = false;   // instead of ids
  bool decode = false;   // the other way round
};
ExitCode tokenize_command(const TokenizeArgs& args);

// What the benchmarks share; with several dtypes their models are loaded side by side and take turns.
struct BenchArgs {
  std::string model;
  std::vector<std::string> dtypes = {"auto"};
  std::string device = "cpu";
  std::string format;           // json, text; empty: text where --output or --compare is given, else json
  std::string output, compare;  // files; empty: none
  int repeats = 21;
  int threads = 0;
  std::vector<std::string> argv;
};
struct BenchForwardArgs : BenchArgs {
  std::vector<int> rows = {1, 2, 4, 5, 8, 16};
  std::vector<int64_t> contexts = {64};
};
struct BenchPrefillArgs : BenchArgs {
  int64_t tokens = 512;
};
struct BenchDecodeArgs : BenchArgs {
  int64_t context = 64, tokens = 64;
};
struct BenchRoundArgs : BenchArgs {  // model: the target
  std::string draft, draft_dtype = "auto", sampler = "temperature(0)";
  int64_t context = 64;
  int length = 4;
};
struct BenchDraftersArgs : BenchArgs {  // no model
  std::string drafters =
      "prompt_lookup,ngram_map,ngram_hash,ngram_cache,ngram_trie,suffix_tree,suffix_automaton,"
      "retrieval,token_recycling";
  std::vector<int64_t> contexts = {1024, 4096, 16384}, corpora = {1'000'000, 10'000'000};
  int64_t vocab = 32000;
};
struct BenchTokenizeArgs : BenchArgs {
  std::string text;               // a file
  int64_t document_bytes = 2000;  // of each text that is encoded
};
struct BenchRecordsArgs : BenchArgs {  // no model
  int64_t prompts = 10000, tokens = 128;
  int arms = 5;
  std::string folder;  // whose file system is timed; empty: the temporary one
};
ExitCode bench_records_command(const BenchRecordsArgs& args);
ExitCode bench_drafters_command(const BenchDraftersArgs& args);
ExitCode bench_tokenize_command(const BenchTokenizeArgs& args);
ExitCode bench_forward_command(const BenchForwardArgs& args);
ExitCode bench_prefill_command(const BenchPrefillArgs& args);
ExitCode bench_decode_command(const BenchDecodeArgs& args);
ExitCode bench_round_command(const BenchRoundArgs& args);
ExitCode bench_load_command(const BenchArgs& args);
struct BenchKernelsArgs {
  std::string filter;  // a regular expression; empty: a short list, less than a minute
  std::string format = "text", output;
  bool list = false;  // names the benchmarks and runs none
  int repeats = 1, threads = 0;
};
ExitCode bench_kernels_command(const BenchKernelsArgs& args);
// What each figure of a benchmark means, for its help: name and definition.
const std::vector<std::pair<std::string, std::string>>& bench_definitions(const std::string& command);

// Files that drafters read; what those made from a corpus share.
struct CorpusArgs {
  std::vector<std::string> corpus;  // files, folders, globs
  std::string tokenizer;            // the target's folder
  std::string key = "text";         // of a JSONL line
  std::string format = "auto";      // auto, text, jsonl
  int64_t max_tokens = 0;           // 0: all
  std::string output;
};
struct TrainNgramCacheArgs : CorpusArgs {
  int order = 2, min_count = 1;
};
ExitCode train_ngram_cache_command(const TrainNgramCacheArgs& args);
ExitCode train_retrieval_command(const CorpusArgs& args);
ExitCode train_token_ranks_command(const CorpusArgs& args);
struct TrainModelArgs {
  std::string config;
  ConfigOverrides overrides;
  std::string resume = "auto";  // auto, force, never
  std::string rank, meet;       // "0/2" and "host:port" of processes that train together; empty: one does
  std::vector<std::string> argv;
};
ExitCode train_lm_command(const TrainModelArgs& args);
ExitCode train_distill_command(const TrainModelArgs& args);
ExitCode train_early_exit_command(const TrainModelArgs& args);
// `kind`: medusa, hydra, mlp_speculator, eagle, eagle3, peagle, mtp, kangaroo, block_diffusion, parallel_draft.
ExitCode train_head_command(const std::string& kind, const TrainModelArgs& args);
struct TrainPruneArgs {
  std::string model, folder;        // read; written, new
  std::vector<std::string> layers;  // that are kept, in this order
};
ExitCode train_prune_command(const TrainPruneArgs& args);
struct TrainAcceptanceArgs {
  std::string config;
  ConfigOverrides overrides;
  std::string draft;  // of [models]; empty: what the first arm drafts with
  int ranks = 32;
  std::string output;
};
ExitCode train_acceptance_vector_command(const TrainAcceptanceArgs& args);
struct TrainSequoiaArgs {
  std::string vector;                // a file of the above
  std::vector<int> budgets;          // rows of a pass, root included
  std::vector<double> target_times;  // of such passes, in any unit
  double draft_time = 0;
  int max_depth = 10;
  std::string output;
};
ExitCode train_sequoia_command(const TrainSequoiaArgs& args);

struct TreeArgs {
  std::string file;
  std::string to;      // paths, parents; empty: a description
  std::string output;  // empty: standard output
};
ExitCode tree_command(const TreeArgs& args);

struct ConvertArgs {
  std::string file, folder;
  std::string dtype = "auto";  // one of written_dtype_names()
  std::string tokenizer;       // llama2.c's tokenizer.bin; empty: none
};
ExitCode convert_gguf_command(const ConvertArgs& args);
ExitCode convert_llama2c_command(const ConvertArgs& args);

struct DoctorArgs {
  std::string model;  // a folder whose batch invariance is tried too; empty: none
  std::string dtype = "auto", device = "cpu";
  int threads = 0;
};
ExitCode doctor_command(const DoctorArgs& args);

}  // namespace specula
