// `specula train early_exit`: a decoder whose first layers can draft for the others.  Licence: Apache-2.0.
#include "framework/train/early_exit.h"

#include "experiments/train/early_exit_keys.h"
#include "experiments/train/model_keys.h"
#include "experiments/train/training.h"

namespace specula {

ExitCode train_early_exit_command(const TrainModelArgs& args) {
  TrainFile file(args.config, args.overrides, {"model", "early_exit"});
  const ModelKeys model = read_model_keys(file);
  EarlyExitKeys keys;
  file.section("early_exit", keys);
  Training training{.kind = "early_exit", .config = file.finish(), .tokenizer = tokenizer_of(model)};
  if (!model.from.empty()) training.folders["from"] = model.from;
  training.make = [&](const TrainTexts& /*texts*/) {
    const auto seed = static_cast<uint64_t>(training.config.train.seed);
    const EarlyExitOptions options{.exit_layer = keys.exit_layer,
                                   .exit_scale = keys.exit_scale,
                                   .dropout = keys.layer_dropout,
                                   .gamma = keys.gamma,
                                   .seed = seed};
    return make_early_exit(decoder_of(model, seed), options, decoder_training(training.config));
  };
  return run_training(training, args);
}

}  // namespace specula
