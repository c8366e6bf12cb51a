// traces/<arm>.trace: the rounds of an arm as its rule saw them - tree, q, p - so that any rule can judge them again
// without a model.  A magic line, then frames of a size, a checksum and so many bytes: first the header, then one frame
// for each decoded turn, each appended by one write.  A row of p or q is sparse where fewer than half its entries are
// not zero, as after top-k or top-p; else it costs 4 bytes a token.  Little-endian.  A dying writer leaves a torn tail,
// which readers ignore and the next writer cuts off.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "experiments/run/records.h"
#include "framework/decode/decode.h"
#include "framework/decode/trace_reader.h"

namespace specula {

std::filesystem::path trace_path(const std::filesystem::path& run_folder, const std::string& arm);
// Those that are there: one, or one of each shard that has the arm.
std::vector<std::filesystem::path> trace_paths(const std::filesystem::path& run_folder, int shards,
                                               const std::string& arm);

// Gathers the rounds of one decode as bytes.
class TraceRecorder {
 public:
  void add(const RoundRecord& round);
  // The frame of the record whose rounds these are; the next decode begins empty.
  std::string take(const Record& record);

 private:
  std::string rounds_;
  uint32_t count_ = 0;
};

class TraceWriter {
 public:
  // Opens or creates.  In a file that is there, everything from the first frame on that is torn or whose record
  // `is_kept` does not know is cut off, so that a resume doubles nothing.  Throws ConfigError if its header is another.
  TraceWriter(const std::filesystem::path& path, const TraceHeader& header,
              const std::function<bool(const RecordKey&)>& is_kept);
  ~TraceWriter();
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;
  void append(const std::string& frame);  // throws Error
  void sync();                            // fdatasync

 private:
  std::string path_;
  int descriptor_ = -1;
};

// A turn with the record that its rounds belong to.
class TracedRecord : public TracedTurn {
 public:
  TracedRecord(std::string bytes, int64_t vocab, std::string place);
  Record blank;  // key, group, category, request, n_in; no rounds
};

class TraceReader {
 public:
  explicit TraceReader(const std::filesystem::path& path);  // throws Error
  const TraceHeader& header() const { return header_; }
  // No value: the end, or a torn tail.  Throws Error for a record of another arm.
  std::optional<TracedRecord> next();
  bool is_torn() const;  // after the end: bytes follow that are no frame

 private:
  TraceFrames frames_;
  std::string path_;
  TraceHeader header_;
};

}  // namespace specula
