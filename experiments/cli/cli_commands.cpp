#include "experiments/cli/cli_commands.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iostream>

#include "framework/certify/planted.h"
#include "framework/model/device.h"

namespace specula {
namespace {

using Words = std::vector<std::string>;

// --- Flags that several commands share ---

CLI::Validator one_of(const Words& valid) {
  return {[valid](std::string& given) -> std::string {
            if (std::find(valid.begin(), valid.end(), given) != valid.end()) return "";
            const std::string near = nearest(given, valid);
            return cat("'", given, "' is not one of ", join(valid),
                       near.empty() ? "" : cat("; did you mean '", near, "'?"));
          },
          ""};
}

// Before CLI11 converts, so that its texts are not needed.
CLI::Validator whole_number(int64_t low) {
  return {[low](std::string& given) -> std::string {
            int64_t number = 0;
            const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
            if (error == std::errc() && end == given.data() + given.size() && number >= low) return "";
            return cat("'", given, "' is not a whole number of at least ", low);
          },
          ""};
}

CLI::Validator share() {
  return {[](std::string& given) -> std::string {
            double number = -1;
            const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), number);
            if (error == std::errc() && end == given.data() + given.size() && number >= 0 && number <= 1) return "";
            return cat("'", given, "' is not a number in 0..1");
          },
          ""};
}

CLI::Option* text_flag(CLI::App& app, const std::string& flag, std::string& value, const std::string& type,
                       const std::string& help) {
  return app.add_option(flag, value, help)->type_name(type);
}

void choice_flag(CLI::App& app, const std::string& flag, std::string& value, const Words& valid,
                 const std::string& help) {
  text_flag(app, flag, value, join(valid, "|"), help)->check(one_of(valid));
}

template <class Number>
void count_flag(CLI::App& app, const std::string& flag, Number& value, const std::string& help) {
  app.add_option(flag, value, help)->type_name("N")->check(whole_number(0));
}

// One value a flag: "--set a=1 CFG" must not take CFG.
void list_flag(CLI::App& app, const std::string& flag, Words& values, const std::string& type,
               const std::string& help) {
  app.add_option(flag, values, help)->type_name(type)->allow_extra_args(false);
}

void dtype_flag(CLI::App& app, std::string& value, const std::string& flag = "--dtype") {
  choice_flag(app, flag, value, dtype_choices(),
              "numbers the weights are kept in; auto: what the checkpoint holds (default)");
}

void device_flag(CLI::App& app, std::string& value) { text_flag(app, "--device", value, "NAME", kDeviceHelp); }

void threads_flag(CLI::App& app, int& value) {
  count_flag(app, "--threads", value, "threads; 0 takes every core (default)");
}

void model_flag(CLI::App& app, std::string& value) {
  text_flag(app, "--model", value, "DIR", "folder of the checkpoint (config.json, *.safetensors, tokenizer)")
      ->required();
}

void config_argument(CLI::App& app, std::string& value) {
  app.add_option("CFG", value, "the experiment, a TOML file")->required();
}

void override_flags(CLI::App& app, ConfigOverrides& overrides) {
  list_flag(app, "--set", overrides.sets, "KEY=VALUE",
            "replaces a key, as in --set arm.sps-g4.drafter.length=5; may be repeated");
  list_flag(app, "--unset", overrides.unsets, "KEY", "takes a key or an arm out; may be repeated");
  app.add_option("--arms", overrides.arms, "only these arms and the baseline")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false);
  count_flag(app, "--limit", overrides.limit, "prompts to take, the categories in turn; 0 takes all");
  count_flag(app, "--threads", overrides.threads, "threads; 0 takes every core");
  count_flag(app, "--seed", overrides.seed, "seed of every random number of the run");
  text_flag(app, "--out", overrides.out, "DIR", "folder that runs are written to");
}

// --- The commands ---

void define_run(CLI::App& app, CommandLine& line) {
  config_argument(app, line.run.config);
  override_flags(app, line.run.overrides);
  choice_flag(app, "--resume", line.run.resume, {"auto", "force", "never"},
              "what to do with a run that was begun: auto goes on if nothing changed (default), force goes on in any "
              "case, never begins anew");
}

