#include "experiments/run/segments.h"

#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "experiments/run/manifest.h"
#include "experiments/run/shard.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

using Json = nlohmann::ordered_json;
using Names = std::vector<std::string>;

Segment segment_of(const Json& json) {
  return {.number = json.at("seg"),
          .build = json.value("build", ""),
          .host = json.value("host", ""),
          .argv = json.value("argv", Names{}),
          .identity = json.value("identity", std::map<std::string, std::string>{}),
          .mixed = json.at("mixed").get<Names>()};
}

}  // namespace

void append_segment(const std::filesystem::path& folder, const Segment& s) {
  const Json line = {{"seg", s.number}, {"utc", utc_now()},       {"argv", s.argv},  {"build", s.build},
                     {"host", s.host},  {"identity", s.identity}, {"mixed", s.mixed}};
  LineFile file(folder / "segments.jsonl");
  file.append(line.dump(-1, ' ', false, Json::error_handler_t::replace));
  file.sync();
}

std::vector<Segment> read_segments(const std::filesystem::path& folder) {
  std::vector<Segment> all;
  const std::filesystem::path file = folder / "segments.jsonl";
  if (!std::filesystem::exists(file)) return all;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    const Json json = Json::parse(line, nullptr, false);
    if (!json.is_discarded()) all.push_back(segment_of(json));  // else a torn last line
  }
  return all;
}

std::vector<std::string> mixes_of(const std::filesystem::path& run_folder, int shards) {
  Names all;
  std::set<std::string> hosts;
  for (int i = 0; i < shards; ++i) {
    const Shard shard{i, shards};
    for (const Segment& segment : read_segments(shard_folder(run_folder, shard))) {
      const std::string of_shard = shard.is_whole() ? "" : cat(" of shard ", shard.text());
      for (const std::string& text : segment.mixed)
        all.push_back(cat("segment ", segment.number, of_shard, " has another ", text));
      if (!segment.host.empty()) hosts.insert(segment.host);
    }
  }
  // Not their names, since summaries are published; `specula merge` tells them.
  if (hosts.size() > 1) all.push_back(cat("its speeds are put together from ", hosts.size(), " hosts"));
  return all;
}

}  // namespace specula
