// What is said of records beside them, one line for each record: scores.jsonl by scorers, nll.jsonl by the target in
// float32.  Derived: both can be made again, and records stay as they are.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "experiments/run/records.h"

namespace specula {

using Scores = std::map<RecordKey, RecordScore>;
using Likelihoods = std::map<RecordKey, RecordNll>;

void write_scores(const std::filesystem::path& run_folder, const Scores& scores);  // atomically
void write_likelihoods(const std::filesystem::path& run_folder, const Likelihoods& likelihoods);
// None where there is no such file.  Throw Error with file:line for a line that is something else.
Scores read_scores(const std::filesystem::path& run_folder);
Likelihoods read_likelihoods(const std::filesystem::path& run_folder);
// Both, each beside the record that it is about.
void attach_scores(const std::filesystem::path& run_folder, std::vector<Record>& records);

}  // namespace specula
