#include "experiments/run/records.h"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>

#include "experiments/scores/score_file.h"
#include "framework/core/error.h"
#include "framework/core/files.h"

namespace specula {
namespace {

void read_file_into(const std::filesystem::path& file, std::vector<Record>& all) {
  const std::string text = read_file(file);
  int64_t number = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) return;  // torn: the writer died in this line
    ++number;
    if (end > start)
      all.push_back(parse_record(std::string_view(text).substr(start, end - start), cat(file.string(), ":", number)));
    start = end + 1;
  }
}

RecordSet one_of_each_key(std::vector<Record> all) {
  RecordSet set;
  std::unordered_map<RecordKey, size_t, RecordKeyHash> kept;
  for (Record& record : all) {
    const auto [found, is_new] = kept.emplace(record.key, set.records.size());
    if (is_new) {
      set.records.push_back(std::move(record));
      continue;
    }
    Record& old = set.records[found->second];
    if (old.ok && record.ok) set.duplicates.push_back(record.key);
    ++set.superseded;
    if (record.ok || !old.ok) old = std::move(record);
  }
  return set;
}

}  // namespace

void Rounds::add_notes(const std::vector<std::pair<std::string, double>>& of_round) {
  for (const auto& [name, value] : of_round) {
    std::vector<double>& values = notes[name];
    values.resize(size(), std::numeric_limits<double>::quiet_NaN());
    values.back() = value;
  }
}

size_t RecordKeyHash::operator()(const RecordKey& key) const {
  const std::hash<std::string> of_text;
  const auto numbers =
      (static_cast<size_t>(key.turn) * 1000003 + static_cast<size_t>(key.rep)) * 2 + (key.trace ? 1 : 0);
  return (of_text(key.prompt) * 31 + of_text(key.arm)) * 31 + numbers;
}

double Record::ttft_us() const {
  for (size_t i = 0; i < rounds.ready_us.size(); ++i) {
    if (rounds.kept[i] > 0) return rounds.ready_us[i];
  }
  return 0;
}

double Record::latency_us() const { return batch == 1 || rounds.ready_us.empty() ? e2e_us : rounds.ready_us.back(); }

std::vector<Record> read_every_record(const std::filesystem::path& file) {
  std::vector<Record> all;
  if (std::filesystem::exists(file)) read_file_into(file, all);
  return all;
}

RecordSet read_records_of(const std::filesystem::path& file) { return one_of_each_key(read_every_record(file)); }

RecordSet read_records(const std::filesystem::path& run_folder) {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(run_folder / "records")) {
    for (const auto& entry : std::filesystem::directory_iterator(run_folder / "records")) {
      if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Record> all;
  for (const auto& file : files) read_file_into(file, all);
  RecordSet set = one_of_each_key(std::move(all));
  // The records of a unit lie in one file, in the order in which its arms were played.
  std::stable_sort(set.records.begin(), set.records.end(),
                   [](const Record& a, const Record& b) { return a.order < b.order; });
  attach_scores(run_folder, set.records);
  return set;
}

}  // namespace specula
