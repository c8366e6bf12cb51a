// One pass of a target over the prompts of a turn, for every arm that is given the same ones: its cache is copied, its
// time billed to each.  Licence: Apache-2.0.
#pragma once

#include <memory>
#include <vector>

#include "framework/decode/drafter.h"
#include "framework/model/language_model.h"

namespace specula {

struct PrefilledPrompts {
  const LanguageModel* target = nullptr;
  std::vector<Prefix> prompts;
  std::unique_ptr<KvCache> cache;
  double seconds = 0;  // that the pass took
};

// Of one unit of a run; what it holds lives as long.
class SharedPrefill {
 public:
  // Those of an earlier arm where it was given the same prompts, else a new pass.  `room`: slots beyond the prompt.
  const PrefilledPrompts& of(const LanguageModel& target, const std::vector<Prefix>& prompts, int64_t room);

 private:
  std::vector<std::unique_ptr<PrefilledPrompts>> known_;
};

}  // namespace specula
