#include "experiments/cli/cli_flags.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iostream>

#include "framework/model/device.h"

namespace specula {
namespace {

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

template <class Value>
CLI::Option* flag_of(CLI::App& app, const std::string& flag, Value& value, const std::string& type,
                     const std::string& help, Need need = Need::kOptional) {
  return app.add_option(flag, value, help)->type_name(type)->required(need == Need::kRequired);
}

// One value a flag: "--set a=1 CFG" must not take CFG.
template <class Value>
CLI::Option* list_of(CLI::App& app, const std::string& flag, Value& values, const std::string& type,
                     const std::string& help, Need need = Need::kOptional) {
  return flag_of(app, flag, values, type, help, need)->allow_extra_args(false);
}

}  // namespace

void argument(CLI::App& app, const std::string& name, std::string& value, const std::string& help, Need need,
              const Words& valid) {
  CLI::Option* option = app.add_option(name, value, help)->required(need == Need::kRequired);
  if (!valid.empty()) option->check(one_of(valid));
}

void arguments(CLI::App& app, const std::string& name, Words& values, const std::string& help, Need need) {
  app.add_option(name, values, help)->required(need == Need::kRequired);
}

void text_flag(CLI::App& app, const std::string& flag, std::string& value, const std::string& type,
               const std::string& help, Need need) {
  flag_of(app, flag, value, type, help, need);
}

void choice_flag(CLI::App& app, const std::string& flag, std::string& value, const Words& valid,
                 const std::string& help) {
  flag_of(app, flag, value, join(valid, "|"), help)->check(one_of(valid));
}

void switch_flag(CLI::App& app, const std::string& flag, bool& value, const std::string& help) {
  app.add_flag(flag, value, help);
}

void off_switch_flag(CLI::App& app, const std::string& flag, bool& value, const std::string& help) {
  app.add_flag_callback(
      flag, [&value] { value = false; }, help);
}

template <class Number>
void count_flag(CLI::App& app, const std::string& flag, Number& value, const std::string& help, int64_t low) {
  flag_of(app, flag, value, "N", help)->check(whole_number(low));
}
template void count_flag(CLI::App&, const std::string&, int&, const std::string&, int64_t);
template void count_flag(CLI::App&, const std::string&, int64_t&, const std::string&, int64_t);
template void count_flag(CLI::App&, const std::string&, uint64_t&, const std::string&, int64_t);

void share_flag(CLI::App& app, const std::string& flag, double& value, const std::string& type,
                const std::string& help) {
  flag_of(app, flag, value, type, help)->check(share());
}

void number_flag(CLI::App& app, const std::string& flag, double& value, const std::string& type,
                 const std::string& help, Need need) {
  flag_of(app, flag, value, type, help, need);
}

void repeated_flag(CLI::App& app, const std::string& flag, Words& values, const std::string& type,
                   const std::string& help) {
  list_of(app, flag, values, type, help);
}

void names_flag(CLI::App& app, const std::string& flag, Words& values, const std::string& type, const std::string& help,
                const Words& valid) {
  CLI::Option* option = list_of(app, flag, values, type, help)->delimiter(',');
  if (!valid.empty()) option->check(one_of(valid));
}

template <class Number>
void counts_flag(CLI::App& app, const std::string& flag, std::vector<Number>& values, const std::string& type,
                 const std::string& help, Need need) {
  list_of(app, flag, values, type, help, need)->delimiter(',')->check(whole_number(1));
}
template void counts_flag(CLI::App&, const std::string&, std::vector<int>&, const std::string&, const std::string&,
                          Need);
template void counts_flag(CLI::App&, const std::string&, std::vector<int64_t>&, const std::string&, const std::string&,
                          Need);

void numbers_flag(CLI::App& app, const std::string& flag, std::vector<double>& values, const std::string& type,
                  const std::string& help, Need need) {
  list_of(app, flag, values, type, help, need)->delimiter(',');
}

// --- What several commands share ---

void config_argument(CLI::App& app, std::string& value) { argument(app, "CFG", value, "the experiment, a TOML file"); }

void override_flags(CLI::App& app, ConfigOverrides& overrides) {
  repeated_flag(app, "--set", overrides.sets, "KEY=VALUE",
                "replaces a key, as in --set arm.sps-g4.drafter.length=5; may be repeated");
  repeated_flag(app, "--unset", overrides.unsets, "KEY", "takes a key or an arm out; may be repeated");
  names_flag(app, "--arms", overrides.arms, "A,B", "only these arms and the baseline");
  count_flag(app, "--limit", overrides.limit, "prompts to take, the categories in turn; 0 takes all");
  count_flag(app, "--threads", overrides.threads, "threads; 0 takes every core");
  count_flag(app, "--seed", overrides.seed, "seed of every random number of the run");
  text_flag(app, "--out", overrides.out, "DIR", "folder that runs are written to");
}

void sweep_flag(CLI::App& app, ConfigOverrides& overrides) {
  repeated_flag(app, "--sweep", overrides.sweeps, "KEY=VALUES",
                "one cell for each value: a list as in sampler.temperature=0,0.7 or a range as in "
                "arm.sps-g4.drafter.length=1-8, 1-16*2, 0-1+0.25; may be repeated for all combinations");
}

void model_flag(CLI::App& app, std::string& value, Need need) {
  text_flag(app, "--model", value, "DIR", "folder of the checkpoint (config.json, *.safetensors, tokenizer)", need);
}

void dtype_flag(CLI::App& app, std::string& value, const std::string& flag) {
  choice_flag(app, flag, value, dtype_choices(),
              "numbers the weights are kept in; auto: what the checkpoint holds (default)");
}

void device_flag(CLI::App& app, std::string& value) { text_flag(app, "--device", value, "NAME", kDeviceHelp); }

void threads_flag(CLI::App& app, int& value) {
  count_flag(app, "--threads", value, "threads; 0 takes every core (default)");
}

// --- Parsing ---

namespace {

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

std::string name_of(const CLI::Option& option) {
  return option.get_positional() ? option.get_name(true) : option.get_name();
}

std::vector<FlagHelp> flags_of(const CLI::App& app) {
  std::vector<FlagHelp> flags;
  for (const CLI::Option* option : app.get_options()) {
    const bool argument = option->get_positional();
    flags.push_back({.name = name_of(*option),
                     .type = argument || option->get_items_expected_max() == 0 ? "" : option->get_type_name(),
                     .help = option->get_description(),
                     .required = option->get_required(),
                     .many = argument && option->get_items_expected_max() > 1});
  }
  return flags;
}

}  // namespace

std::vector<FlagHelp> flags_of(const Command& command) {
  CommandLine line;
  CLI::App app;
  app.set_help_flag();
  command.define(app, line);
  return flags_of(app);
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
  for (const CLI::Option* option : app.get_options()) {
    if (option->count() > 0) line.given.push_back(name_of(*option));
  }
  if (command.name == "tokenize") line.tokenize.has_text = app.count("TEXT") > 0;
  for (GenerateArgs* const args : std::initializer_list<GenerateArgs*>{&line.generate, &line.trace}) {
    if (command.name != "generate" && command.name != "trace") continue;
    args->has_prompt = app.count("--prompt") > 0;
    args->has_ids = app.count("--ids") > 0;
  }
  for (BenchArgs* const args : std::initializer_list<BenchArgs*>{
           &line.bench_forward, &line.bench_prefill, &line.bench_decode, &line.bench_round, &line.bench_load,
           &line.bench_drafters, &line.bench_tokenize})
    args->argv = words;
  line.replay.argv = line.rerun.argv = line.papers.argv = line.train_model.argv = argv;
  line.run.argv = std::move(argv);
  return command.run(line);
}

}  // namespace specula
