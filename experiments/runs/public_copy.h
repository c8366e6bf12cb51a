// A copy of a run folder that may be published: what names the person or the machine, and every token, stays behind;
// hashes, counts and times go along, so that the copy can be compared and summarised like the run.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace specula {

// What must be in no file of a copy, beside paths.
struct Identity {
  std::string user, host, home;
};
Identity identity_of_process();

// Whatever looks like an absolute path becomes its last two components, less a home folder in front of them; the host
// becomes "host", the home folder and the user's name "user" ("root" tells nothing and stays).
std::string without_identity(const std::string& text, const Identity& identity);

// Copies into a new folder and returns what was left out or changed, a line each, which left_out.txt holds too.
// Throws ConfigError if `out` exists, Error if `run_folder` is no run.
std::vector<std::string> copy_for_public(const std::filesystem::path& run_folder, const std::filesystem::path& out,
                                         const Identity& identity);

}  // namespace specula
