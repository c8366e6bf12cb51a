// The commands that make and describe files, and the one that looks at the machine.  Licence: Apache-2.0.
#include "experiments/cli/cli_flags.h"
#include "framework/convert/converted_model.h"

namespace specula {
namespace {

void corpus_flags(CLI::App& app, CorpusArgs& args) {
  arguments(app, "CORPUS", args.corpus, "plain text or JSONL: files, folders (searched), globs");
  text_flag(app, "--tokenizer", args.tokenizer, "DIR", "the target's folder, or another with its tokenizer",
            Need::kRequired);
  text_flag(app, "--output", args.output, "FILE", "the file to write", Need::kRequired);
  choice_flag(app, "--format", args.format, {"auto", "text", "jsonl"},
              "of the corpus; auto: .jsonl and .ndjson are JSONL, all else is text (default)");
  text_flag(app, "--key", args.key, "KEY", "of a JSONL line that holds its text (default: text)");
  count_flag(app, "--max-tokens", args.max_tokens, "stops reading there; 0 reads all (default)");
}

void define_train_model(CLI::App& app, CommandLine& line) {
  TrainModelArgs& args = line.train_model;
  config_argument(app, args.config);
  repeated_flag(app, "--set", args.overrides.sets, "KEY=VALUE",
                "replaces a key, as in --set batch.length=128; may be repeated");
  repeated_flag(app, "--unset", args.overrides.unsets, "KEY", "takes a key or a section out; may be repeated");
  text_flag(app, "--out", args.overrides.out, "DIR", "folder that trainings are written to");
  choice_flag(app, "--resume", args.resume, {"auto", "force", "never"},
              "what to do with a training that was begun (default: auto, goes on where it is the same)");
  text_flag(app, "--rank", args.rank, "I/N", "trains as process I of N that share the rows, counted from 0");
  text_flag(app, "--meet", args.meet, "HOST:PORT", "of rank 0, for --rank");
}

void define_train_prune(CLI::App& app, CommandLine& line) {
  TrainPruneArgs& args = line.train_prune;
  argument(app, "DIR", args.model, "the model to read");
  argument(app, "OUT", args.folder, "the folder to write, new or empty");
  names_flag(app, "--layers", args.layers, "0,3,5", "the layers to keep, counted from 0, in their new order");
}

void define_train_ngram_cache(CLI::App& app, CommandLine& line) {
  TrainNgramCacheArgs& args = line.train_ngram_cache;
  corpus_flags(app, args);
  positive_flag(app, "--order", args.order, "tokens that the next one is counted behind, 1 to 4 (default: 2)");
  positive_flag(app, "--min-count", args.min_count, "leaves out what was seen less often (default: 1)");
}

void define_train_retrieval(CLI::App& app, CommandLine& line) { corpus_flags(app, line.train_retrieval); }

void define_train_token_ranks(CLI::App& app, CommandLine& line) { corpus_flags(app, line.train_token_ranks); }

void define_train_acceptance_vector(CLI::App& app, CommandLine& line) {
  TrainAcceptanceArgs& args = line.train_acceptance_vector;
  config_argument(app, args.config);
  override_flags(app, args.overrides);
  text_flag(app, "--draft", args.draft, "NAME", "of [models] (default: what the first arm drafts with)");
  positive_flag(app, "--ranks", args.ranks, "siblings to measure, 1 to 64 (default: 32)");
  text_flag(app, "--output", args.output, "FILE", "the file to write", Need::kRequired);
}

void define_train_sequoia(CLI::App& app, CommandLine& line) {
  TrainSequoiaArgs& args = line.train_sequoia;
  argument(app, "VECTOR", args.vector, "of `specula train acceptance_vector`, or a JSON array");
  counts_flag(app, "--budgets", args.budgets, "1,2,4", "rows of a verification pass, root included", Need::kRequired);
  numbers_flag(app, "--target-times", args.target_times, "10,10,12",
               "of such passes (`specula bench forward`), in any unit", Need::kRequired);
  number_flag(app, "--draft-time", args.draft_time, "T", "of a pass of the draft model, in the same unit",
              Need::kRequired);
  positive_flag(app, "--max-depth", args.max_depth, "of the tree, 1 to 64 (default: 10)");
  text_flag(app, "--output", args.output, "FILE", "the tree to write", Need::kRequired);
}

void define_tree(CLI::App& app, CommandLine& line) {
  argument(app, "FILE", line.tree.file, "paths, parents or a grow map, as JSON");
  choice_flag(app, "--to", line.tree.to, {"paths", "parents"}, "prints the tree in this form instead");
  text_flag(app, "--output", line.tree.output, "FILE", "writes it there");
}

void convert_flags(CLI::App& app, ConvertArgs& args) {
  argument(app, "FILE", args.file, "the model to read");
  argument(app, "DIR", args.folder, "the folder to write, new or empty");
  choice_flag(app, "--dtype", args.dtype, written_dtype_names(),
              "numbers the weights are written in; auto: as stored, quantized ones as bf16 (default)");
}

void define_convert_gguf(CLI::App& app, CommandLine& line) { convert_flags(app, line.convert); }

void define_convert_llama2c(CLI::App& app, CommandLine& line) {
  convert_flags(app, line.convert);
  text_flag(app, "--tokenizer", line.convert.tokenizer, "FILE", "its tokenizer.bin (default: none is written)");
}

void define_doctor(CLI::App& app, CommandLine& line) {
  text_flag(app, "--model", line.doctor.model, "DIR", "also tries the batch invariance of this checkpoint");
  dtype_flag(app, line.doctor.dtype);
  device_flag(app, line.doctor.device);
  threads_flag(app, line.doctor.threads);
}

}  // namespace

// `specula train medusa` and its like.
Command head_command(const std::string& kind, const std::string& help, const std::string& config) {
  return {
      "train " + kind, help, {cat("specula train ", kind, " ", config)}, define_train_model, [kind](CommandLine& line) {
        return train_head_command(kind, line.train_model);
      }};
}

std::vector<Command> tool_commands() {
  return {
      {"train lm",
       "trains a decoder on text, from scratch or from a folder",
       {"specula train lm configs/train/tiny.toml",
        "specula train lm configs/train/demo_target.toml --set sources.corpus.paths=[\"texts/\"]"},
       define_train_model,
       [](CommandLine& line) { return train_lm_command(line.train_model); }},
      {"train distill",
       "trains a draft model to give a target's distributions",
       {"specula train distill configs/train/demo_draft.toml --set sources.corpus.paths=[\"texts/\"]",
        "specula train distill configs/train/tiny_draft.toml"},
       define_train_model,
       [](CommandLine& line) { return train_distill_command(line.train_model); }},
      head_command("medusa", "trains Medusa heads on the states of a target", "configs/train/demo_medusa.toml"),
      head_command("hydra", "trains Hydra heads, which read the tokens drafted in front of theirs",
                   "configs/train/tiny_head.toml"),
      head_command("mlp_speculator", "trains a recurrence over drafted tokens that starts from a target's state",
                   "configs/train/tiny_head.toml"),
      head_command("eagle", "trains a decoder layer that continues the states of a target",
                   "configs/train/demo_eagle.toml"),
      head_command("eagle3", "trains a decoder layer on three joined states, unrolled on its own predictions",
                   "configs/train/demo_eagle3.toml"),
      head_command("peagle", "trains a decoder layer on three joined states to name many tokens in one pass",
                   "configs/train/demo_peagle.toml"),
      head_command("parallel_draft", "trains a draft model to name many tokens in one pass over mask tokens",
                   "configs/train/tiny_parallel.toml"),
      head_command("mtp", "trains a module for the next token but one", "configs/train/demo_mtp.toml"),
      head_command("kangaroo", "trains an adapter that lets a target's first layers draft",
                   "configs/train/tiny_head.toml"),
      head_command("block_diffusion", "trains layers over a target's states that name a block of tokens in one pass",
                   "configs/train/demo_block_diffusion.toml"),
      {"train early_exit",
       "trains a decoder to say early what it will say, so that its first layers can draft",
       {"specula train early_exit configs/train/tiny_early_exit.toml"},
       define_train_model,
       [](CommandLine& line) { return train_early_exit_command(line.train_model); }},
      {"train prune",
       "leaves out layers of a model, as a draft to begin with",
       {"specula train prune assets/demo/target pruned --layers 0,2,5"},
       define_train_prune,
       [](CommandLine& line) { return train_prune_command(line.train_prune); }},
      {"train ngram_cache",
       "counts n-grams of a corpus for the drafter ngram_cache",
       {"specula train ngram_cache corpus.jsonl --tokenizer assets/demo/target --output corpus.ngrams"},
       define_train_ngram_cache,
       [](CommandLine& line) { return train_ngram_cache_command(line.train_ngram_cache); }},
      {"train retrieval",
       "sorts the suffixes of a corpus for the drafters retrieval and suffix_automaton",
       {"specula train retrieval corpus.jsonl --tokenizer assets/demo/target --output corpus.suffixes",
        "specula train retrieval texts/ --tokenizer assets/demo/target --output texts.suffixes --max-tokens 10000000"},
       define_train_retrieval,
       [](CommandLine& line) { return train_retrieval_command(line.train_retrieval); }},
      {"train token_ranks",
       "ranks the tokens of a corpus by frequency, for draft_model(token_ranks)",
       {"specula train token_ranks corpus.jsonl --tokenizer assets/demo/target --output corpus.ranks"},
       define_train_token_ranks,
       [](CommandLine& line) { return train_token_ranks_command(line.train_token_ranks); }},
      {"train acceptance_vector",
       "measures how often the r-th sibling of a draft model is the first accepted",
       {"specula train acceptance_vector configs/studies/trees.toml --output demo.acceptance.json"},
       define_train_acceptance_vector,
       [](CommandLine& line) { return train_acceptance_vector_command(line.train_acceptance_vector); }},
      {"train sequoia",
       "chooses the best fixed tree for an acceptance vector and the costs of passes",
       {"specula train sequoia demo.acceptance.json --budgets 1,2,4,8,16,32 --target-times 10,10,10,12,14,18 "
        "--draft-time 0.3 --output demo.tree.json"},
       define_train_sequoia,
       [](CommandLine& line) { return train_sequoia_command(line.train_sequoia); }},
      {"tree",
       "describes a tree file and names it by its hash, or converts it",
       {"specula tree configs/trees/demo_sequoia.json", "specula tree configs/trees/demo_sequoia.json --to paths"},
       define_tree,
       [](CommandLine& line) { return tree_command(line.tree); }},
      {"convert gguf",
       "writes a GGUF file of llama.cpp as a Hugging Face folder",
       {"specula convert gguf llama-3.2-1b-q4_k_m.gguf models/llama-3.2-1b"},
       define_convert_gguf,
       [](CommandLine& line) { return convert_gguf_command(line.convert); }},
      {"convert llama2c",
       "writes a checkpoint of llama2.c as a Hugging Face folder",
       {"specula convert llama2c stories15M.bin models/stories15M --tokenizer tokenizer.bin"},
       define_convert_llama2c,
       [](CommandLine& line) { return convert_llama2c_command(line.convert); }},
      {"doctor",
       "checks the machine and the build: threads, bandwidth, batch invariance",
       {"specula doctor", "specula doctor --threads 2", "specula doctor " + kDemoModel + " --dtype bf16"},
       define_doctor,
       [](CommandLine& line) { return doctor_command(line.doctor); }},
  };
}

}  // namespace specula
