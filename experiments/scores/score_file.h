// scores.jsonl, beside the records that it judges: one line for each of them that a scorer reads.  Derived: it can be
// made again, and records stay as they are.  Licence: Apache-2.0.
#pragma once

#include <filesystem>
#include <map>
#include <vector>

#include "experiments/run/records.h"

namespace specula {

using Scores = std::map<RecordKey, RecordScore>;

void write_scores(const std::filesystem::path& run_folder, const Scores& scores);  // atomically
// None where there is no such file.  Throws Error with file:line for a line that is no score.
Scores read_scores(const std::filesystem::path& run_folder);
void attach_scores(const Scores& scores, std::vector<Record>& records);

}  // namespace specula