void define_plan(CLI::App& app, CommandLine& line) {
  config_argument(app, line.config);
  override_flags(app, line.overrides);
}

void define_config_show(CLI::App& app, CommandLine& line) {
  define_plan(app, line);
  line.format = "toml";
  choice_flag(app, "--format", line.format, {"toml", "json"},
              "toml tells where each value came from (default); json does not");
}

void define_config_check(CLI::App& app, CommandLine& line) {
  app.add_option("CFG", line.configs, "experiments, TOML files")->required();
  override_flags(app, line.overrides);
}

void define_verify(CLI::App& app, CommandLine& line) {
  VerifyArgs& args = line.verify;
  config_argument(app, args.config);
  override_flags(app, args.overrides);
  app.add_option("--rungs", args.rungs, "of L0 greedy text, L1 one step, L2 toy models, L3 whole texts (default: all)")
      ->type_name("L0,L1")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(one_of({"L0", "L1", "L2", "L3"}));
  app.add_option("--draws", args.draws,
                 "draws of L1, an arm, after its first text; after others a tenth (default: 300000)")
      ->type_name("N")
      ->check(whole_number(2));
  app.add_option("--max-tv", args.max_tv,
                 "total variation from the target that a lossy rule may have, instead of each arm's max_tv")
      ->type_name("TV")
      ->check(share());
  choice_flag(app, "--plant", args.plant, planted_fault_names(),
              "plants a fault in every arm's rule, to see the ladder fail; no certificate is written");
  choice_flag(app, "--format", args.format, {"text", "json"}, "text by default");
}

void define_list(CLI::App& app, CommandLine& line) {
  app.add_option("KIND", line.list.kind, "drafters, verifiers, samplers, stoppers or shapes; all without it")
      ->check(one_of({"drafters", "verifiers", "samplers", "stoppers", "shapes"}));
  choice_flag(app, "--format", line.list.format, {"text", "markdown", "json"}, "text by default");
}

void define_faults(CLI::App& app, CommandLine& line) {
  line.format = "text";
  choice_flag(app, "--format", line.format, {"text", "markdown", "json"}, "text by default");
}

void define_explain(CLI::App& app, CommandLine& line) {
  app.add_option("NAME", line.explained, "a plug-in, its option, a config key or a metric")->required();
}

void define_compare(CLI::App& app, CommandLine& line) {
  app.add_option("DIR", line.compare.runs, "run folders")->required();
  text_flag(app, "--metric", line.compare.metric, "NAME",
            "what is compared; `specula explain NAME` defines it (default: speedup)");
  choice_flag(app, "--format", line.compare.format, {"md", "csv", "json"}, "md by default");
}

void define_replay(CLI::App& app, CommandLine& line) {
  ReplayArgs& args = line.replay;
  app.add_option("DIR", args.run, "a run folder with traces ([output] record = \"distributions\")")->required();
  app.add_option("--arm", args.arms, "only the rounds of these arms (default: of all that drafted)")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false);
  text_flag(app, "--verifiers", args.verifiers, "CALLS",
            "as in 'rejection,kseq(gamma=2)' (default: every rule that takes the recorded draft)");
  text_flag(app, "--out", args.out, "DIR", "folder of the new run, new or empty (default: DIR/replay)");
  app.add_option("--draws", args.draws, "runs of a rule whose expected length has no exact form (default: 1000)")
      ->type_name("N")
      ->check(whole_number(1));
}

