// What every kind of `specula train KIND CFG` does with its objective: texts, folder, loop, result.  A kind reads its
// sections of the file, and says what learns; the rest is here.  Licence: Apache-2.0.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "experiments/commands.h"
#include "experiments/train/train_config.h"
#include "experiments/train/train_texts.h"
#include "framework/train/lm.h"
#include "framework/train/objective.h"

namespace specula {

struct Training {
  std::string kind;
  TrainConfig config;
  std::string tokenizer;                         // the folder whose tokenizer reads the texts
  std::map<std::string, std::string> folders{};  // of models that take part, by the name that errors show
  std::function<std::unique_ptr<Objective>(const TrainTexts& texts)> make{};
};

// Trains, or goes on where a training of the same folder was interrupted, and writes model/.  Throws Error.
ExitCode run_training(const Training& training, const TrainModelArgs& args);

DecoderTraining decoder_training(const TrainConfig& config);

}  // namespace specula
