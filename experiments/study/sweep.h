// [sweep]: one file, many cells.  Every [[sweep.grid]] key is an axis of its own, the keys of a [[sweep.zip]] move
// together, [sweep.random] draws points; all of these are multiplied.  [[sweep.list]] appends single cells.
// Licence: Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "experiments/study/axis.h"

namespace specula {

struct SweepKeys {
  int64_t max_cells = 1000;
  std::string on_error = "continue";
  double max_failed_frac = 1;
  std::vector<std::string> exclude;

  template <class V>
  void visit(V& v) {
    v("max_cells", max_cells, 1, 1000000, "cells that a study may have; more are refused before anything runs",
      "cells");
    v("on_error", on_error, {"continue", "stop"}, "continue: a cell that fails stays visible and the next one runs");
    v("max_failed_frac", max_failed_frac, 0.0, 1.0,
      "share of the cells that may fail before the study stops; 1 goes on to the end");
    v("exclude", exclude,
      "conditions on keys, as in \"sampler.temperature == 0 && arm.a.drafter.length > 4\": cells that are left out");
  }
};

struct SweepPoint {
  std::vector<Assignment> set;
  std::string label;  // given in [[sweep.list]]; else ""
};

struct Sweep {
  SweepKeys keys;
  std::string origin;              // of [sweep]: the place of errors about it as a whole
  std::vector<std::string> paths;  // that are swept, in the order given
  std::vector<SweepPoint> points;
};

// What [sweep] and the --sweep flags ("KEY=1-8") ask for; a flag's axis takes the place of the file's axis of that key.
// `root` loses its [sweep].  Throws ConfigError: wrong tables, a key that is swept twice or set by --set, zipped keys
// of different lengths, more points than max_cells.
Sweep take_sweep(Value& root, const std::vector<std::string>& flags, const std::vector<std::string>& sets);

// "length=3 temperature=0.7": keys by the shortest end of their path that tells them apart.
std::string label_of(const SweepPoint& point, const std::vector<std::string>& paths);
std::string short_text(const Value& value);  // of a path its last component
std::string shown_path(const std::string& path);
std::string short_name(const std::string& path, const std::vector<std::string>& paths);

}  // namespace specula
