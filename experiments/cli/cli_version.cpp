// Apart from cli.cpp: the stamp changes with every commit, and this file compiles fast.  Licence: Apache-2.0.
#include <string>

#include "build_stamp.h"
#include "experiments/cli/cli.h"

namespace specula {

std::string version_text() {
  const std::string sha = SPECULA_GIT_SHA,
                    sanitizers = SPECULA_SANITIZERS;  // NOLINT(readability-redundant-string-init)
  return cat("specula ", SPECULA_VERSION, " (", sha.empty() ? "no git commit" : "commit " + sha.substr(0, 10),
             SPECULA_GIT_DIRTY ? ", changed since" : "", ", ", SPECULA_BUILD_TYPE, ", ", SPECULA_COMPILER,
             sanitizers.empty() ? "" : ", sanitizers " + sanitizers, ", LibTorch ", SPECULA_TORCH_VERSION, ")");
}

}  // namespace specula
