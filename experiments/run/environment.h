// The machine, the build and the libraries behind a number: env.json, and the warnings that belong beside every speed.
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

namespace specula {

std::string build_name();     // "3f9c21a", "3f9c21a+changes", "unknown"
std::string binary_sha256();  // of the running program
std::string cpu_model();      // "Intel(R) Xeon(R) ..."; "unknown"
std::string host_name();
// Models of the machine's NVIDIA devices, each once; empty: there are none, or the driver does not tell.
std::vector<std::string> gpu_models();

struct Environment {
  std::string json;                   // env.json, "\n" at its end
  std::vector<std::string> warnings;  // each with what to do about it
};
Environment read_environment(int threads);

}  // namespace specula
