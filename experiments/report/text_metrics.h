// How varied and how repetitive the texts of an arm are, from their token ids alone.  Licence: Apache-2.0.
#pragma once

#include <optional>

#include "experiments/report/metrics_record.h"
#include "experiments/report/summary_cells.h"

namespace specula {

// The 4-grams of a text that stood in it before, over all of them.  No value: its ids are not known.
std::optional<Fraction> repeated_ngrams(const Record& record);

// distinct_1 and distinct_2.  A union of texts is no sum over groups, so they have no interval.
void add_distinct_metrics(const Slice& slice, CellSummary& cell);

}  // namespace specula
