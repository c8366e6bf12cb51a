// One experiment, resolved: TOML with includes and --set, every key checked, every value with its origin.
// Sections: [experiment] [models.<name>] [data] [sampler] [[arm]] [drafter.<name>] [verifier.<name>]
// [strategy.<name>] [measure] [quality] [cost] [[expect]] [output]; [sweep] is read by experiments/study. Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "experiments/config/expectations.h"
#include "framework/core/params.h"
#include "framework/decode/compose.h"
#include "framework/decode/registry.h"
#include "framework/text/chat_formats.h"

namespace specula {

std::vector<std::string> dtype_choices();  // "auto" and the names of every dtype

struct ModelConfig {
  std::string name;  // of [models.<name>]
  std::string
      path;  // as given: relative paths are relative to the file that gives them (to the working directory for --set)
  std::string folder;          // resolved, absolute
  std::string dtype = "auto";  // auto (what the checkpoint holds), fp32, bf16, int8, int8w, int4
  std::string device = "cpu";  // cpu (the own engine), aten, cuda, cuda:N

  template <class V>
  void visit(V& v) {
    v("path", path,
      "folder of the checkpoint (config.json, *.safetensors, tokenizer), relative to the file that gives it");
    v("dtype", dtype, dtype_choices(), "numbers the weights are kept in; auto is what the checkpoint holds");
    v("device", device,
      "where it is computed: cpu (own engine), aten (LibTorch's operators on the CPU, slow), cuda, cuda:N; only on cpu "
      "are greedy texts the baseline's bit for bit");
  }
};

struct DataConfig {
  std::string prompts;                  // file, as given
  std::string file;                     // resolved, absolute
  std::vector<std::string> categories;  // empty: all
  int64_t limit = 0;                    // prompts, stratified by category; 0: all
  int64_t max_new_tokens = 128;
  int64_t pad_to_tok = 0;                 // prompts shorter than this get text in front; 0: none
  std::string pad_text;                   // file of that text, as given; empty: the other prompts
  std::string pad_file{};                 // resolved, absolute
  std::string chat_template = kNoFormat;  // of chat_format_choices()
  bool ignore_eos = false;                // go on to max_new_tokens

  template <class V>
  void visit(V& v) {
    v("prompts", prompts, "file of prompts, one JSON object a line, relative to the file that gives it");
    v("categories", categories, "only prompts of these categories; empty takes all");
    v("limit", limit, 0, kMaxInteger, "prompts to take, the categories in turn; 0 takes all", "prompts");
    v("max_new_tokens", max_new_tokens, 1, kMaxInteger, "tokens after which a continuation is ended", "tokens");
    v("pad_to_tok", pad_to_tok, 0, kMaxInteger,
      "shorter prompts get text in front until they have exactly so many tokens, to sweep the context; 0: none",
      "tokens");
    v("pad_text", pad_text,
      "file of that text, relative to the file that gives it; by default the other prompts of the file");
    v("chat_template", chat_template, chat_format_choices(),
      "wrap each turn in the chat template of the target's folder, or in a format by name; none gives it as it is");
    v("ignore_eos", ignore_eos, "go on to max_new_tokens after the end token");
  }
};

struct ArmConfig {
  std::string name;
  bool baseline = false;
  std::string duplicate_of{};     // the arm that it repeats; empty: none
  std::string target = "target";  // the entry of [models] that is the arm's target
  Params drafter, verifier;       // with "name"; both empty where there is a strategy
  std::optional<Params> strategy{};
  double max_tv = 1;  // what `verify` lets a lossy rule differ from the target
  Composed composed;

  bool asks_q_next(bool records_distributions) const {
    return composed.verifier.q_next || (records_distributions && composed.drafter.q_next);
  }
  // Where the file says how the arm decodes.
  const std::string& origin() const { return strategy ? strategy->values.origin : drafter.values.origin; }
};

struct MeasureConfig {
  int repetitions = 1;
  int batch = 1;               // prompts that an arm decodes at once
  bool share_prefill = false;  // one pass of the target over a prompt serves all arms
  int warmup_prompts = 2;      // per arm, not counted
  double warmup_min_s = 0;     // keep warming up until this many seconds passed per arm
  double timeout_s = 0;        // of one turn of one arm; 0: none
  int threads = 0;             // 0: all cores
  bool trace = true;           // a second, fenced pass over the prompts for phase shares
  int trace_limit = 8;         // prompts of the fenced pass; 0: all
  int bootstrap = 10000;       // draws of the paired bootstrap
  bool expected = false;       // log the expected accepted length of each round
  int quality_tokens = 512;    // of the prompts, on which quantized models are compared with unquantized ones; 0: none

