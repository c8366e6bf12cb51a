// status.json and the marker beside it: how far the writer of a folder has come.  Licence: Apache-2.0.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace specula {

struct RunStatus {
  std::string state;                          // running, done, partial, interrupted, failed
  int64_t done = 0, total = 0, failed = 0;    // prompts x repetitions, the fenced ones too; failed: records
  std::string last_error{}, heartbeat_utc{};  // the latter is set by writing
};

void write_status(const std::filesystem::path& folder, const RunStatus& status, int segment);
// No value: there is none.  Throws Error for a file that is none.
std::optional<RunStatus> read_status(const std::filesystem::path& folder);
// Leaves exactly one of the empty files DONE, PARTIAL, FAILED.
void write_marker(const std::filesystem::path& folder, const std::string& marker);

}  // namespace specula
