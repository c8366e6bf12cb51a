#include "experiments/runs/records_tail.h"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "framework/core/error.h"

namespace specula {

RecordsTail::RecordsTail(std::filesystem::path file) : file_(std::move(file)) {}

std::vector<Record> RecordsTail::read() {
  std::ifstream in(file_, std::ios::binary);
  in.seekg(at_);
  std::ostringstream rest;
  if (in) rest << in.rdbuf();
  std::string text = rest.str();
  text.resize(text.rfind('\n') + 1);  // npos + 1 is 0
  at_ += static_cast<int64_t>(text.size());
  std::vector<Record> records;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    records.push_back(parse_record(line, cat(file_.string(), ":", ++line_)));
    count(records.back());
  }
  return records;
}

std::optional<double> RecordsTail::seconds_per_unit() const {
  if (units_.empty()) return std::nullopt;
  return 1e-6 * end_us_ / static_cast<double>(units_.size());
}

void RecordsTail::count(const Record& record) {
  if (record.segment != segment_) {
    segment_ = record.segment;
    units_.clear();
    end_us_ = 0;
  }
  units_.insert(record.order);
  end_us_ = std::max(end_us_, record.start_us + record.e2e_us);
}

}  // namespace specula
