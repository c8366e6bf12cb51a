#include "experiments/scores/decoded_with.h"

#include "framework/core/error.h"

namespace specula {

const RunModel& target_of(const RunInfo& run) {
  for (const RunModel& model : run.models) {
    if (model.name == run.baseline().target) return model;
  }
  throw Error(cat("the manifest does not name the folder of model '", run.baseline().target, "'"));
}

std::unique_ptr<Tokenizer> tokenizer_of(const RunInfo& run) {
  const std::string& folder = target_of(run).path;
  auto tokenizer = load_tokenizer(folder);
  if (tokenizer->fingerprint() != run.tokenizer)
    throw Error(cat(folder, ": its tokenizer is not the one that the run decoded with"));
  return tokenizer;
}

}  // namespace specula