void define_generate(CLI::App& app, CommandLine& line) {
  GenerateArgs& args = line.generate;
  model_flag(app, args.model);
  text_flag(app, "--prompt", args.prompt, "TEXT", "the text to continue");
  text_flag(app, "--ids", args.ids, "1,2,3", "the tokens to continue; nothing is added to them");
  app.add_option("--max-new-tokens", args.max_new_tokens, "tokens after which a continuation is ended (default: 128)")
      ->type_name("N")
      ->check(whole_number(1));
  text_flag(app, "--drafter", args.drafter, "CALL", "as in 'draft_model(length=5)' (default: none)");
  text_flag(app, "--draft-model", args.draft_model, "DIR", "folder of the model that the drafter uses");
  text_flag(app, "--verifier", args.verifier, "CALL", "default: greedy_match at temperature 0, else rejection");
  text_flag(app, "--sampler", args.sampler, "CALLS", "as in 'temperature(0.7),top_p(0.9)' (default: temperature(0))");
  app.add_option("--seed", args.seed, "seed of every random number (default: 0)")
      ->type_name("N")
      ->check(whole_number(0));
  app.add_option("--repeat", args.repeat, "independent continuations, requests 0 to N-1 (default: 1)")
      ->type_name("N")
      ->check(whole_number(1));
  threads_flag(app, args.threads);
  dtype_flag(app, args.dtype);
  device_flag(app, args.device);
  choice_flag(app, "--draft-dtype", args.draft_dtype, dtype_choices(),
              "the same of the draft model (default: --dtype)");
  choice_flag(app, "--format", args.format, {"text", "json"},
              "text streams as it is accepted (default); json is one object a line");
  choice_flag(app, "--color", args.color, {"auto", "always", "never"},
              "colour of accepted draft tokens; auto: on a terminal, unless NO_COLOR is set");
}

void define_score(CLI::App& app, CommandLine& line) {
  model_flag(app, line.score.model);
  text_flag(app, "--ids", line.score.ids, "1,2,3", "the tokens to score; taken as they are");
  text_flag(
      app, "--text", line.score.text, "FILE",
      "the text to score, as the folder's tokenizer reads it; what is longer than the context is scored in parts");
  text_flag(app, "--logits", line.score.logits, "FILE", "also writes the logits, [T,V] float32, as .npy");
  dtype_flag(app, line.score.dtype);
  device_flag(app, line.score.device);
  choice_flag(app, "--against", line.score.against, dtype_choices(),
              "prints instead what --dtype costs against this one: NLL difference, KL, share of equal argmax");
  threads_flag(app, line.score.threads);
}

void define_tokenize(CLI::App& app, CommandLine& line) {
  model_flag(app, line.tokenize.model);
  app.add_option("TEXT", line.tokenize.text, "the text; after -- if it begins with a dash")->required();
  app.add_flag_callback(
      "--no-special", [&line] { line.tokenize.special = false; }, "without the begin and end tokens of the folder");
}

// --- Benchmarks ---

template <class Number>
CLI::Option* positive_flag(CLI::App& app, const std::string& flag, Number& value, const std::string& help) {
  return app.add_option(flag, value, help)->type_name("N")->check(whole_number(1));
}

template <class Number>
CLI::Option* numbers_flag(CLI::App& app, const std::string& flag, std::vector<Number>& values, const std::string& type,
                          const std::string& help) {
  return positive_flag(app, flag, values, help)->type_name(type)->delimiter(',')->allow_extra_args(false);
}

void dtypes_flag(CLI::App& app, Words& values) {
  const Words valid = dtype_choices();
  app.add_option("--dtype", values,
                 cat("numbers the weights are kept in, of ", join(valid),
                     "; several are loaded side by side and take turns (default: auto)"))
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(one_of(valid));
}

void define_bench(CLI::App& app, BenchArgs& args) {
  device_flag(app, args.device);
  threads_flag(app, args.threads);
  choice_flag(app, "--format", args.format, {"json", "text"}, "default: text with --output or --compare, else json");
  text_flag(app, "--output", args.output, "FILE", "writes the JSON there too");
  text_flag(app, "--compare", args.compare, "FILE", "prints each figure over that of this earlier result");
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
  numbers_flag(app, "--rows", args.rows, "1,2,4", "rows of a pass (default: 1,2,4,5,8,16)");
  numbers_flag(app, "--context", args.contexts, "64,1024", "tokens in the cache (default: 64)");
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
  text_flag(app, "--target", args.model, "DIR", "folder of the target")->required();
  text_flag(app, "--draft", args.draft, "DIR", "folder of the model that drafts")->required();
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
  app.add_flag("--list", args.list, "names them and runs none");
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
  numbers_flag(app, "--context", args.contexts, "1024,4096", "tokens of the text (default: 1024,4096,16384)");
  numbers_flag(app, "--corpus", args.corpora, "1000000", "tokens of a corpus (default: 1000000,10000000)");
  positive_flag(app, "--vocab", args.vocab, "of the synthetic texts (default: 32000)");
  repeats_flag(app, args.repeats);
  choice_flag(app, "--format", args.format, {"json", "text"}, "default: text with --output or --compare, else json");
  text_flag(app, "--output", args.output, "FILE", "writes the JSON there too");
  text_flag(app, "--compare", args.compare, "FILE", "prints each figure over that of this earlier result");
}

