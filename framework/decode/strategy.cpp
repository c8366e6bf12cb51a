#include "framework/decode/strategy.h"

namespace specula {

Decoded decode(const Strategy& strategy, const StrategyTask& task, const Prefix& prompt) {
  const InferenceScope inference;
  check_prompt(task.target, prompt, task.request, task.max_new_tokens);
  if (task.max_new_tokens <= 0) return {prompt, Stop::kLimit};
  return strategy.decode(task, prompt);
}

void FinalText::prefill_done() const {
  if (task_.log != nullptr) task_.log->prefill_done(task_.clock);
}

void FinalText::pass(const std::vector<std::vector<Token>>& possible, Notes notes) {
  const size_t before = told_.size();
  const auto agreed = [&](size_t at) {
    return std::all_of(possible.begin(), possible.end(), [&](const std::vector<Token>& text) {
      return at < text.size() && text[at] == possible.front()[at];
    });
  };
  while (agreed(told_.size())) told_.push_back(possible.front()[told_.size()]);
  const int64_t index = passes_++;
  if (task_.log == nullptr) return;
  static const DraftTree kNoTree;
  static const Tensor kNoRows;
  static const Verdict kNoVerdict;
  task_.log->round({.index = index,
                    .sequence = 0,
                    .start = static_cast<int64_t>(prompt_ + before),
                    .new_tokens = std::span(told_).subspan(before),
                    .drafted = 0,
                    .draft_depth = 0,
                    .accepted = 0,
                    .cut = false,
                    .probes = 0,
                    .tree = kNoTree,
                    .p = kNoRows,
                    .verdict = kNoVerdict,
                    .notes = std::move(notes)},
                   task_.clock);
}

Prefix FinalText::text(const Prefix& prompt) const {
  Prefix whole = prompt;
  whole.insert(whole.end(), told_.begin(), told_.end());
  return whole;
}

}  // namespace specula
