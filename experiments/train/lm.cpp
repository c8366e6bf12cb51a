// `specula train lm`: a decoder learns to continue text.  Licence: Apache-2.0.
#include "experiments/train/model_keys.h"
#include "experiments/train/training.h"

namespace specula {

ExitCode train_lm_command(const TrainModelArgs& args) {
  TrainFile file(args.config, args.overrides, {"model"});
  const ModelKeys keys = read_model_keys(file);
  Training training{.kind = "lm", .config = file.finish(), .tokenizer = tokenizer_of(keys)};
  if (!keys.from.empty()) training.folders["from"] = keys.from;
  training.make = [&](const TrainTexts& /*texts*/) {
    const auto seed = static_cast<uint64_t>(training.config.train.seed);
    return make_lm(decoder_of(keys, seed), decoder_training(training.config));
  };
  return run_training(training, args);
}

}  // namespace specula