// --- Files for drafters ---

void corpus_flags(CLI::App& app, CorpusArgs& args) {
  app.add_option("CORPUS", args.corpus, "plain text or JSONL: files, folders (searched), globs")->required();
  text_flag(app, "--tokenizer", args.tokenizer, "DIR", "the target's folder, or another with its tokenizer")
      ->required();
  text_flag(app, "--output", args.output, "FILE", "the file to write")->required();
  choice_flag(app, "--format", args.format, {"auto", "text", "jsonl"},
              "of the corpus; auto: .jsonl and .ndjson are JSONL, all else is text (default)");
  text_flag(app, "--key", args.key, "KEY", "of a JSONL line that holds its text (default: text)");
  count_flag(app, "--max-tokens", args.max_tokens, "stops reading there; 0 reads all (default)");
}

void define_train_ngram_cache(CLI::App& app, CommandLine& line) {
  TrainNgramCacheArgs& args = line.train_ngram_cache;
  corpus_flags(app, args);
  app.add_option("--order", args.order, "tokens that the next one is counted behind, 1 to 4 (default: 2)")
      ->type_name("N")
      ->check(whole_number(1));
  app.add_option("--min-count", args.min_count, "leaves out what was seen less often (default: 1)")
      ->type_name("N")
      ->check(whole_number(1));
}

void define_train_retrieval(CLI::App& app, CommandLine& line) { corpus_flags(app, line.train_retrieval); }

void define_train_token_ranks(CLI::App& app, CommandLine& line) { corpus_flags(app, line.train_token_ranks); }

void define_train_acceptance_vector(CLI::App& app, CommandLine& line) {
  TrainAcceptanceArgs& args = line.train_acceptance_vector;
  config_argument(app, args.config);
  override_flags(app, args.overrides);
  text_flag(app, "--draft", args.draft, "NAME", "of [models] (default: what the first arm drafts with)");
  app.add_option("--ranks", args.ranks, "siblings to measure, 1 to 64 (default: 32)")
      ->type_name("N")
      ->check(whole_number(1));
  text_flag(app, "--output", args.output, "FILE", "the file to write")->required();
}

void define_train_sequoia(CLI::App& app, CommandLine& line) {
  TrainSequoiaArgs& args = line.train_sequoia;
  app.add_option("VECTOR", args.vector, "of `specula train acceptance_vector`, or a JSON array")->required();
  numbers_flag(app, "--budgets", args.budgets, "1,2,4", "rows of a verification pass, root included")->required();
  app.add_option("--target-times", args.target_times, "of such passes (`specula bench forward`), in any unit")
      ->type_name("10,10,12")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->required();
  app.add_option("--draft-time", args.draft_time, "of a pass of the draft model, in the same unit")
      ->type_name("T")
      ->required();
  app.add_option("--max-depth", args.max_depth, "of the tree, 1 to 64 (default: 10)")
      ->type_name("N")
      ->check(whole_number(1));
  text_flag(app, "--output", args.output, "FILE", "the tree to write")->required();
}

void define_tree(CLI::App& app, CommandLine& line) {
  app.add_option("FILE", line.tree.file, "paths, parents or a grow map, as JSON")->required();
  choice_flag(app, "--to", line.tree.to, {"paths", "parents"}, "prints the tree in this form instead");
  text_flag(app, "--output", line.tree.output, "FILE", "writes it there");
}

void define_doctor(CLI::App& app, CommandLine& line) {
  text_flag(app, "--model", line.doctor.model, "DIR", "also tries the batch invariance of this checkpoint");
  dtype_flag(app, line.doctor.dtype);
  device_flag(app, line.doctor.device);
  threads_flag(app, line.doctor.threads);
}

