#include "framework/model/heads/head_target.h"

#include "framework/core/error.h"

namespace specula {

const DecoderModel& target_of(const ModelInfo& head, const LoadOptions& options) {
  if (options.target == nullptr)
    throw Error(cat(head.path, ": a head of kind '", head.head,
                    "', which is of no use without its target; name it as "
                    "the head of a drafter"));
  const ModelInfo& target = options.target->info();
  const auto fits = [&](const char* what, int64_t own, int64_t its) {
    if (own != its)
      throw Error(cat(head.path, ": a head for a target of ", what, " ", own, "; ", target.path, " has ", its));
  };
  fits("hidden size", head.hidden, target.hidden);
  fits("vocabulary", head.vocab, target.vocab);
  const auto* own = dynamic_cast<const DecoderModel*>(options.target);
  if (own == nullptr)
    throw Error(cat(head.path, ": its target runs on '", options.target->engine(), "'; heads need device \"cpu\""));
  if (own->dtype() != options.dtype)
    throw Error(cat(head.path, ": dtype ", name_of(options.dtype), ", but its target is loaded as ",
                    name_of(own->dtype()), ", and they share tables; expected the same"));
  return *own;
}

}  // namespace specula
