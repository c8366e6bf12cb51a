// A file of `specula train KIND`, resolved: TOML with includes and --set, every key checked, every problem told at
// once. Sections: [train] [sources.<name>] [batch] [optimizer] [validation] [output], and those of the kind.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "experiments/config/config_reader.h"
#include "framework/convert/converted_model.h"
#include "framework/train/trainer.h"

namespace specula {

struct TrainKeys {
  std::string name, note, device = "cpu";
  int64_t seed = 0, steps = 0, tokens = 0;
  int threads = 0;

  template <class V>
  void visit(V& v) {
    v("name", name, "name of the training and of its folder");
    v("note", note, "a remark that is kept with it");
    v("seed", seed, 0, kMaxInteger, "seed of the first parameters, of the order of the texts and of what is drawn");
    v("steps", steps, 0, kMaxInteger, "steps of the optimizer; exactly one of steps and tokens is given", "steps");
    v("tokens", tokens, 0, kMaxInteger, "the same as tokens that are read, rounded up to whole steps", "tokens");
    v("threads", threads, 0, 4096, "threads of the one pool; 0 takes every core");
    v("device", device, {"cpu", "cuda"}, "where it is computed; only on cpu does a resume make the same bits");
  }
};

struct TrainSource {
  std::string name;
  std::vector<std::string> paths;
  double weight = 1, held_out = 0;
  std::string format = "auto", key = "text";
  int64_t max_tokens = 100'000'000;
  bool bos = true, eos = true;

  template <class V>
  void visit(V& v) {
    v("paths", paths, "files, folders (searched) and globs, relative to the file that gives them");
    v("weight", weight, 1e-9, 1e9, "its share of the rows is this by the sum of all weights");
    v("held_out", held_out, 0.0, 0.5,
      "share of its documents (of plain text: pieces of 64 kB) that is kept for validation, evenly spread");
    v("format", format, {"auto", "text", "jsonl"}, "auto: .jsonl and .ndjson are JSONL, all else is text");
    v("key", key, "of a JSONL line that holds its text");
    v("max_tokens", max_tokens, 1, int64_t{1} << 40, "stops reading there; each takes 4 bytes of memory", "tokens");
    v("bos", bos, "put the tokenizer's begin token in front of each document");
    v("eos", eos, "put its end token behind each document");
  }
};

struct BatchKeys {
  int64_t sequences = 16, length = 256, accumulate = 1;

  template <class V>
  void visit(V& v) {
    v("sequences", sequences, 1, 1 << 20, "rows that a pass computes at once", "rows");
    v("length", length, 1, 1 << 20, "tokens of a row", "tokens");
    v("accumulate", accumulate, 1, 1 << 20, "passes whose gradients a step sums", "passes");
  }
};

struct OptimizerKeys {
  double learning_rate = 1e-3, final_share = 0.1, clip = 1, weight_decay = 0.1, beta1 = 0.9, beta2 = 0.95;
  int64_t warmup = 100;
  std::string dtype = "auto";

  template <class V>
  void visit(V& v) {
    v("learning_rate", learning_rate, 0.0, 1e6, "the highest, reached when the warm-up ends");
    v("warmup", warmup, 0, kMaxInteger, "steps over which it rises linearly", "steps");
    v("final_share", final_share, 0.0, 1.0, "share of it at the end of the cosine that follows");
    v("clip", clip, 0.0, 1e9, "bound on the norm of all gradients; 0 sets none");
    v("weight_decay", weight_decay, 0.0, 1e3, "of matrices; norms and biases have none");
    v("beta1", beta1, 0.0, 0.999999, "AdamW's memory of gradients");
    v("beta2", beta2, 0.0, 0.999999, "and of their squares");
    v("dtype", dtype, {"auto", "bf16", "fp32"},
      "numbers of products; parameters, sums and the optimizer are fp32 in any case. auto: bf16 where the CPU has "
      "instructions for it (else it is slower), or fp32");
  }
};

struct ValidationKeys {
  int64_t every = 0, rows = 64, patience = 0;

  template <class V>
  void visit(V& v) {
    v("every", every, 0, kMaxInteger, "steps between validations on the held-out texts; 0: none", "steps");
    v("rows", rows, 0, kMaxInteger, "rows of held-out text that are read; 0 reads all", "rows");
    v("patience", patience, 0, kMaxInteger,
      "validations without a better one after which the training ends; 0: it makes all steps", "validations");
  }
};

struct TrainOutputKeys {
  std::string dir = "runs/train", dtype = "bf16";
  int64_t checkpoint_every = 100;

  template <class V>
  void visit(V& v) {
    v("dir", dir, "folder in which each training has one of its own name, relative to the working directory");
    v("dtype", dtype, {"bf16", "fp16", "fp32"}, "numbers that the trained weights are written in");
    v("checkpoint_every", checkpoint_every, 0, kMaxInteger,
      "steps between checkpoints; 0: only at the end, and where it is interrupted", "steps");
  }
};

struct TrainConfig {
  TrainKeys train;
  std::vector<TrainSource> sources;  // paths are absolute
  BatchKeys batch;
  OptimizerKeys optimizer;
  ValidationKeys validation;
  TrainOutputKeys output;
  Value resolved;  // the whole tree, defaults included, each value with its origin
  std::vector<ExperimentConfig::Source> files;

  TrainingPlan plan() const;
};

// Reads a file step by step and collects what is wrong with it: the common sections when it is made, a kind's own by
// section(), and finish() throws or gives the whole.
class TrainFile {
 public:
  // `own` are the names of the kind's sections; others than these and the common ones are unknown.  Throws ConfigError
  // where there is no such file or no TOML in it.
  TrainFile(const std::filesystem::path& file, const ConfigOverrides& overrides, const std::vector<std::string>& own);

  // Fills `keys`; those in `folders` become absolute paths of folders that must exist where they are not empty.
  template <class Keys>
  void section(const std::string& name, Keys& keys, const std::vector<std::string>& folders = {}) {
    Value values = read_section(table(name), cat("[", name, "]"), keys, problems_);
    for (const std::string& key : folders) resolve_folder(name, key, values);
    config_.resolved.set(name, std::move(values));
  }
  // Of a key of a section, after the place where it was given (or where the section is).
  void problem(const std::string& section, const std::string& key, const std::string& what);
  // What a folder key became.
  std::string folder(const std::string& section, const std::string& key) const;

  const TrainConfig& config() const { return config_; }
  TrainConfig finish();  // throws ConfigError with every problem found

 private:
  const Value& table(const std::string& name);
  void check_sections(const std::vector<std::string>& own);
  void check_train();
  void sources();
  void resolve_folder(const std::string& section, const std::string& key, Value& values);

  Value root_;
  Problems problems_;
  TrainConfig config_;
};

}  // namespace specula
