#include "experiments/run/shared_prefill.h"

#include <algorithm>

#include "framework/core/clock.h"
#include "framework/decode/decode.h"
#include "framework/decode/rows.h"

namespace specula {

const PrefilledPrompts& SharedPrefill::of(const LanguageModel& target, const std::vector<Prefix>& prompts,
                                          int64_t room) {
  for (const auto& known : known_) {
    if (known->target == &target && known->prompts == prompts) return *known;
  }
  size_t longest = 0;
  for (const Prefix& prompt : prompts) longest = std::max(longest, prompt.size());
  const InferenceScope inference;
  const double start = seconds_now();
  auto cache = target.new_cache(static_cast<int>(prompts.size()), static_cast<int64_t>(longest) + room);
  prefill(target, *cache, prompts, {.logits = Logits::kNone});
  const double seconds = seconds_now() - start;
  known_.push_back(std::make_unique<PrefilledPrompts>(
      PrefilledPrompts{.target = &target, .prompts = prompts, .cache = std::move(cache), .seconds = seconds}));
  return *known_.back();
}

}  // namespace specula
