// The benchmarks.  Licence: Apache-2.0.
#include "experiments/cli/cli_flags.h"

namespace specula {
namespace {

void dtypes_flag(CLI::App& app, Words& values) {
  const Words valid = dtype_choices();
  names_flag(app, "--dtype", values, "A,B",
             cat("numbers the weights are kept in, of ", join(valid),
                 "; several are loaded side by side and take turns (default: auto)"),
             valid);
}

void output_flags(CLI::App& app, BenchArgs& args) {
  choice_flag(app, "--format", args.format, {"json", "text"}, "default: text with --output or --compare, else json");
  text_flag(app, "--output", args.output, "FILE", "writes the JSON there too");
  text_flag(app, "--compare", args.compare, "FILE", "prints each figure over that of this earlier result");
}

void define_bench(CLI::App& app, BenchArgs& args) {
  device_flag(app, args.device);
  threads_flag(app, args.threads);
  output_flags(app, args);
}

void define_bench_of_model(CLI::App& app, BenchArgs& args) {
  model_flag(app, args.model);
  dtypes_flag(app, args.dtypes);
  define_bench(app, args);
}

void repeats_flag(CLI::App& app, int& value) {
  positive_flag(
      app, "--repeats", value,
      cat("turns, one sample of each figure in each, whose median and quartiles are told (default: ", value, ")"));
}

void context_flag(CLI::App& app, int64_t& value) {
  positive_flag(app, "--context", value, "tokens in the cache (default: 64)");
}

void define_bench_forward(CLI::App& app, CommandLine& line) {
  BenchForwardArgs& args = line.bench_forward;
  define_bench_of_model(app, args);
  counts_flag(app, "--rows", args.rows, "1,2,4", "rows of a pass (default: 1,2,4,5,8,16)");
  counts_flag(app, "--context", args.contexts, "64,1024", "tokens in the cache (default: 64)");
  repeats_flag(app, args.repeats);
}

void define_bench_prefill(CLI::App& app, CommandLine& line) {
  define_bench_of_model(app, line.bench_prefill);
  positive_flag(app, "--tokens", line.bench_prefill.tokens, "tokens of the prompt (default: 512)");
  repeats_flag(app, line.bench_prefill.repeats);
}

void define_bench_decode(CLI::App& app, CommandLine& line) {
  define_bench_of_model(app, line.bench_decode);
  positive_flag(app, "--tokens", line.bench_decode.tokens, "tokens to decode, each timed (default: 64)");
  context_flag(app, line.bench_decode.context);
}

void define_bench_round(CLI::App& app, CommandLine& line) {
  BenchRoundArgs& args = line.bench_round;
  text_flag(app, "--target", args.model, "DIR", "folder of the target", Need::kRequired);
  text_flag(app, "--draft", args.draft, "DIR", "folder of the model that drafts", Need::kRequired);
  dtype_flag(app, args.dtypes.front());
  dtype_flag(app, args.draft_dtype, "--draft-dtype");
  define_bench(app, args);
  positive_flag(app, "--length", args.length, "tokens drafted in a round (default: 4)");
  text_flag(app, "--sampler", args.sampler, "CALLS", "as in 'temperature(0.7),top_p(0.9)' (default: temperature(0))");
  context_flag(app, args.context);
  repeats_flag(app, args.repeats);
}

void define_bench_load(CLI::App& app, CommandLine& line) {
  line.bench_load.repeats = 5;
  define_bench_of_model(app, line.bench_load);
  repeats_flag(app, line.bench_load.repeats);
}

void define_bench_kernels(CLI::App& app, CommandLine& line) {
  BenchKernelsArgs& args = line.bench_kernels;
  text_flag(app, "--filter", args.filter, "REGEX",
            "benchmarks with a match in their name; '.' takes all (default: a short list, less than a minute)");
  switch_flag(app, "--list", args.list, "names them and runs none");
  positive_flag(app, "--repeats", args.repeats, "measurements of each; from 2 on with mean, median, deviation");
  choice_flag(app, "--format", args.format, {"json", "text"},
              "text by default; the JSON is Google Benchmark's own, two files of it are compared by the compare.py "
              "that comes with it");
  text_flag(app, "--output", args.output, "FILE", "writes the JSON there too");
  threads_flag(app, args.threads);
}

void define_bench_drafters(CLI::App& app, CommandLine& line) {
  BenchDraftersArgs& args = line.bench_drafters;
  text_flag(app, "--drafters", args.drafters, "CALLS",
            "as in 'prompt_lookup,retrieval(matches=64)', none with a model (default: all that look tokens up)");
  counts_flag(app, "--context", args.contexts, "1024,4096", "tokens of the text (default: 1024,4096,16384)");
  counts_flag(app, "--corpus", args.corpora, "1000000", "tokens of a corpus (default: 1000000,10000000)");
  positive_flag(app, "--vocab", args.vocab, "of the synthetic texts (default: 32000)");
  repeats_flag(app, args.repeats);
  output_flags(app, args);
}

void define_bench_records(CLI::App& app, CommandLine& line) {
  BenchRecordsArgs& args = line.bench_records;
  positive_flag(app, "--prompts", args.prompts, "of the larger of two studies (default: 10000)");
  positive_flag(app, "--arms", args.arms, "of each (default: 5)");
  positive_flag(app, "--tokens", args.tokens, "of each text (default: 128)");
  text_flag(app, "--folder", args.folder, "DIR", "on whose file system they are written (default: the temporary one)");
  output_flags(app, args);
}

void define_bench_tokenize(CLI::App& app, CommandLine& line) {
  BenchTokenizeArgs& args = line.bench_tokenize;
  args.repeats = 5;
  model_flag(app, args.model);
  text_flag(app, "--text", args.text, "FILE", "the text, which is cut into documents", Need::kRequired);
  positive_flag(app, "--document", args.document_bytes, "bytes of a document, about (default: 2000)");
  repeats_flag(app, args.repeats);
  output_flags(app, args);
}

}  // namespace

std::vector<Command> bench_commands() {
  return {
      {"bench forward",
       "times passes of several numbers of rows beside the memory bandwidth",
       {"specula bench forward " + kDemoModel + " --dtype bf16 --rows 1,2,4,5,8,16 --context 64",
        "specula bench forward " + kDemoModel + " --dtype bf16,int8 --output forward.json"},
       define_bench_forward,
       [](CommandLine& line) { return bench_forward_command(line.bench_forward); },
       bench_definitions("bench forward")},
      {"bench prefill",
       "times taking in a prompt beside the machine's matrix product",
       {"specula bench prefill " + kDemoModel + " --dtype bf16 --tokens 512"},
       define_bench_prefill,
       [](CommandLine& line) { return bench_prefill_command(line.bench_prefill); },
       bench_definitions("bench prefill")},
      {"bench decode",
       "times autoregressive decoding",
       {"specula bench decode " + kDemoModel + " --dtype bf16 --tokens 64 --context 64"},
       define_bench_decode,
       [](CommandLine& line) { return bench_decode_command(line.bench_decode); },
       bench_definitions("bench decode")},
      {"bench round",
       "times the parts of a round of speculation and predicts the speed-up",
       {"specula bench round --target assets/demo/target --draft assets/demo/draft --length 4"},
       define_bench_round,
       [](CommandLine& line) { return bench_round_command(line.bench_round); },
       bench_definitions("bench round")},
      {"bench load",
       "times loading a folder beside reading its files",
       {"specula bench load " + kDemoModel + " --dtype bf16"},
       define_bench_load,
       [](CommandLine& line) { return bench_load_command(line.bench_load); },
       bench_definitions("bench load")},
      {"bench kernels",
       "times the inner loops: products, attention, rows, sampling",
       {"specula bench kernels", "specula bench kernels --list --filter 'product/bf16'",
        "specula bench kernels --filter 'product/int8/.*/2048x5632' --repeats 5 --output kernels.json"},
       define_bench_kernels,
       [](CommandLine& line) { return bench_kernels_command(line.bench_kernels); },
       bench_definitions("bench kernels")},
      {"bench drafters",
       "times rounds of the drafters that look tokens up, without a model",
       {"specula bench drafters --output drafters.json",
        "specula bench drafters --drafters suffix_tree,retrieval --context 4096 --corpus 1000000 --format text"},
       define_bench_drafters,
       [](CommandLine& line) { return bench_drafters_command(line.bench_drafters); },
       bench_definitions("bench drafters")},
      {"bench records",
       "times writing and reading the records of a study that decodes nothing",
       {"specula bench records --prompts 100000 --format text", "specula bench records --folder runs --prompts 1000"},
       define_bench_records,
       [](CommandLine& line) { return bench_records_command(line.bench_records); },
       bench_definitions("bench records")},
      {"bench tokenize",
       "times a folder's tokenizer on a text, document by document",
       {"specula bench tokenize " + kDemoModel + " --text README.md",
        "specula bench tokenize " + kDemoModel + " --text README.md --document 200 --format text"},
       define_bench_tokenize,
       [](CommandLine& line) { return bench_tokenize_command(line.bench_tokenize); },
       bench_definitions("bench tokenize")},
  };
}

}  // namespace specula
