// The commands that take a model and a text.  Licence: Apache-2.0.
#include <algorithm>

#include "experiments/cli/cli_flags.h"

namespace specula {
namespace {

// What continues which prompt.
void generation_flags(CLI::App& app, GenerateArgs& args, Need model = Need::kRequired) {
  model_flag(app, args.model, model);
  text_flag(app, "--prompt", args.prompt, "TEXT", "the text to continue");
  choice_flag(app, "--chat", args.chat, chat_format_choices(),
              "the prompt is the first message of a chat, in the format of the folder's own template or of this name; "
              "none gives it as it is (default)");
  text_flag(app, "--ids", args.ids, "1,2,3", "the tokens to continue; nothing is added to them");
  positive_flag(app, "--max-new-tokens", args.max_new_tokens,
                cat("tokens after which a continuation is ended (default: ", args.max_new_tokens, ")"));
  text_flag(app, "--drafter", args.drafter, "CALL", "as in 'draft_model(length=5)' (default: none)");
  text_flag(app, "--draft-model", args.draft_model, "DIR", "folder of the model that the drafter uses");
  text_flag(app, "--verifier", args.verifier, "CALL", "default: greedy_match at temperature 0, else rejection");
  text_flag(app, "--sampler", args.sampler, "CALLS", "as in 'temperature(0.7),top_p(0.9)' (default: temperature(0))");
  count_flag(app, "--seed", args.seed, "seed of every random number (default: 0)");
  threads_flag(app, args.threads);
  dtype_flag(app, args.dtype);
  device_flag(app, args.device);
  choice_flag(app, "--draft-dtype", args.draft_dtype, dtype_choices(),
              "the same of the draft model (default: --dtype)");
}

void color_flag(CLI::App& app, std::string& value, const std::string& help) {
  choice_flag(app, "--color", value, {"auto", "always", "never"},
              help + "; auto: on a terminal, unless NO_COLOR is set");
}

void define_generate(CLI::App& app, CommandLine& line) {
  GenerateArgs& args = line.generate;
  generation_flags(app, args);
  text_flag(app, "--strategy", args.strategy, "CALL",
            "as in 'beam(width=4)', in the place of drafter and verifier; specula list strategies");
  positive_flag(app, "--repeat", args.repeat, "independent continuations, requests 0 to N-1 (default: 1)");
  choice_flag(app, "--format", args.format, {"text", "json"},
              "text streams as it is accepted (default); json is one object a line");
  color_flag(app, args.color, "colour of accepted draft tokens");
}

void define_trace(CLI::App& app, CommandLine& line) {
  TraceArgs& args = line.trace;
  RunTraceArgs& of_run = line.run_trace;
  argument(app, "RUN", of_run.folder, "the folder of a finished run, to show what happened in it; no model is loaded",
           Need::kOptional);
  argument(app, "PROMPT", of_run.prompt, "the id of one of its prompts", Need::kOptional);
  text_flag(app, "--arm", of_run.arm, "ARM", "of RUN; default: all");
  count_flag(app, "--turn", of_run.turn, "of the prompt's turns, counted from 0 (default: 0)");
  count_flag(app, "--rep", of_run.rep, "of the run's repetitions, counted from 0 (default: 0)");
  text_flag(app, "--out", of_run.out, "FILE", "writes what is shown of RUN there");
  color_flag(app, of_run.color, "of what is shown of RUN");
  choice_flag(app, "--format", of_run.format, {"text", "json", "html"},
              "text by default; json is one object; html, of RUN, is one page that loads nothing");
  generation_flags(app, args, Need::kOptional);
  positive_flag(app, "--top", args.top, "tokens shown of each distribution (default: 5)");
  switch_flag(app, "--layers", args.layers, "also times the layers");
  switch_flag(app, "--attention", args.attention,
              "also tells how far attention spreads; by the float32 reference forward, which needs its own memory");
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
  count_flag(app, "--chunk", line.score.chunk, "tokens of a pass; 1 goes token by token, 0 takes 128 (default)");
  threads_flag(app, line.score.threads);
}

void define_tokenize(CLI::App& app, CommandLine& line) {
  TokenizeArgs& args = line.tokenize;
  model_flag(app, args.model);
  argument(app, "TEXT", args.text, "the text; after -- if it begins with a dash", Need::kOptional);
  text_flag(app, "--file", args.file, "FILE",
            "instead of TEXT: every line is a text, or a JSON string in *.jsonl; prints a line for each");
  off_switch_flag(app, "--no-special", args.special, "without the begin and end tokens of the folder");
  switch_flag(app, "--written", args.written,
              "control tokens that are spelled out in the text become their ids; nothing is added");
  switch_flag(app, "--pieces", args.pieces, "prints the tokens as the vocabulary spells them");
  switch_flag(app, "--decode", args.decode,
              "TEXT and lines are token ids, 1,2,3 or a JSON array; prints their texts as JSON strings");
}

void check_prompt_flags(const std::string& command, const GenerateArgs& args) {
  if (args.has_prompt != args.has_ids) return;
  throw ConfigError(cat("specula ", command, ": ",
                        args.has_ids ? "both --prompt and --ids are" : "neither --prompt nor --ids is",
                        " given; expected exactly one"));
}

ExitCode run_generate(CommandLine& line) {
  check_prompt_flags("generate", line.generate);
  return generate_command(line.generate);
}

// A finished run, or a decode here and now: no flag of one goes with the other.
void check_trace_flags(const CommandLine& line) {
  static const Words kOfRun = {"RUN", "PROMPT", "--arm", "--turn", "--rep", "--out", "--color"};
  const bool is_run = !line.run_trace.folder.empty();
  if (!is_run && line.trace.model.empty())
    throw ConfigError(
        "specula trace: neither RUN nor --model is given; expected RUN PROMPT, or --model with --prompt or --ids");
  for (const std::string& word : line.given) {
    const bool of_run = std::find(kOfRun.begin(), kOfRun.end(), word) != kOfRun.end();
    if (word == "--format" || of_run == is_run) continue;
    throw ConfigError(is_run ? cat("specula trace: RUN and ", word, " are given; a run is shown without decoding")
                             : cat("specula trace: ", word, " is given without RUN; expected RUN PROMPT"));
  }
  if (!is_run && line.run_trace.format == "html")
    throw ConfigError("specula trace: --format html is given without RUN; expected text or json");
}

ExitCode run_trace(CommandLine& line) {
  check_trace_flags(line);
  if (!line.run_trace.folder.empty()) return run_trace_command(line.run_trace);
  check_prompt_flags("trace", line.trace);
  line.trace.format = line.run_trace.format;
  return trace_command(line.trace);
}

}  // namespace

std::vector<Command> text_commands() {
  return {
      {"generate",
       "continues one prompt",
       {"specula generate " + kDemoModel + " --prompt 'Once upon a time' --max-new-tokens 64",
        "specula generate " + kDemoModel + " --ids 1,409,310 --format json",
        "specula generate " + kDemoModel +
            " --draft-model assets/demo/draft --prompt 'Mia had' --drafter 'draft_model(length=4)' --sampler "
            "'temperature(0.7),top_p(0.9)'"},
       define_generate,
       run_generate},
      {"trace",
       "shows what a finished run did with a prompt, or each stage of a text decoded now",
       {"specula trace runs/demo/333c68536f_demo 12",
        "specula trace runs/recorded/record-t1/0d2c7a91b4_record-t1 12 --arm iid --format html --out rounds.html",
        "specula trace " + kDemoModel + " --prompt 'Once upon a time'",
        "specula trace " + kDemoModel +
            " --draft-model assets/demo/draft --prompt 'Mia had' --drafter 'draft_model(length=4)' --sampler "
            "'temperature(0.7),top_p(0.9)' --layers --attention",
        "specula trace " + kDemoModel + " --ids 1,409,310 --format json"},
       define_trace,
       run_trace,
       trace_schema()},
      {"score",
       "scores given tokens with a model: negative log-likelihoods as JSON",
       {"specula score " + kDemoModel + " --ids 1,409,310",
        "specula score " + kDemoModel + " --dtype int8 --against bf16 --text README.md",
        "specula score " + kDemoModel + " --ids 1,409,310 --logits logits.npy"},
       define_score,
       [](CommandLine& line) { return score_command(line.score); }},
      {"tokenize",
       "prints the token ids of a text as a JSON array, or the text of ids",
       {"specula tokenize " + kDemoModel + " 'Once upon a time'",
        "specula tokenize " + kDemoModel + " --no-special 'a red kite'",
        "specula tokenize " + kDemoModel + " --file README.md --pieces",
        "specula tokenize " + kDemoModel + " --decode 1,409,310"},
       define_tokenize,
       [](CommandLine& line) { return tokenize_command(line.tokenize); }},
  };
}

}  // namespace specula