  template <class V>
  void visit(V& v) {
    v("repetitions", repetitions, 1, 1000000, "times that each prompt is decoded by each arm");
    v("batch", batch, 1, 4096,
      "prompts that each arm decodes at once, all from their beginning to the last one's end; what fills no batch is "
      "left out. Speeds are then those of the whole batch (goodput), latencies those of one text",
      "prompts");
    v("share_prefill", share_prefill,
      "take each prompt in once and bill that time to every arm that needs nothing else of the pass; saves the time of "
      "the others on long prompts");
    v("warmup_prompts", warmup_prompts, 0, 1000000, "prompts decoded by each arm before anything counts", "prompts");
    v("warmup_min_s", warmup_min_s, 0, 86400, "least time that each arm warms up", "s");
    v("timeout_s", timeout_s, 0.0, 1e9,
      "time of one turn after which it is given up and its record says so; looked at after each round; 0: none", "s");
    v("threads", threads, 0, 4096, "threads of the one pool; 0 takes every core");
    v("trace", trace, "measure the shares of the phases in a second, fenced pass");
    v("trace_limit", trace_limit, 0, 1000000, "prompts of that pass; 0 takes all", "prompts");
    v("expected", expected,
      "log the expected accepted length of each round, computed from p and q outside the measured time");
    v("bootstrap", bootstrap, 100, 10000000, "draws of the paired bootstrap behind each interval");
    v("quality_tokens", quality_tokens, 0, 1000000,
      "tokens of the prompts on which a quantized model is compared with its checkpoint's dtype; 0 leaves it out",
      "tokens");
  }
};

struct QualityConfig {
  std::vector<std::string> scorers;  // "NAME" or "CATEGORY=NAME"
  bool run_code = false;
  bool nll = false;

  template <class V>
  void visit(V& v) {
    v("scorers", scorers,
      "what judges the answers of prompts with a reference once a run has ended: NAME for all of them, CATEGORY=NAME "
      "for those of a category; specula explain score.NAME tells what it does");
    v("run_code", run_code,
      "let scorers that need it execute the code that models wrote, in a sandbox without network; without it nothing "
      "is executed");
    v("nll", nll,
      "once a run has ended, load the baseline's target in float32 and tell how likely every text is under it "
      "(nll_nats, ppl, nll_delta)");
  }
};

struct CostConfig {
  double usd_per_hour = 0;

  template <class V>
  void visit(V& v) {
    v("usd_per_hour", usd_per_hour, 0.0, 1e6, "price of the machine, for usd_per_mtok; 0: none is known", "USD");
  }
};

struct ExperimentConfig {
  std::string name;
  uint64_t seed = 0;
  std::vector<ModelConfig> models;
  DataConfig data;
  std::vector<Params> samplers;
  std::vector<ArmConfig> arms;  // exactly one is the baseline
  MeasureConfig measure;
  QualityConfig quality;
  CostConfig cost;
  std::vector<Expectation> expectations;  // of the arms that run
  std::string out = "runs";               // [output] dir: runs are written to <out>/<experiment>/<cell>
  std::string record = "none";            // [output] record: none, distributions
  std::string sort = "config";            // [output] sort: config, speedup
  Value resolved;                         // the whole tree, defaults included, each value with its origin
  struct Source {
    std::string path, content;
  };
  std::vector<Source> sources;  // every file read, in order
  std::string cfg_hash;         // sha256 of the canonical JSON of the keys that can change a result
  std::string full_hash;        // sha256 of all of them
  std::string cell;             // folder name of the run: <cfg_hash[:10]>_<slug>

  const ModelConfig& model(const std::string& model_name) const;
  const ArmConfig& baseline() const;
  bool records_distributions() const { return record == "distributions"; }
};

struct ConfigOverrides {
  std::vector<std::string> sets;  // "a.b=V"
  std::vector<std::string> unsets;
  std::vector<std::string> sweeps;  // "a.b=1-8": axes of a study
  std::string out;                  // "" : as configured
  int64_t limit = -1;               // < 0: as configured
  std::vector<std::string> arms;    // only these (and the baseline); empty: all
  int threads = -1;
  int64_t seed = -1;
};

// Throws ConfigError with every problem found, one a line, each with file:line:column; nothing is read but
// configuration, model headers (config.json, tensor index, tokenizer) and the prompt file's existence.  A file with
// [sweep] is refused: load_study() reads those.
ExperimentConfig load_config(const std::filesystem::path& file, const ConfigOverrides& overrides,
                             const Registries& registries);

// TOML of the resolved tree, runnable as it is; a comment after each value tells its origin.
std::string resolved_toml(const ExperimentConfig& config);

}  // namespace specula
