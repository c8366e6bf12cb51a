// `specula train distill`: a draft model learns a target's distributions.  Licence: Apache-2.0.
#include "framework/train/distill.h"

#include "experiments/train/distill_keys.h"
#include "experiments/train/model_keys.h"
#include "experiments/train/training.h"

namespace specula {
ExitCode train_distill_command(const TrainModelArgs& args) {
  TrainFile file(args.config, args.overrides, {"model", "distill"});
  ModelKeys model = read_model_keys(file);
  DistillKeys keys;
  file.section("distill", keys, {"target"});
  if (keys.target.empty()) file.problem("distill", "target", "is missing; expected the folder of a model");
  keys.target = file.folder("distill", "target");
  Training training{.kind = "distill", .config = file.finish(), .tokenizer = tokenizer_of(model)};
  training.folders["target"] = keys.target;
  if (!model.from.empty()) training.folders["from"] = model.from;
  training.make = [&](const TrainTexts& /*texts*/) {
    const auto seed = static_cast<uint64_t>(training.config.train.seed);
    const DistillOptions options{.loss = parse_divergence(keys.loss),
                                 .beta = keys.beta,
                                 .data_share = keys.data_share,
                                 .on_policy = keys.on_policy,
                                 .written = keys.written,
                                 .gamma = keys.gamma,
                                 .seed = seed};
    return make_distill(decoder_of(model, seed), keys.target, options, decoder_training(training.config));
  };
  return run_training(training, args);
}

}  // namespace specula
