// What drafters share that let the target draft chains for itself, by passes over its own cache which leave out layers
// or hide a part of the text: layer_skip, early_exit, kangaroo, swift, sliding_window_self.  The cache holds all
// committed text but the root, so a round begins with one row, and it must be left as it was found.  Licence:
// Apache-2.0.
#pragma once

#include <string>
#include <vector>

#include "drafters/stoppers/nested_stopper.h"
#include "framework/decode/chain_draft.h"
#include "framework/decode/registry.h"

namespace specula {

// Visited by the options of each, behind its own.
struct SelfOptions {
  int length = 4;
  std::string draw = "auto";
  Call stop;
  template <class V>
  void visit(V& v) {
    v("length", length, 1, 64, "tokens drafted in a round (gamma)", "tokens");
    v("draw", draw, {"auto", "sample", "greedy", "coupled"},
      "sample: draw from q; greedy: take its most likely token; coupled: draw from q with the target's own noise; "
      "auto: what the verifier wants");
    v("stop", stop, "stopper", kStopHelp);
  }
};

// `place` of the drafter's options, for errors.
Facts self_facts(const SelfOptions& options, const std::string& place, Policy policy);

class SelfDrafter : public Drafter {
 public:
  SelfDrafter(const SelfOptions& options, const std::string& place, const Parts& parts);
  void begin(std::span<const Prefix> prefixes, std::span<const int64_t> requests, const Pass& prefill) override;
  void observe(const Feedback& feedback) override;
  std::vector<std::pair<std::string, double>> notes(size_t b) const override;

 protected:
  // What a round begins with: the last token of each text; of drafters with a cache of their own, what that lacks too.
  virtual std::vector<Token> catch_up(size_t /*b*/, const Prefix& text) { return {text.back()}; }
  // Chains of at most `length` tokens.  What `forward` fed stays in the target's cache: roll_back() or resume it.
  std::vector<DraftTree> chains(const Round& round, const std::function<Pass(const std::vector<RowList>&)>& forward);
  std::vector<DraftTree> chains(const Round& round, const Ask& ask);  // by passes of the target; rolled back
  static void roll_back(const Round& round);

 private:
  SelfOptions options_;
  ChainStop stop_;
};

}  // namespace specula
