#include "experiments/cli/cli.h"

#include <algorithm>
#include <iostream>

#include "experiments/cli/cli_commands.h"

namespace specula {
namespace {

using Words = std::vector<std::string>;

// The words that may follow `group` ("" for the first).
Words names_after(const std::string& group) {
  Words names;
  for (const Command& command : commands()) {
    const std::string prefix = group.empty() ? "" : group + " ";
    if (!command.name.starts_with(prefix)) continue;
    const std::string rest = command.name.substr(prefix.size());
    const std::string name = rest.substr(0, rest.find(' '));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace

const std::vector<Command>& commands() {
  static const std::vector<Command> kCommands = [] {
    std::vector<Command> all;
    for (const auto& part :
         {experiment_commands, report_commands, run_commands, text_commands, bench_commands, tool_commands})
      for (Command& command : part()) all.push_back(std::move(command));
    return all;
  }();
  return kCommands;
}

ExitCode run_command_line(int argc, const char* const* argv) {
  const Words words(argv + std::min(argc, 1), argv + argc);
  if (words.empty()) {
    std::cerr << program_help();
    return ExitCode::kConfig;
  }
  if (words[0] == "--help" || words[0] == "-h") {
    std::cout << program_help();
    return ExitCode::kOk;
  }
  if (words[0] == "--version") {
    std::cout << version_text() << "\n";
    return ExitCode::kOk;
  }
  if (words[0].starts_with("-")) {
    throw ConfigError(cat("specula: unknown flag '", words[0], "'", suggestion(words[0], {"--help", "--version"})));
  }
  const Words names = names_after("");
  if (std::find(names.begin(), names.end(), words[0]) == names.end()) {
    throw ConfigError(cat("specula: unknown command '", words[0], "'", suggestion(words[0], names)));
  }
  const Words below = names_after(words[0]);
  const bool group = !below.empty();
  if (group && words.size() > 1 && (words[1] == "--help" || words[1] == "-h")) {
    std::cout << program_help();
    return ExitCode::kOk;
  }
  if (group && (words.size() < 2 || std::find(below.begin(), below.end(), words[1]) == below.end())) {
    const std::string given = words.size() < 2 ? "" : words[1];
    throw ConfigError(cat("specula ", words[0], ": ",
                          given.empty() ? "a command is missing" : cat("unknown command '", given, "'"),
                          suggestion(given, below)));
  }
  const std::string name = group ? words[0] + " " + words[1] : words[0];
  const auto command =
      std::find_if(commands().begin(), commands().end(), [&](const Command& c) { return c.name == name; });
  return run_leaf(*command, Words(words.begin() + (group ? 2 : 1), words.end()), Words(argv, argv + argc));
}

}  // namespace specula
