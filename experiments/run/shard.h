// One of n parts of a run: the prompts whose ids hash to it, with all their arms and repetitions, so that pairs never
// cross processes.  A prompt keeps its shard when others are added.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <string>

namespace specula {

struct Shard {
  int index = 0, count = 1;

  bool is_whole() const { return count == 1; }
  bool has(const std::string& prompt) const;
  std::string text() const;  // "0/4", as --shard takes it
  std::string name() const;  // "s000-of-004", as files are called
};

Shard parse_shard(const std::string& text);  // throws ConfigError
int shard_of(const std::string& prompt, int count);

// Where a shard keeps what it alone writes: status, environment, log, traces.  Of a whole run it is the run folder.
std::filesystem::path shard_folder(const std::filesystem::path& run_folder, const Shard& shard);
std::filesystem::path records_file(const std::filesystem::path& run_folder, const Shard& shard);

}  // namespace specula