ExitCode run_generate(CommandLine& line) {
  GenerateArgs& args = line.generate;
  if (args.has_prompt == args.has_ids) {
    throw ConfigError(
        cat("specula generate: ", args.has_ids ? "both --prompt and --ids are" : "neither --prompt nor --ids is",
            " given; expected exactly one"));
  }
  return generate_command(args);
}

// --- Parsing ---

// Finds flags that the command does not have; the word behind a flag that takes a value is no flag.
void check_flags(const CLI::App& app, const std::string& who, const Words& words) {
  Words valid{"--help"};
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      if (name != "help") valid.push_back("--" + name);
    }
  }
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    const std::string& word = words[i];
    if (word.size() < 2 || word[0] != '-' || std::isdigit(static_cast<unsigned char>(word[1])) != 0) continue;
    const std::string flag = word.substr(0, word.find('='));
    if (std::find(valid.begin(), valid.end(), flag) == valid.end()) {
      throw ConfigError(cat(who, ": unknown flag '", flag, "'", suggestion(flag, valid)));
    }
    if (word == flag && app.get_option(flag)->get_items_expected_min() > 0) ++i;
  }
}

std::vector<FlagHelp> flags_of(const CLI::App& app) {
  std::vector<FlagHelp> flags;
  for (const CLI::Option* option : app.get_options()) {
    const bool argument = option->get_positional();
    flags.push_back({.name = argument ? option->get_name(true) : option->get_name(),
                     .type = argument || option->get_items_expected_max() == 0 ? "" : option->get_type_name(),
                     .help = option->get_description(),
                     .required = option->get_required(),
                     .many = argument && option->get_items_expected_max() > 1});
  }
  return flags;
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::string kDemo = "configs/studies/quickstart.toml", kModel = "--model assets/demo/target";
  static const std::vector<Command> kCommands = {
      {"run",
       "decodes the prompts of an experiment with each of its arms and compares them",
       {"specula run " + kDemo, "specula run " + kDemo + " --limit 4 --set sampler.temperature=0.7",
        "specula run " + kDemo + " --arms sps-g4 --out /tmp/runs"},
       define_run,
       [](CommandLine& line) { return run_command(line.run); }},
      {"plan",
       "shows what a run would do: arms, guarantees, models, prompts, hash, folder",
       {"specula plan " + kDemo, "specula plan " + kDemo + " --limit 4"},
       define_plan,
       [](CommandLine& line) { return plan_command(line.config, line.overrides); }},
      {"config show",
       "prints every key of a configuration, default or not, and its origin",
       {"specula config show " + kDemo, "specula config show " + kDemo + " --format json"},
       define_config_show,
       [](CommandLine& line) { return config_show_command(line.config, line.overrides, line.format); }},
      {"config check",
       "checks configurations without running anything",
       {"specula config check " + kDemo, "specula config check configs/smoke/*.toml"},
       define_config_check,
       [](CommandLine& line) { return config_check_command(line.configs, line.overrides); }},
      {"list",
       "lists the drafters, verifiers, samplers, stoppers and shapes of draft trees",
       {"specula list", "specula list drafters --format markdown"},
       define_list,
       [](CommandLine& line) { return list_command(line.list); }},
      {"verify",
       "certifies that each arm decodes what its rule promises; exit status 4 if not",
       {"specula verify configs/studies/demo_t1.toml", "specula verify configs/studies/demo_t1.toml --rungs L2,L0",
        "specula verify configs/studies/demo_t1.toml --arms sps-g4 --plant redraw"},
       define_verify,
       [](CommandLine& line) { return verify_command(line.verify); }},
      {"faults",
       "refutes each planted fault anew: what the certificates are able to find",
       {"specula faults", "specula faults --format markdown"},
       define_faults,
       [](CommandLine& line) { return faults_command(line.format); }},
      {"explain",
       "documents a plug-in, an option, a config key or a metric on one screen",
       {"specula explain draft_model", "specula explain draft_model.length", "specula explain measure.repetitions",
        "specula explain tau"},
       define_explain,
       [](CommandLine& line) { return explain_command(line.explained); }},
      {"compare",
       "compares the arms of finished runs, pair by pair, with intervals",
       {"specula compare runs/demo/*", "specula compare runs/demo/* --metric tau --format csv"},
       define_compare,
       [](CommandLine& line) { return compare_command(line.compare); }},
      {"replay",
       "judges the recorded rounds of a run by other acceptance rules, without a model",
       {"specula replay runs/record-t1/*", "specula replay runs/record-t1/* --arm iid --verifiers rejection,agreement"},
       define_replay,
       [](CommandLine& line) { return replay_command(line.replay); }},
      {"generate",
       "continues one prompt",
       {"specula generate " + kModel + " --prompt 'Once upon a time' --max-new-tokens 64",
        "specula generate " + kModel + " --ids 1,409,310 --format json",
        "specula generate " + kModel +
            " --draft-model assets/demo/draft --prompt 'Mia had' --drafter 'draft_model(length=4)' --sampler "
            "'temperature(0.7),top_p(0.9)'"},
       define_generate,
       run_generate},
      {"score",
       "scores given tokens with a model: negative log-likelihoods as JSON",
       {"specula score " + kModel + " --ids 1,409,310",
        "specula score " + kModel + " --dtype int8 --against bf16 --text README.md",
        "specula score " + kModel + " --ids 1,409,310 --logits logits.npy"},
       define_score,
       [](CommandLine& line) { return score_command(line.score); }},
      {"tokenize",
       "prints the token ids of a text as a JSON array",
       {"specula tokenize " + kModel + " 'Once upon a time'",
        "specula tokenize " + kModel + " --no-special 'a red kite'"},
       define_tokenize,
       [](CommandLine& line) { return tokenize_command(line.tokenize); }},
      {"bench forward",
       "times passes of several numbers of rows beside the memory bandwidth",
       {"specula bench forward " + kModel + " --dtype bf16 --rows 1,2,4,5,8,16 --context 64",
        "specula bench forward " + kModel + " --dtype bf16,int8 --output forward.json"},
       define_bench_forward,
       [](CommandLine& line) { return bench_forward_command(line.bench_forward); },
       bench_definitions("bench forward")},
      {"bench prefill",
       "times taking in a prompt beside the machine's matrix product",
       {"specula bench prefill " + kModel + " --dtype bf16 --tokens 512"},
       define_bench_prefill,
       [](CommandLine& line) { return bench_prefill_command(line.bench_prefill); },
       bench_definitions("bench prefill")},
      {"bench decode",
       "times autoregressive decoding",
       {"specula bench decode " + kModel + " --dtype bf16 --tokens 64 --context 64"},
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
       {"specula bench load " + kModel + " --dtype bf16"},
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
      {"doctor",
       "checks the machine and the build: threads, bandwidth, batch invariance",
       {"specula doctor", "specula doctor --threads 2", "specula doctor " + kModel + " --dtype bf16"},
       define_doctor,
       [](CommandLine& line) { return doctor_command(line.doctor); }},
  };
  return kCommands;
}

ExitCode run_leaf(const Command& command, const Words& words, Words argv) {
  const std::string who = "specula " + command.name;
  CommandLine line;
  CLI::App app;
  app.set_help_flag();
  command.define(app, line);
  const auto end = std::find(words.begin(), words.end(), "--");
  if (std::find(words.begin(), end, "--help") != end || std::find(words.begin(), end, "-h") != end) {
    std::cout << command_help(command, flags_of(app));
    return ExitCode::kOk;
  }
  check_flags(app, who, words);
  try {
    app.parse(Words(words.rbegin(), words.rend()));  // CLI11 reads from the back
  } catch (const CLI::ExtrasError&) {
    throw ConfigError(cat(who, ": too many arguments; see ", who, " --help"));
  } catch (const CLI::ParseError& e) {
    throw ConfigError(cat(who, ": ", e.what(), "; see ", who, " --help"));
  }
  if (command.name == "generate") {
    line.generate.has_prompt = app.count("--prompt") > 0;
    line.generate.has_ids = app.count("--ids") > 0;
  }
  for (BenchArgs* const args :
       std::initializer_list<BenchArgs*>{&line.bench_forward, &line.bench_prefill, &line.bench_decode,
                                         &line.bench_round, &line.bench_load, &line.bench_drafters})
    args->argv = words;
  line.replay.argv = argv;
  line.run.argv = std::move(argv);
  return command.run(line);
}

}  // namespace specula
