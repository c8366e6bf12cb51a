// What `specula status` says of trainings.  Licence: Apache-2.0.
#pragma once

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

namespace specula {

// The folder itself, or those below it, in the order of their names.
std::vector<std::filesystem::path> find_trainings(const std::filesystem::path& folder);

// "runs/train/eagle: eagle, running, 293 of 480 (61%), heartbeat 2 s ago; best after step 250: accepted_t1 1.18", and
// its last error below.  Throws Error.
std::string training_status_text(const std::filesystem::path& folder, std::time_t now);

}  // namespace specula
