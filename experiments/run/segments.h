// segments.jsonl: one line for each process that worked at a run or at a shard of it, with what it was.  Licence:
// Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace specula {

struct Segment {
  int number = 0;
  std::string build, host;
  std::vector<std::string> argv;
  std::map<std::string, std::string> identity;  // as the manifest's; empty: an older line
  std::vector<std::string> mixed;               // what differed from the manifest (--resume force)
};

void append_segment(const std::filesystem::path& folder, const Segment& segment);  // one line, synced
// Of a run or a shard; empty where there is no file.  Throws nlohmann::json::exception for a line of something else.
std::vector<Segment> read_segments(const std::filesystem::path& folder);

// What the speeds of a run mix: others than its first process, and several hosts.
std::vector<std::string> mixes_of(const std::filesystem::path& run_folder, int shards);

}  // namespace specula
