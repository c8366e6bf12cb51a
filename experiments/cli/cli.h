// The command line: every subcommand with its flags, and the help.  Licence: Apache-2.0.
#pragma once

#include "framework/core/error.h"

namespace specula {

// Parses and runs one command.  Throws ConfigError for a wrong command line, and what the command throws.
ExitCode run_command_line(int argc, const char* const* argv);

// What `specula --version` prints: version, commit, build.
std::string version_text();

}  // namespace specula
