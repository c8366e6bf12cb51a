// What the drafters share that draft with the target's first E layers and let the others verify from where those
// stopped: early_exit, kangaroo.  The keys of those layers stay in the target's cache, and the verification resumes
// from their states (4 H bytes a row).  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "drafters/self_drafter.h"

namespace specula {

// Visited by the options of each, behind its own.
struct ExitOptions {
  bool reuse = true;
  SelfOptions self;
  template <class V>
  void visit(V& v) {
    v("reuse", reuse,
      "the verification goes on from the drafts' states; false: it computes all layers, for comparison");
    self.visit(v);
  }
};

class ExitDrafter : public SelfDrafter {
 public:
  ExitDrafter(const ExitOptions& options, const std::string& place, const Parts& parts);
  std::vector<DraftTree> draft(const Round& round) override;
  Started started() const override { return started_; }

 protected:
  virtual int exit_of(int64_t layers) const = 0;  // E of a target of so many layers
  // A pass of the first layers over rows that all stand in the tree; its hidden states [B,R,1,H] are those at the exit.
  using First = std::function<Pass(const std::vector<RowList>& lists, Logits logits)>;
  // The logits of the last row of each list.
  virtual Pass score(const std::vector<RowList>& lists, const First& first) = 0;

 private:
  ExitOptions options_;
  Started started_;
};

}  // namespace specula
