// What shells complete and man shows, made from the table of commands.  Licence: Apache-2.0.
#include <algorithm>

#include "experiments/cli/cli_flags.h"

namespace specula {
namespace {

// "config show" has the group "config".
std::string group_of(const Command& command) {
  const size_t blank = command.name.find(' ');
  return blank == std::string::npos ? "" : command.name.substr(0, blank);
}

Words first_words() {
  Words words;
  for (const Command& command : commands()) {
    const std::string word = command.name.substr(0, command.name.find(' '));
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

Words words_of_group(const std::string& group) {
  Words words;
  for (const Command& command : commands()) {
    if (group_of(command) == group) words.push_back(command.name.substr(group.size() + 1));
  }
  return words;
}

Words groups() {
  Words all;
  for (const Command& command : commands()) {
    const std::string group = group_of(command);
    if (!group.empty() && std::find(all.begin(), all.end(), group) == all.end()) all.push_back(group);
  }
  return all;
}

// The values of a choice, "md|csv|json"; none where the type only names what is expected.
Words choices_of(const FlagHelp& flag) {
  Words choices;
  if (flag.type.find('|') == std::string::npos) return choices;
  for (size_t start = 0; start <= flag.type.size();) {
    const size_t bar = std::min(flag.type.find('|', start), flag.type.size());
    choices.push_back(flag.type.substr(start, bar - start));
    start = bar + 1;
  }
  return choices;
}

// Where neither a command nor a flag nor a choice is expected, the shell completes files.
std::string bash_script() {
  std::string in_groups, choices, flags;
  for (const std::string& group : groups())
    in_groups += cat("      ", group, ") words=\"", join(words_of_group(group), " "), "\" ;;\n");
  for (const Command& command : commands()) {
    Words names{"--help"};
    for (const FlagHelp& flag : flags_of(command)) {
      if (!flag.name.starts_with("--")) continue;
      names.push_back(flag.name);
      const Words values = choices_of(flag);
      if (!values.empty())
        choices += cat("    \"", command.name, " ", flag.name, "\") words=\"", join(values, " "), "\" ;;\n");
    }
    flags += cat("        \"", command.name, "\") words=\"", join(names, " "), "\" ;;\n");
  }
  return cat(
      "_specula() {\n"
      "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} words=\n"
      "  local at=$COMP_CWORD\n"
      "  case $command in\n    ",
      join(groups(), "|"),
      ")\n      ((at > 2)) && command+=\" ${COMP_WORDS[2]}\" ;;\n  esac\n  case \"$command $previous\" in\n", choices,
      "    *)\n      if ((at == 1)); then\n        words=\"", join(first_words(), " "),
      "\"\n      elif ((at == 2)) && [[ $current != -* ]]; then\n        case $command in\n", in_groups,
      "        esac\n      elif [[ $current == -* ]]; then\n        case $command in\n", flags,
      "        esac\n      fi ;;\n  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
      "complete -o default -F _specula specula\n");
}

std::string fish_quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += (c == '\'' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return out + "'";
}

std::string fish_script() {
  std::string out = "complete -c specula -n __fish_use_subcommand -l version -d 'version, commit, build'\n";
  for (const Command& command : commands()) {
    const std::string group = group_of(command), seen = "__fish_seen_subcommand_from ";
    const std::string last = group.empty() ? command.name : command.name.substr(group.size() + 1);
    const std::string before = group.empty() ? "__fish_use_subcommand"
                                             : cat(seen, group, "; and not ", seen, join(words_of_group(group), " "));
    out +=
        cat("complete -c specula -n ", fish_quoted(before), " -a ", last, " -d ", fish_quoted(command.summary), "\n");
    const std::string within = group.empty() ? seen + last : cat(seen, group, "; and ", seen, last);
    for (const FlagHelp& flag : flags_of(command)) {
      if (!flag.name.starts_with("--")) continue;
      const Words values = choices_of(flag);
      out += cat("complete -c specula -n ", fish_quoted(within), " -l ", flag.name.substr(2),
                 values.empty() ? (flag.type.empty() ? "" : " -r") : cat(" -x -a ", fish_quoted(join(values, " "))),
                 " -d ", fish_quoted(flag.help), "\n");
    }
  }
  for (const std::string& group : groups()) out += cat("complete -c specula -n __fish_use_subcommand -a ", group, "\n");
  return out;
}

// What roff would read as a command or an escape.
std::string roff(const std::string& text) {
  std::string out = text.starts_with(".") || text.starts_with("'") ? "\\&" : "";
  for (const char c : text) out += c == '\\' ? std::string("\\e") : c == '-' ? std::string("\\-") : std::string(1, c);
  return out;
}

}  // namespace

std::string completion_script(const std::string& shell) {
  const std::string head = cat("# made by: specula completion ", shell, "\n");
  if (shell == "fish") return head + fish_script();
  return head + (shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "") + bash_script();
}

std::string man_page() {
  std::string out =
      cat(".TH SPECULA 1\n.SH NAME\nspecula \\- research on speculative decoding\n.SH SYNOPSIS\n.B specula\n",
          "COMMAND ...\n.SH COMMANDS\n");
  for (const Command& command : commands()) {
    out += cat(".SS \"specula ", command.name, "\"\n", roff(command.summary), ".\n");
    for (const FlagHelp& flag : flags_of(command))
      out += cat(".TP\n.B ", roff(flag.type.empty() ? flag.name : flag.name + " " + flag.type), "\n", roff(flag.help),
                 "\n");
    out += ".PP\n.EX\n";
    for (const std::string& example : command.examples) out += roff(example) + "\n";
    out += ".EE\n";
    for (const auto& [name, meaning] : command.terms) out += cat(".TP\n.B ", roff(name), "\n", roff(meaning), "\n");
  }
  return cat(out, ".SH EXIT STATUS\n.EX\n", roff(exit_codes()), ".EE\n");
}

}  // namespace specula
