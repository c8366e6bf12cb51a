// [[expect]]: what a figure of a run should be, so that a claim becomes a check.  Licence: Apache-2.0.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "framework/core/params.h"

namespace specula {

struct Expectation {
  std::string arm, metric;
  std::string kind = "portable";  // portable: a miss ends the run with exit status 3; hardware: it warns
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();
};

// The keys of one, as the file has them; NaN: not given.
struct ExpectKeys {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  std::string arm, metric, kind = "portable";
  double value = kNone, tol_frac = kNone, tol_abs = kNone, min = kNone, max = kNone;

  template <class V>
  void visit(V& v) {
    v("arm", arm, "the arm whose figure it is, over all prompts");
    v("metric", metric, "one of those that specula explain defines");
    v("value", value, -kMaxNumber, kMaxNumber, "what it should be, within tol_frac or tol_abs");
    v("tol_frac", tol_frac, 0.0, kMaxNumber, "how far it may be away, as a share of the value");
    v("tol_abs", tol_abs, 0.0, kMaxNumber, "how far it may be away; the larger one counts where both are given");
    v("min", min, -kMaxNumber, kMaxNumber, "what it should be at least, instead of a value");
    v("max", max, -kMaxNumber, kMaxNumber, "what it should be at most, instead of a value");
    v("kind", kind, {"portable", "hardware"},
      "a miss of a portable one ends the run with exit status 3, of another warns");
  }
};
std::vector<Option> expect_options();  // for explain and the schema

struct Problems;
// Those of the arms in `kept`; those of other arms of the file (`all`) are checked and left out.  `resolved` becomes
// the list as it was understood, without keys that were not given.
std::vector<Expectation> read_expectations(const Value& list, const std::vector<std::string>& all,
                                           const std::vector<std::string>& kept, Value& resolved, Problems& problems);

}  // namespace specula
