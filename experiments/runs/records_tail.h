// Records as they are written: each look reads what is new.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#include "experiments/run/records.h"

namespace specula {

class RecordsTail {
 public:
  explicit RecordsTail(std::filesystem::path file);
  // The records behind those that were read before; a line without its end is left for the next time.  Throws Error
  // for a line that is no record.
  std::vector<Record> read();
  // Of a unit (a prompt in a repetition, by all arms) of the newest segment, loading and warming up included; no value
  // before the first one.
  std::optional<double> seconds_per_unit() const;

 private:
  void count(const Record& record);

  std::filesystem::path file_;
  int64_t at_ = 0, line_ = 0;
  int segment_ = -1;
  std::set<int64_t> units_;
  double end_us_ = 0;
};

}  // namespace specula
