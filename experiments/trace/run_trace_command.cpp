// `specula trace RUN PROMPT`: what happened to a prompt of a finished run, round by round.  Licence: Apache-2.0.
#include <iostream>

#include "experiments/commands.h"
#include "experiments/terminal.h"
#include "experiments/trace/rounds_views.h"
#include "framework/core/files.h"
#include "framework/decode/decode.h"

namespace specula {
namespace {

std::string view_of(const RunTraceArgs& args, const PromptRounds& rounds) {
  if (args.format == "json") return rounds_json(rounds);
  if (args.format == "html") return rounds_page(rounds);
  const bool is_colored = args.color == "always" || (args.out.empty() && wants_color(args.color));
  return rounds_text(rounds, is_colored ? Color::kAnsi : Color::kPlain);
}

}  // namespace

ExitCode run_trace_command(const RunTraceArgs& args) {
  const InferenceScope inference;
  const std::string view = view_of(
      args,
      read_rounds({.run = args.folder, .prompt = args.prompt, .arm = args.arm, .turn = args.turn, .rep = args.rep}));
  if (args.out.empty()) {
    std::cout << view;
    return ExitCode::kOk;
  }
  write_file_atomically(args.out, view);
  std::cout << "Wrote " << args.out << "\n";
  return ExitCode::kOk;
}

}  // namespace specula
