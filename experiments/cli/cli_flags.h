// The flags of a command, and the one place that knows CLI11: a command names a flag, the field that it fills and what
// it is for; errors name the command, the given word and the valid ones.  Internal to cli*.cpp.  Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/cli/cli_commands.h"

namespace specula {

using Words = std::vector<std::string>;
enum class Need { kOptional, kRequired };

// What the examples of the help name.
inline const std::string kDemoConfig = "configs/studies/quickstart.toml", kDemoModel = "--model assets/demo/target";

// Words without dashes; `valid` restricts them where it is not empty.
void argument(CLI::App& app, const std::string& name, std::string& value, const std::string& help,
              Need need = Need::kRequired, const Words& valid = {});
void arguments(CLI::App& app, const std::string& name, Words& values, const std::string& help,
               Need need = Need::kRequired);

void text_flag(CLI::App& app, const std::string& flag, std::string& value, const std::string& type,
               const std::string& help, Need need = Need::kOptional);
void choice_flag(CLI::App& app, const std::string& flag, std::string& value, const Words& valid,
                 const std::string& help);
// True where the flag is given; false where it is.
void switch_flag(CLI::App& app, const std::string& flag, bool& value, const std::string& help);
void off_switch_flag(CLI::App& app, const std::string& flag, bool& value, const std::string& help);

// Whole numbers of at least `low`; made for int, int64_t and uint64_t.
template <class Number>
void count_flag(CLI::App& app, const std::string& flag, Number& value, const std::string& help, int64_t low = 0);
template <class Number>
void positive_flag(CLI::App& app, const std::string& flag, Number& value, const std::string& help) {
  count_flag(app, flag, value, help, 1);
}
void share_flag(CLI::App& app, const std::string& flag, double& value, const std::string& type,
                const std::string& help);
void number_flag(CLI::App& app, const std::string& flag, double& value, const std::string& type,
                 const std::string& help, Need need = Need::kOptional);

// Several values: of a flag that is given again for each, or behind one flag with commas between them.
void repeated_flag(CLI::App& app, const std::string& flag, Words& values, const std::string& type,
                   const std::string& help);
void names_flag(CLI::App& app, const std::string& flag, Words& values, const std::string& type, const std::string& help,
                const Words& valid = {});
// Whole numbers of at least 1; made for int and int64_t.
template <class Number>
void counts_flag(CLI::App& app, const std::string& flag, std::vector<Number>& values, const std::string& type,
                 const std::string& help, Need need = Need::kOptional);
void numbers_flag(CLI::App& app, const std::string& flag, std::vector<double>& values, const std::string& type,
                  const std::string& help, Need need = Need::kOptional);

// What several commands share.
void config_argument(CLI::App& app, std::string& value);
void override_flags(CLI::App& app, ConfigOverrides& overrides);
void sweep_flag(CLI::App& app, ConfigOverrides& overrides);
void model_flag(CLI::App& app, std::string& value, Need need = Need::kRequired);
void dtype_flag(CLI::App& app, std::string& value, const std::string& flag = "--dtype");
void device_flag(CLI::App& app, std::string& value);
void threads_flag(CLI::App& app, int& value);

}  // namespace specula
