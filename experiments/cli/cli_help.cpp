// The help texts.  Licence: Apache-2.0.
#include <algorithm>
#include <sstream>

#include "experiments/cli/cli_commands.h"

namespace specula {
namespace {

// A command that does not fit the line goes on below, as a shell takes it.
std::string example(const std::string& text) {
  constexpr size_t kWidth = 78;
  std::string out, line = " ";
  std::vector<std::string> units;  // words that stay together: what is quoted, and a flag with its value
  bool in_quotes = false;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool value = !units.empty() && units.back().starts_with("--") && units.back().find(' ') == std::string::npos;
    if (in_quotes || (value && !word.starts_with("--"))) {
      units.back() += " " + word;
    } else {
      units.push_back(word);
    }
    if (std::count(word.begin(), word.end(), '\'') % 2 == 1) in_quotes = !in_quotes;
  }
  for (const std::string& unit : units) {
    if (line.size() + 1 + unit.size() > kWidth) {
      out += line + " \\\n";
      line = "     ";
    }
    line += " " + unit;
  }
  return out + line + "\n";
}

}  // namespace

std::string exit_codes() {
  return "Exit codes:\n"
         "  0 ok                                1 failure at run time\n"
         "  2 usage or configuration            3 expectation or bound missed\n"
         "  4 guarantee violated                5 some cells failed\n"
         "  6 strict environment gate          75 interrupted, run again to resume\n"
         "  130 interrupted by the user\n";
}

std::string wrapped(const std::string& text, size_t indent, size_t width) {
  std::string out, line;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) {
      out += std::string(indent, ' ') + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + word;
  }
  return line.empty() ? out : out + std::string(indent, ' ') + line + "\n";
}

std::string labelled(const std::string& name, const std::string& text, size_t column, size_t width) {
  std::string out = "  " + name;
  std::string body = wrapped(text, column, width);
  if (body.empty()) return out + "\n";
  if (out.size() + 2 > column) return out + "\n" + body;
  return out + body.substr(out.size());
}

std::string program_help() {
  std::string out = "Examples:\n";
  for (const char* name : {"run", "generate", "explain"}) {
    for (const Command& command : commands()) {
      if (command.name == name) out += example(command.examples.front());
    }
  }
  out += "\nUsage: specula COMMAND ...\n";
  for (const Command& command : commands()) out += labelled(command.name, command.summary, 18);
  out += labelled("--help, -h", "this text; specula COMMAND --help tells the flags of a command", 18);
  out += labelled("--version", "version, commit, build", 18);
  out += "\n" + exit_codes();
  out += "\nResults go to standard output, everything else to standard error.\nEnvironment:\n";
  out += labelled("NO_COLOR", "no colour, whatever the terminal", 22);
  out += labelled("SPECULA_SET__A__B", "replaces the key a.b of every configuration, before --set", 22);
  return out;
}

std::string command_help(const Command& command, const std::vector<FlagHelp>& flags) {
  std::string out = "Examples:\n";
  for (const std::string& text : command.examples) out += example(text);
  std::string usage = "specula " + command.name;
  for (const FlagHelp& flag : flags) {
    const std::string form = flag.type.empty() ? flag.name : flag.name + " " + flag.type;
    if (flag.required) usage += cat(" ", form, flag.many ? "..." : "");
  }
  out += "\nUsage: " + usage + " [flags]\n" + wrapped(command.summary, 2) + "\n";
  for (const FlagHelp& flag : flags)
    out += labelled(flag.type.empty() ? flag.name : flag.name + " " + flag.type, flag.help, 26);
  out += labelled("--help, -h", "this text", 26);
  if (!command.terms.empty()) out += "\nFigures:\n";
  for (const auto& [name, meaning] : command.terms) out += labelled(name, meaning, 26);
  return out + "\n" + exit_codes();
}

}  // namespace specula
