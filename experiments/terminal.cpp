#include "experiments/terminal.h"

#include <unistd.h>

#include <cstdlib>

namespace specula {

bool wants_color(const std::string& choice) {
  if (choice != "auto") return choice == "always";
  const char *no_color = std::getenv("NO_COLOR"), *terminal = std::getenv("TERM");
  const bool refused =
      (no_color != nullptr && *no_color != '\0') || (terminal != nullptr && std::string(terminal) == "dumb");
  return !refused && ::isatty(STDOUT_FILENO) != 0;
}

}  // namespace specula
