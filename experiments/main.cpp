// The program `specula`: runs a command line and turns what was thrown into text on standard error and an exit status.
// Licence: Apache-2.0.
#include <algorithm>
#include <iostream>
#include <sstream>

#include "experiments/cli/cli.h"

namespace {

// Each problem on its line; lines of an excerpt of the file begin with a space and stay as they are.
void print_config_error(const std::string& text) {
  std::istringstream lines(text);
  int problems = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool excerpt = line.empty() || line.front() == ' ';
    problems += excerpt ? 0 : 1;
    std::cerr << (excerpt ? "" : "error: ") << line << "\n";
  }
  if (problems > 1) std::cerr << problems << " errors. ";
  std::cerr << "Nothing was run.\n";
}

}  // namespace

int main(int argc, char** argv) {
  using specula::ExitCode;
  ExitCode code = ExitCode::kRuntime;
  try {
    code = specula::run_command_line(argc, argv);
    std::cout.flush();
    if (!std::cout) throw specula::Error("standard output: cannot write");
  } catch (const specula::ConfigError& e) {
    print_config_error(e.what());
    code = e.code();
  } catch (const specula::Error& e) {
    std::cerr << "error: " << e.what() << "\n";
    code = e.code();
  } catch (const std::logic_error& e) {
    std::cerr << "internal error: " << e.what() << "\nThis is a mistake in Specula, not in your input.\n";
  } catch (const std::exception& e) {
    std::cerr << "error: " << e.what() << "\n";
  }
  return static_cast<int>(code);
}
